"""The program under construction: inputs, parameters and nodes, each value with its type."""

import contextlib
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .errors import ConvertError, NameFault
from .shapes import Shape, axes_of, axis_of, broadcast, resolve, text

DTYPES = {
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
    np.dtype(np.int32): "i32",
    np.dtype(np.int64): "i64",
    np.dtype(np.bool_): "bool",
}
NUMPY = {name: dtype for dtype, name in DTYPES.items()}

COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
REDUCTIONS = {"sum", "prod", "mean", "var", "max", "min", "argmax", "argmin"}


@dataclass(frozen=True)
class Value:
    """A value of the program. `graph` is what it belongs to."""

    graph: "Graph" = field(repr=False, compare=False)
    name: str
    dtype: str
    shape: Shape

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass
class Node:
    op: str
    result: Value
    inputs: List[str]
    attributes: Dict[str, Any]
    layer: str


@dataclass
class Parameter:
    value: Value
    array: np.ndarray
    path: str
    aliases: List[str] = field(default_factory=list)


class Graph:
    """Inputs, parameters, nodes and heads in the order that they were made."""

    def __init__(self, dtype: str):
        self.dtype = dtype  # of floats
        self.inputs: List[Value] = []
        self.parameters: List[Parameter] = []
        self.nodes: List[Node] = []
        self.heads: List[Tuple[str, Value]] = []
        self.constants: Dict[str, np.ndarray] = {}  # by the name of their node
        self.classes: List[str] = []
        self.strings: List[str] = []
        self.coded: List[str] = []
        self.metadata: Dict[str, str] = {}
        self._names: Dict[str, int] = {}
        self._by_key: Dict[Any, Parameter] = {}
        self._constant_values: Dict[Any, Value] = {}
        self._layer = ""

    # Names and places.

    def _unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return self._unique(f"{name}_{count}") if count else name

    @contextlib.contextmanager
    def layer(self, path: str):
        """Nodes made meanwhile belong to the layer of that path."""
        before, self._layer = self._layer, path or self._layer
        try:
            yield
        finally:
            self._layer = before

    @property
    def current_layer(self) -> str:
        return self._layer

    # What the program takes.

    def input(self, name: str, dtype: str, shape: Sequence) -> Value:
        unique = self._unique(name)
        if unique != name:
            raise ConvertError(f"two inputs are called '{name}'")
        value = Value(self, name, dtype, tuple(shape))
        self.inputs.append(value)
        return value

    def parameter(self, path: str, array: np.ndarray, key: Any = None) -> Value:
        """A parameter; floats get the dtype of the program. One of the same key is the same."""
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(NUMPY[self.dtype])
        if array.dtype not in DTYPES:
            raise ConvertError(f"{path}: a weight of the type {array.dtype} cannot be stored")
        known = self._by_key.get(key) if key is not None else None
        if known is not None and known.array.shape == array.shape:
            if path != known.path and path not in known.aliases:
                known.aliases.append(path)
            return known.value
        if any(path == other.path or path in other.aliases for other in self.parameters):
            raise NameFault(f"two different weights are called '{path}'")
        value = Value(self, self._unique(path), DTYPES[array.dtype], tuple(array.shape))
        parameter = Parameter(value, np.ascontiguousarray(array).reshape(array.shape), path)
        self.parameters.append(parameter)
        if key is not None:
            self._by_key[key] = parameter
        return value

    def constant(self, data: Any, dtype: Optional[str] = None) -> Value:
        """A constant, of the program's floats where nothing else is said."""
        array = np.asarray(data)
        array = array.astype(NUMPY[dtype or self.dtype])
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._constant_values:
            name = self._unique("constant")
            value = Value(self, name, DTYPES[array.dtype], tuple(array.shape))
            self.nodes.append(Node("constant", value, [], {"value": array}, ""))
            self._constant_values[key] = value
        return self._constant_values[key]

    def head(self, name: str, value: Value) -> None:
        if any(name == other for other, _ in self.heads):
            raise ConvertError(f"two outputs are called '{name}'")
        self.heads.append((name, value))

    # Nodes.

    def op(self, op: str, *operands: Any, **attributes: Any) -> Value:
        """A node. Operands are values, or numbers that get the dtype of the first value."""
        dtype = next((x.dtype for x in reversed(operands) if isinstance(x, Value)), self.dtype)
        if any(x is None or isinstance(x, (str, list, tuple, dict)) for x in operands):
            raise ConvertError(f"{op}: an operand is no tensor and no number")
        values = [x if isinstance(x, Value) else self.constant(x, dtype) for x in operands]
        try:
            dtype, shape = _infer(op, values, attributes)
        except ConvertError as error:
            where = f"{self._layer}: " if self._layer else ""
            raise ConvertError(f"{where}{op}: {error}") from None
        name = self._unique(f"{self._layer}.{op}" if self._layer else op)
        result = Value(self, name, dtype, shape)
        names = [value.name for value in values]
        self.nodes.append(Node(op, result, names, attributes, self._layer))
        return result

    def cast(self, x: Value, dtype: str) -> Value:
        return x if x.dtype == dtype else self.op("cast", x, dtype=dtype)

    def reshape(self, x: Value, shape: Sequence) -> Value:
        shape = resolve(x.shape, shape)
        return x if shape == x.shape else self.op("reshape", x, shape=list(shape))

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        if len(values) == 1:
            return values[0]
        return self.op("concat", *values, axis=axis_of(axis, values[0].rank))

    def columns(self, x: Value, places: Sequence[int], axis: int = -1) -> Value:
        """Entries along an axis: a slice where they follow one another."""
        axis, places = axis_of(axis, x.rank), [int(place) for place in places]
        if places == list(range(x.shape[axis] if isinstance(x.shape[axis], int) else 0)):
            return x
        if places and places == list(range(places[0], places[0] + len(places))):
            return self.op("slice", x, axis=axis, begin=places[0], end=places[-1] + 1, step=1)
        return self.op("gather", x, self.constant(places, "i64"), axis=axis)

    def reduce(self, op: str, x: Value, axes=None, keepdims: bool = False) -> Value:
        return self.op(op, x, axes=list(axes_of(axes, x.rank)), keepdims=bool(keepdims))


