"""A graph under construction with its table of weights, and the ops that trainers share."""

from typing import Any, List, Sequence, Tuple

import numpy as np

from .graph import Graph, Value
from .shapes import axis_of
from .weights import Names, Row

FLOATS = ("f32", "f64")
RANK = {"bool": 0, "i32": 1, "i64": 2, "f32": 3, "f64": 4}


class Builder:
    def __init__(self, dtype: str, names: Names):
        self.graph = Graph(dtype)
        self.names = names
        self.table: List[Row] = []
        self.marks: List[Tuple[str, Value]] = []
        self.notes: List[str] = []

    def weight(
        self,
        trainer: str,
        array: np.ndarray,
        name: str = "",
        transpose: bool = False,
        key: Any = None,
        path: str = "",
    ) -> Value:
        """A weight; `name` is what mlpjit calls it, unless a rename or `path` says otherwise."""
        array = np.asarray(array)
        path = path or self.names(name or trainer)
        what = ["transposed"] if transpose else []
        what += ["renamed"] if path != trainer else []
        value = self.graph.parameter(path, array.T if transpose else array, key)
        stored = str(array.dtype)
        if value.name != path and any(p.path == value.name for p in self.graph.parameters):
            what.append(f"the same as {value.name}")
        kept = {"f32": "float32", "f64": "float64", "i32": "int32", "i64": "int64"}
        if kept.get(value.dtype, stored) != stored:
            what.append(f"{stored} to {value.dtype}")
        self.table.append(Row(trainer, array.shape, path, value.shape, ", ".join(what)))
        return value

    def ignore(self, trainer: str, shape: Sequence[int], why: str) -> None:
        self.table.append(Row(trainer, shape, what=f"ignored ({why})"))

    def mark(self, path: str, value: Value) -> Value:
        """Says that this is what the layer gives."""
        self.marks.append((path, value))
        return value

    # Ops of several nodes.

    def dense(self, x: Value, weight: Value, bias: Any = None) -> Value:
        return self.graph.op("dense", x, weight, *([] if bias is None else [bias]))

    def shift(self, x: Value, trainer: str, mean: np.ndarray, scale: Any, name: str) -> Value:
        """x - mean. In f32 what the mean loses by rounding is subtracted, too, where it matters."""
        x = self.graph.op("subtract", x, self.weight(trainer, mean, name))
        if self.graph.dtype == "f32":
            mean = np.asarray(mean, np.float64)
            lost = mean - mean.astype(np.float32)
            if np.any(np.abs(lost) > 1e-7 * np.abs(scale)):
                x = self.graph.op("subtract", x, self.graph.constant(lost))
        return x

    def batch_norm(self, x, mean, var, epsilon: float, gamma=None, beta=None, axis: int = 1):
        """(x - mean) * (gamma / sqrt(var + epsilon)) + beta, along one axis."""
        g, axis = self.graph, axis_of(axis, x.rank)
        aligned = [v if i == axis else 1 for i, v in enumerate(x.shape)][axis:]
        scale = g.op("rsqrt", g.op("add", var, float(epsilon)))
        if gamma is not None:
            scale = g.op("multiply", scale, gamma)
        y = g.op("subtract", x, g.reshape(mean, aligned))
        y = g.op("multiply", y, g.reshape(scale, aligned))
        return y if beta is None else g.op("add", y, g.reshape(beta, aligned))

    def layer_norm(self, x: Value, epsilon: float, gamma=None, beta=None, axes=(-1,)) -> Value:
        """Over the last axes; those of several are made one."""
        g, count = self.graph, len(axes)
        size = int(np.prod([int(n) for n in x.shape[x.rank - count :]]))
        flat = g.reshape(x, x.shape[: x.rank - count] + (size,))
        gamma = g.constant(np.ones(size)) if gamma is None else g.reshape(gamma, (size,))
        beta = g.constant(np.zeros(size)) if beta is None else g.reshape(beta, (size,))
        return g.reshape(g.op("layer_norm", flat, gamma, beta, epsilon=float(epsilon)), x.shape)

    def rms_norm(self, x: Value, epsilon: float, gamma=None, axes=(-1,)) -> Value:
        """x / sqrt(mean(x^2) + epsilon) * gamma."""
        g = self.graph
        square = g.reduce("mean", g.op("multiply", x, x), tuple(axes), True)
        y = g.op("multiply", x, g.op("rsqrt", g.op("add", square, float(epsilon))))
        return y if gamma is None else g.op("multiply", y, gamma)

    def divide_by_sum(self, x: Value) -> Value:
        """Rows that add up to 1; of zeros alone equal parts."""
        g = self.graph
        total = g.reduce("sum", x, -1, True)
        nothing = g.op("equal", total, 0.0)
        parts = g.op("where", nothing, 1.0 / int(x.shape[-1]), g.op("divide", x, total))
        return parts


def promoted(b: Builder, *operands: Any) -> List[Any]:
    """Operands of one type: the larger of those there are."""
    values = [x for x in operands if isinstance(x, Value)]
    dtype = max((x.dtype for x in values), key=RANK.__getitem__)
    if any(isinstance(x, float) for x in operands) and dtype not in FLOATS:
        dtype = b.graph.dtype
    if dtype == "bool" and any(type(x) is int for x in operands):
        dtype = "i64"
    return [b.graph.cast(x, dtype) if isinstance(x, Value) else x for x in operands]
