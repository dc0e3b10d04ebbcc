"""libmlpjit by its C interface (mlpjit/c_api.h): a model from two files in memory, and its runs."""

import ctypes
import ctypes.util
import os
from pathlib import Path
from typing import Dict, Iterator, List, Optional

import numpy as np

from .errors import ConvertError, VerifyError
from .graph import NUMPY

DTYPES = ["f32", "f64", "i32", "i64", "bool"]  # mlpjit_dtype
OK, TOO_SMALL = 0, 8


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("interpret", ctypes.c_int),
        ("cast_halves", ctypes.c_int),
        ("exact_batch", ctypes.c_int),
        ("threads", ctypes.c_int),
    ]


class Input(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.POINTER(ctypes.c_int64)),
    ]


class Output(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * 8),
    ]


def _candidates() -> Iterator[str]:
    """Beside an install prefix or in a build folder above this file, else the system's."""
    for above in Path(__file__).resolve().parents:
        for folder in ("lib", "lib64", "lib/*-linux-gnu", "build/release/lib", "build/*/lib"):
            for found in sorted(above.glob(f"{folder}/libmlpjit.so*")):
                yield str(found)
    found = ctypes.util.find_library("mlpjit")
    if found:
        yield found
    yield "libmlpjit.so.0"
    yield "libmlpjit.so"


def find(named: Optional[str] = None) -> ctypes.CDLL:
    """The library that is named, or by MLPJIT_LIBRARY, else the first that is found."""
    named = named or os.environ.get("MLPJIT_LIBRARY")
    failures = []
    for name in [named] if named else _candidates():
        try:
            return _declared(ctypes.CDLL(name))
        except (OSError, AttributeError) as error:
            failures.append(str(error).split("\n")[0])
    raise ConvertError(
        "libmlpjit, which the converted model is to be verified with, "
        + (f"cannot be opened: {failures[0]}" if named else "is not found")
        + ".\nName it by MLPJIT_LIBRARY=/path/to/libmlpjit.so, "
        "or leave the verification out with --no-verify."
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    handle, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    signatures = {
        "mlpjit_last_error": (text, []),
        "mlpjit_version_string": (text, []),
        "mlpjit_load_memory": (
            handle,
            [text, size, text, size, ctypes.POINTER(Options)],
        ),
        "mlpjit_free": (None, [handle]),
        "mlpjit_output_count": (size, [handle]),
        "mlpjit_output_name": (text, [handle, size]),
        "mlpjit_run": (
            ctypes.c_int,
            [handle, ctypes.POINTER(Input), size, ctypes.POINTER(Output), size],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Model:
    """A model in memory, by the compiled way or the interpreter."""

    def __init__(self, library, symbol: bytes, parameters: bytes, interpret: bool = False):
        self._library = library
        options = Options(ctypes.sizeof(Options), int(interpret), 0, 0, 0)
        self._handle = library.mlpjit_load_memory(
            symbol, len(symbol), parameters, len(parameters), ctypes.byref(options)
        )
        if not self._handle:
            raise VerifyError(f"mlpjit does not read the converted model: {self._error()}")
        count = library.mlpjit_output_count(self._handle)
        self.outputs = [library.mlpjit_output_name(self._handle, i).decode() for i in range(count)]

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        self._library.mlpjit_free(self._handle)
        self._handle = None

    def _error(self) -> str:
        return self._library.mlpjit_last_error().decode(errors="replace")

    def run(self, arrays: List[np.ndarray]) -> Dict[str, np.ndarray]:
        """Outputs by name, for inputs in the model's order."""
        arrays = [np.ascontiguousarray(array).reshape(np.shape(array)) for array in arrays]
        inputs = (Input * max(len(arrays), 1))()
        for slot, array in zip(inputs, arrays):
            slot.data = array.ctypes.data
            slot.dtype = next(i for i, d in enumerate(DTYPES) if NUMPY[d] == array.dtype)
            slot.rank = array.ndim
            slot.sizes = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        outputs = (Output * max(len(self.outputs), 1))()
        status = self._call(inputs, len(arrays), outputs)
        results = []
        if status in (OK, TOO_SMALL):
            for slot in outputs[: len(self.outputs)]:
                shape = tuple(slot.sizes[: slot.rank])
                results.append(np.empty(shape, NUMPY[DTYPES[slot.dtype]]))
                slot.data, slot.bytes = results[-1].ctypes.data, results[-1].nbytes
            status = self._call(inputs, len(arrays), outputs)
        if status != OK:
            raise VerifyError(f"mlpjit does not run the converted model: {self._error()}")
        return dict(zip(self.outputs, results))

    def _call(self, inputs, count: int, outputs) -> int:
        return self._library.mlpjit_run(self._handle, inputs, count, outputs, len(self.outputs))
