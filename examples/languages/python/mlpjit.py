"""Trained models, run by mlpjit through its C interface: mlpjit/c_api.h says what each call does.

The library is the file that MLPJIT_LIBRARY names, else the system's libmlpjit.so.0.
"""

import ctypes
import math
import os
import weakref
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import NamedTuple

import numpy as np

_OK, _TOO_SMALL = 0, 8
_DTYPES = [np.dtype(name) for name in ("f4", "f8", "i4", "i8", "?")]  # by mlpjit_dtype


class _Input(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("dtype", c_int), ("rank", c_int32),
                ("sizes", POINTER(c_int64))]


class _Output(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("bytes", c_size_t), ("dtype", c_int), ("rank", c_int32),
                ("sizes", c_int64 * 8)]


# What ctypes is not told it takes for int, which cuts pointers in half: so everything is told.
_lib = ctypes.CDLL(os.environ.get("MLPJIT_LIBRARY", "libmlpjit.so.0"))
_PROTOTYPES = {
    "last_error": (c_char_p,),
    "status_text": (c_char_p, c_int),
    "load": (c_void_p, c_char_p, c_char_p, c_void_p),
    "free": (None, c_void_p),
    "class_count": (c_size_t, c_void_p),
    "class_name": (c_char_p, c_void_p, c_size_t),
    "run": (c_int, c_void_p, POINTER(_Input), c_size_t, POINTER(_Output), c_size_t),
    "bind": (c_void_p, c_void_p, POINTER(_Input), c_size_t),
    "bound_free": (None, c_void_p),
    "bound_run": (c_int, c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_void_p), c_size_t),
}
for _port in ("input", "output", "bound_output"):
    _PROTOTYPES[_port + "_count"] = (c_size_t, c_void_p)
    if _port != "bound_output":
        _PROTOTYPES[_port + "_name"] = (c_char_p, c_void_p, c_size_t)
    _PROTOTYPES[_port + "_dtype"] = (c_int, c_void_p, c_size_t)
    _PROTOTYPES[_port + "_rank"] = (c_int32, c_void_p, c_size_t)
    _PROTOTYPES[_port + "_size"] = (c_int64, c_void_p, c_size_t, c_int32)
for _name, (_result, *_arguments) in _PROTOTYPES.items():
    _function = getattr(_lib, "mlpjit_" + _name)
    _function.restype, _function.argtypes = _result, _arguments


class Error(Exception):
    """What mlpjit says of a call that failed."""


def _check(success):
    if not success:
        raise Error(_lib.mlpjit_last_error().decode())


class Port(NamedTuple):
    """An input or an output; a size of -1 is any."""
    name: str
    dtype: np.dtype
    shape: tuple


def _inputs(arrays):
    # The structs point into the arrays, which the caller keeps while they are used.
    return (_Input * len(arrays))(*(
        _Input(a.ctypes.data, _DTYPES.index(a.dtype), a.ndim, (c_int64 * a.ndim)(*a.shape))
        for a in arrays))


def _ask(handle, kind, what, *where):
    return getattr(_lib, f"mlpjit_{kind}_{what}")(handle, *where)


def _type(handle, kind, i):
    rank = _ask(handle, kind, "rank", i)
    return (_DTYPES[_ask(handle, kind, "dtype", i)],
            tuple(_ask(handle, kind, "size", i, axis) for axis in range(rank)))


class Model:
    """A file that save() wrote, an ONNX file, or the symbol file and the parameter file of export_model()."""

    def __init__(self, model_file, parameter_file=None):
        self._handle = _lib.mlpjit_load(
            os.fsencode(model_file), parameter_file and os.fsencode(parameter_file), None)
        _check(self._handle)
        weakref.finalize(self, _lib.mlpjit_free, self._handle)
        self.inputs, self.outputs = self._ports("input"), self._ports("output")
        self.classes = [_lib.mlpjit_class_name(self._handle, i).decode()
                        for i in range(_lib.mlpjit_class_count(self._handle))]
        self._bytes = [0] * len(self.outputs)  # that the outputs took so far

    def _ports(self, kind):
        return [Port(_ask(self._handle, kind, "name", i).decode(), *_type(self._handle, kind, i))
                for i in range(_ask(self._handle, kind, "count"))]

    def _arrays(self, values):
        # Row-major, of the model's types; numpy refuses what would lose more than precision.
        if len(values) != len(self.inputs):
            raise TypeError(f"the model takes {len(self.inputs)} inputs, not {len(values)}")
        return [np.asarray(value).astype(port.dtype, order="C", casting="same_kind", copy=False)
                for value, port in zip(values, self.inputs)]

    def run(self, *values):
        """The outputs, a list of arrays."""
        arrays = self._arrays(values)
        inputs = _inputs(arrays)
        while True:
            memory = [np.empty(size, np.uint8) for size in self._bytes]
            outputs = (_Output * len(memory))(*(_Output(m.ctypes.data, m.size) for m in memory))
            status = _lib.mlpjit_run(self._handle, inputs, len(inputs), outputs, len(outputs))
            _check(status in (_OK, _TOO_SMALL))
            ports = [Port("", _DTYPES[o.dtype], tuple(o.sizes[:o.rank])) for o in outputs]
            needed = [port.dtype.itemsize * math.prod(port.shape) for port in ports]
            if status == _OK:
                return [m[:size].view(port.dtype).reshape(port.shape)
                        for m, size, port in zip(memory, needed, ports)]
            self._bytes = needed  # and once more

    def bind(self, *shapes):
        """A call for inputs of these shapes alone, which is quicker."""
        return Bound(self, shapes)


class Bound:
    """Takes inputs of its shapes and gives the outputs, in arrays that the next call overwrites."""

    def __init__(self, model, shapes):
        self._inputs = [np.zeros(shape, port.dtype)
                        for shape, port in zip(shapes, model.inputs, strict=True)]
        self._handle = _lib.mlpjit_bind(model._handle, _inputs(self._inputs), len(self._inputs))
        _check(self._handle)
        weakref.finalize(self, _lib.mlpjit_bound_free, self._handle)
        types = [_type(self._handle, "bound_output", i)
                 for i in range(_lib.mlpjit_bound_output_count(self._handle))]
        self._outputs = [np.zeros(shape, dtype) for dtype, shape in types]
        self._arguments = (*self._pointers(self._inputs), *self._pointers(self._outputs))

    @staticmethod
    def _pointers(arrays):
        return (c_void_p * len(arrays))(*(a.ctypes.data for a in arrays)), len(arrays)

    def __call__(self, *values):
        for array, value in zip(self._inputs, values, strict=True):
            np.copyto(array, value)
        status = _lib.mlpjit_bound_run(self._handle, *self._arguments)
        if status != _OK:  # it leaves last_error() as it was
            raise Error(_lib.mlpjit_status_text(status).decode())
        return self._outputs
