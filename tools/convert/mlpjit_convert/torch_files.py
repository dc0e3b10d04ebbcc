"""Files of PyTorch: whole modules, state_dicts, safetensors, and Python files that make a module."""

import importlib.util
import json
import struct
import sys
from pathlib import Path
from typing import Any, Dict

import numpy as np

from . import kinds
from .errors import ConvertError, listed

STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
STORED.update({"I8": "i1", "U8": "u1", "BOOL": "?"})
HOLDERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")


def build(path: Path, factory: str) -> Any:
    """The module that a function of a Python file gives, or that stands there."""
    if not path.exists():
        raise ConvertError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = code
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(code)
        if not hasattr(code, factory):
            public = [name for name in vars(code) if not name.startswith("_")]
            raise ConvertError(f"{path}: has no '{factory}'; it has {listed(public)}")
        made = getattr(code, factory)
        is_module = hasattr(made, "forward") and not isinstance(made, type)
        return made if is_module else made()
    except ConvertError:
        raise
    except (Exception, SystemExit) as error:  # whatever the code of the file raises
        raise ConvertError(f"{path}: {type(error).__name__}: {error}") from None


def safetensors(path: Path) -> Dict[str, np.ndarray]:
    """The tensors of a safetensors file; bfloat16 is widened."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    try:
        header = json.loads(data[8 : 8 + length])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            blob = data[8 + length + begin : 8 + length + end]
            if entry["dtype"] == "BF16":
                array = (np.frombuffer(blob, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                array = np.frombuffer(blob, STORED[entry["dtype"]])
            tensors[name] = array.reshape(entry["shape"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConvertError(f"{path}: a damaged safetensors file: {error}") from None
    return tensors


def as_arrays(state: Any) -> Dict[str, np.ndarray]:
    """A state_dict's tensors; halves are widened."""
    import torch

    arrays = {}
    for name, tensor in state.items():
        if torch.is_tensor(tensor):
            tensor = tensor.detach().cpu()
            halves = (torch.float16, torch.bfloat16)
            arrays[str(name)] = (tensor.float() if tensor.dtype in halves else tensor).numpy()
    return arrays


def state_in(loaded: Any) -> Any:
    """The state_dict in what was saved: itself, or an entry of a checkpoint."""
    import torch

    if not isinstance(loaded, dict):
        return None
    if any(torch.is_tensor(value) for value in loaded.values()):
        return loaded
    for holder in HOLDERS:
        inner = loaded.get(holder)
        if isinstance(inner, dict) and any(torch.is_tensor(v) for v in inner.values()):
            return inner
    return None


def _loaded(path: Path) -> Any:
    """Without running code where that will do, else a whole module."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # no state_dict: a module, whose classes are code
        pass
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (AttributeError, ImportError) as error:
        raise ConvertError(
            f"{path}: a whole module, whose class cannot be imported: {error}\nPut its Python file "
            "on PYTHONPATH, or convert by FILE.py:FUNCTION, or its state_dict with --layers."
        ) from None
    except Exception as error:  # whatever unpickling raises
        raise ConvertError(f"{path}: torch.load: {type(error).__name__}: {error}") from None


def load(path: Path, kind: str, described: bool) -> Any:
    """A module, or the arrays of a state_dict by name."""
    if kind == kinds.SAFETENSORS:
        return _with_layers(path, safetensors(path), described)
    import torch

    if kind == kinds.TORCHSCRIPT:
        if not described:
            raise ConvertError(
                f"{path}: a TorchScript file, whose layers are not told any more. Convert the "
                "module that it was made of, or describe its layers by --layers; or export ONNX "
                "(torch.onnx.export), which mlpjit reads by itself."
            )
        try:
            return as_arrays(torch.jit.load(str(path), map_location="cpu").state_dict())
        except Exception as error:  # whatever a damaged file leads to
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConvertError(f"{path}: torch.jit.load: {reason}") from None
    loaded = _loaded(path)
    if isinstance(loaded, torch.nn.Module):
        return as_arrays(loaded.state_dict()) if described else loaded
    for holder in HOLDERS if isinstance(loaded, dict) else ():
        if isinstance(loaded.get(holder), torch.nn.Module) and not described:
            return loaded[holder]
    state = state_in(loaded)
    if state is None:
        raise ConvertError(f"{path}: holds a {type(loaded).__name__}, no module and no state_dict")
    return _with_layers(path, as_arrays(state), described)


def _with_layers(path: Path, arrays: Dict[str, np.ndarray], described: bool) -> Dict[str, Any]:
    if not described:
        linear = [f"Linear({a.shape[1]},{a.shape[0]})" for a in arrays.values() if a.ndim == 2]
        raise ConvertError(
            f"{path}: weights alone (a state_dict), which do not say what layers they are of: "
            f'describe them, with their activations, by --layers "{" ReLU ".join(linear)}" or so.\n'
            f"The file has {listed(arrays, 12)}."
        )
    return arrays
