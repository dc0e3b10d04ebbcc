"""The two files of a graph: the symbol file and the parameter file (docs/formats.md)."""

import json
import os
import struct
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .errors import ConvertError
from .graph import DTYPES, Graph, Node, Value

INLINE = 64  # elements of a constant that stand in the symbol file
STORED = {"f32": "F32", "f64": "F64", "i32": "I32", "i64": "I64", "bool": "BOOL"}


def _number(x: Any) -> Any:
    """A number as JSON has it, floats as the shortest decimal with the same bits."""
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if not np.isfinite(x):
        return "nan" if np.isnan(x) else "inf" if x > 0 else "-inf"
    if isinstance(x, np.float32):
        return float(np.format_float_scientific(x, unique=True))
    return float(x)


def _literal(array: np.ndarray, tensors: Dict[str, np.ndarray]) -> Dict[str, Any]:
    literal: Dict[str, Any] = {"dtype": DTYPES[array.dtype], "shape": list(array.shape)}
    if array.size <= INLINE:
        literal["data"] = [_number(x) for x in array.reshape(-1)]
        return literal
    name = f"constant.{sum(key.startswith('constant.') for key in tensors)}"
    while name in tensors:
        name += "_"
    tensors[name] = array
    literal["tensor"] = name
    return literal


def _node(node: Node, tensors: Dict[str, np.ndarray]) -> Dict[str, Any]:
    text: Dict[str, Any] = {"op": node.op, "name": node.result.name}
    if node.inputs:
        text["inputs"] = node.inputs
    attributes = {
        key: _literal(value, tensors) if isinstance(value, np.ndarray) else _attribute(value)
        for key, value in node.attributes.items()
    }
    if attributes:
        text["attributes"] = attributes
    text["dtype"], text["shape"] = node.result.dtype, list(node.result.shape)
    if node.layer:
        text["layer"] = node.layer
    return text


def _attribute(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [x if isinstance(x, str) else int(x) for x in value]
    return value if isinstance(value, str) else _number(value)


def _needed(graph: Graph, heads: Sequence[Tuple[str, Value]]) -> List[Node]:
    """The nodes that the heads come from."""
    wanted, kept = {value.name for _, value in heads}, []
    for node in reversed(graph.nodes):
        if node.result.name in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def encode(graph: Graph, extra_heads: Sequence[Tuple[str, Value]] = ()) -> Tuple[bytes, bytes]:
    """The symbol file and the parameter file. What no head needs is left out, but inputs."""
    heads = list(graph.heads) + list(extra_heads)
    nodes = _needed(graph, heads)
    used = {name for node in nodes for name in node.inputs} | {v.name for _, v in heads}
    parameters = [p for p in graph.parameters if p.value.name in used]
    tensors = {p.path: p.array for p in parameters}
    inputs: List[Dict[str, Any]] = [
        {"name": v.name, "dtype": v.dtype, "shape": list(v.shape)} for v in graph.inputs
    ]
    for p in parameters:
        entry: Dict[str, Any] = {"name": p.value.name, "kind": "parameter"}
        entry.update(dtype=p.value.dtype, shape=list(p.value.shape))
        if p.path != p.value.name:
            entry["path"] = p.path
        if p.aliases:
            entry["aliases"] = p.aliases
        inputs.append(entry)
    version = 2 if graph.strings or graph.coded else 1
    symbol: Dict[str, Any] = {"format": "mlpjit-symbol", "schema_version": version}
    symbol.update(numerics_version=2, metadata=graph.metadata)
    for member in ("classes", "strings", "coded"):
        if getattr(graph, member):
            symbol[member] = getattr(graph, member)
    symbol["inputs"] = inputs
    symbol["nodes"] = [_node(node, tensors) for node in nodes]
    symbol["heads"] = [{"name": name, "value": value.name} for name, value in heads]
    return _json(symbol), safetensors(tensors)


def _json(symbol: Dict[str, Any]) -> bytes:
    """An entry of a list a line."""
    dumped = lambda x: json.dumps(x, ensure_ascii=False, allow_nan=False)
    members = []
    for key, value in symbol.items():
        if key in ("inputs", "nodes", "heads") and value:
            lines = ",\n".join("    " + dumped(entry) for entry in value)
            members.append(f'  "{key}": [\n{lines}\n  ]')
        else:
            members.append(f'  "{key}": {dumped(value)}')
    return ("{\n" + ",\n".join(members) + "\n}\n").encode()


def safetensors(tensors: Dict[str, np.ndarray]) -> bytes:
    header, blobs, at = {}, [], 0
    for name, array in tensors.items():
        blob = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": STORED[DTYPES[array.dtype]],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(blob)],
        }
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


def paths(name: str) -> Tuple[Path, Path]:
    """The two files of a model that is called so."""
    for ending in ("-symbol.json", "-0000.params"):
        if name.endswith(ending):
            name = name[: -len(ending)]
    return Path(name + "-symbol.json"), Path(name + "-0000.params")


def write(name: str, symbol: bytes, parameters: bytes) -> Tuple[Path, Path]:
    """Both beside their places and flushed, then renamed, the parameters first."""
    symbol_path, parameter_path = paths(name)
    written = []
    try:
        for path, data in ((parameter_path, parameters), (symbol_path, symbol)):
            written.append((_beside(path, data), path))
        for temporary, path in written:
            os.replace(temporary, path)
    except OSError as error:
        raise ConvertError(f"{symbol_path}: cannot be written: {error.strerror}") from None
    finally:
        for temporary, _ in written:
            if os.path.exists(temporary):
                os.unlink(temporary)
    return symbol_path, parameter_path


def _beside(path: Path, data: bytes) -> str:
    handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent or ".")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(temporary, 0o666 & ~mask)
    return temporary