def _dense(values: List[Value]) -> Shape:
    x, weight = values[0], values[1]
    if weight.rank != 2 or not x.rank or x.shape[-1] != weight.shape[1]:
        raise ConvertError(
            f"the input {text(x.shape)} does not fit the weight {text(weight.shape)}, "
            "[outputs, inputs]"
        )
    if len(values) == 3 and values[2].shape != weight.shape[:1]:
        raise ConvertError(f"the bias is {text(values[2].shape)}, not {text(weight.shape[:1])}")
    return x.shape[:-1] + weight.shape[:1]


def _matmul(a: Shape, b: Shape) -> Shape:
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise ConvertError(f"{text(a)} times {text(b)}")
    front = broadcast(a[:-2], b[:-2]) if len(a) > 2 or len(b) > 2 else ()
    return front + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ())


def _reduced(op: str, x: Value, axes: List[int], keepdims: bool) -> Tuple[str, Shape]:
    integer = x.dtype not in ("f32", "f64")
    dtype = x.dtype
    if op.startswith("arg") or (integer and op in ("sum", "prod")):
        dtype = "i64"
    elif integer and op in ("mean", "var"):
        dtype = "f32"
    kept = [1 if i in axes else size for i, size in enumerate(x.shape)]
    return dtype, tuple(s for i, s in enumerate(kept) if keepdims or i not in axes)


def _concat(values: List[Value], axis: int) -> Shape:
    first = values[0].shape
    for value in values:
        if len(value.shape) != len(first) or any(
            i != axis and a != b for i, (a, b) in enumerate(zip(first, value.shape))
        ):
            raise ConvertError(f"{' and '.join(text(v.shape) for v in values)} on axis {axis}")
    sizes = [value.shape[axis] for value in values]
    if not all(isinstance(size, int) for size in sizes):
        raise ConvertError(f"of sizes that vary: {text(sizes)}")
    return first[:axis] + (sum(sizes),) + first[axis + 1 :]


def _sliced(shape: Shape, axis: int, begin: int, end: int, step: int) -> Shape:
    size = shape[axis]
    if not isinstance(size, int):
        raise ConvertError(f"axis {axis} of {text(shape)} varies")
    return shape[:axis] + (len(range(*slice(begin, end, step).indices(size))),) + shape[axis + 1 :]


def _infer(op: str, values: List[Value], attributes: Dict[str, Any]) -> Tuple[str, Shape]:
    """The type of a node's result."""
    x = values[0]
    dtypes = {value.dtype for value in (values[1:] if op == "where" else values)}
    if op not in ("gather",) and len(dtypes) > 1:
        raise ConvertError(f"operands of the types {' and '.join(sorted(dtypes))}")
    if op in COMPARISONS:
        return "bool", broadcast(*(v.shape for v in values))
    if op in REDUCTIONS:
        return _reduced(op, x, attributes["axes"], attributes["keepdims"])
    if op == "cast":
        return attributes["dtype"], x.shape
    if op == "dense":
        return x.dtype, _dense(values)
    if op == "matmul":
        return x.dtype, _matmul(x.shape, values[1].shape)
    if op in ("reshape", "broadcast_to"):
        return x.dtype, tuple(attributes["shape"])
    if op == "transpose":
        return x.dtype, tuple(x.shape[i] for i in attributes["permutation"])
    if op == "concat":
        return x.dtype, _concat(values, attributes["axis"])
    if op == "slice":
        return x.dtype, _sliced(x.shape, **attributes)
    if op == "gather":
        axis = attributes["axis"]
        return x.dtype, x.shape[:axis] + values[1].shape + x.shape[axis + 1 :]
    if op == "one_hot":
        return attributes["dtype"], x.shape + (attributes["depth"],)
    if op == "layer_norm":
        if values[1].shape != x.shape[-1:] or values[2].shape != x.shape[-1:]:
            raise ConvertError(f"{text(values[1].shape)} does not fit the input {text(x.shape)}")
        return x.dtype, x.shape
    return values[-1].dtype, broadcast(*(v.shape for v in values))
