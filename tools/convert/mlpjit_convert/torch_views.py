"""Functions of PyTorch that move elements, or ask for sizes."""

from typing import Any, Optional, Sequence, Tuple

from .builder import Builder, promoted
from .errors import ConvertError
from .graph import Value
from .shapes import axes_of, axis_of, broadcast


def cat(b: Builder, tensors: Sequence[Value], dim: int = 0, **options: Any) -> Value:
    return b.graph.concat(promoted(b, *tensors), options.get("axis", dim))


def stack(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    axis = axis_of(dim, tensors[0].rank + 1)
    return b.graph.concat([unsqueeze(b, x, axis) for x in promoted(b, *tensors)], axis)


def split(b: Builder, x: Value, size: Any, dim: int = 0) -> Tuple[Value, ...]:
    axis = axis_of(dim, x.rank)
    if not isinstance(x.shape[axis], int):
        raise ConvertError(f"split of an axis that varies, {axis}")
    total, parts, at = x.shape[axis], [], 0
    if isinstance(size, int):
        size = [min(size, total - i) for i in range(0, total, size)]
    for part in size:
        parts.append(b.graph.columns(x, range(at, at + part), axis))
        at += part
    return tuple(parts)


def chunk(b: Builder, x: Value, chunks: int, dim: int = 0) -> Tuple[Value, ...]:
    return split(b, x, -(-int(x.shape[axis_of(dim, x.rank)]) // chunks), dim)


def unbind(b: Builder, x: Value, dim: int = 0) -> Tuple[Value, ...]:
    return tuple(squeeze(b, part, dim) for part in split(b, x, 1, dim))


def reshape(b: Builder, x: Value, *shape: Any, **options: Any) -> Value:
    shape = options.get("shape", options.get("size", shape))
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    return b.graph.reshape(x, list(shape))


def squeeze(b: Builder, x: Value, dim: Any = None) -> Value:
    axes = axes_of(tuple(dim) if isinstance(dim, list) else dim, x.rank)
    return b.graph.reshape(x, [n for i, n in enumerate(x.shape) if i not in axes or n != 1])


def unsqueeze(b: Builder, x: Value, dim: int) -> Value:
    axis = axis_of(dim, x.rank + 1)
    return b.graph.reshape(x, x.shape[:axis] + (1,) + x.shape[axis:])


def permute(b: Builder, x: Value, *dims: Any, **options: Any) -> Value:
    dims = options.get("dims", dims)
    dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    order = [axis_of(d, x.rank) for d in dims]
    return b.graph.op("transpose", x, permutation=order)


def transpose(b: Builder, x: Value, dim0: int = 0, dim1: int = 1) -> Value:
    order = list(range(x.rank))
    i, j = axis_of(dim0, x.rank), axis_of(dim1, x.rank)
    order[i], order[j] = order[j], order[i]
    return b.graph.op("transpose", x, permutation=order)


def expand(b: Builder, x: Value, *shape: Any) -> Value:
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    aligned = (1,) * (len(shape) - x.rank) + x.shape
    wanted = tuple(a if s == -1 else s for a, s in zip(aligned, shape))
    if wanted == x.shape:
        return x
    if broadcast(x.shape, wanted) != wanted:
        raise ConvertError(f"expand of {x.shape} to {wanted}")
    return b.graph.op("broadcast_to", x, shape=list(wanted))


def getitem(b: Builder, x: Any, index: Any) -> Any:
    if not isinstance(x, Value):
        return x[index]
    axis, parts = 0, list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in [p for p in parts if not isinstance(p, Value)]:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        named = sum(p is not None and p is not Ellipsis for p in parts)
        parts[at : at + 1] = [slice(None)] * (x.rank - named)
    for part in parts:
        if part is None:
            x, axis = unsqueeze(b, x, axis), axis + 1
        elif isinstance(part, slice):
            x, axis = _slice(b, x, axis, part), axis + 1
        elif isinstance(part, int):
            one = part + 1 if part != -1 else 2**63 - 1
            if not isinstance(x.shape[axis], int):
                raise ConvertError(f"one row of axis {axis}, which varies")
            x = squeeze(b, b.graph.op("slice", x, axis=axis, begin=part, end=one, step=1), axis)
        elif isinstance(part, list) and all(type(i) is int for i in part):
            x, axis = b.graph.columns(x, part, axis), axis + 1
        else:
            raise ConvertError(f"indexing by {type(part).__name__}")
    return x


def _slice(b: Builder, x: Value, axis: int, part: slice) -> Value:
    if part == slice(None) or part == slice(0, None):
        return x
    begin, end, step = part.start or 0, part.stop, part.step or 1
    if any(not isinstance(n, int) for n in (begin, step)) or not isinstance(x.shape[axis], int):
        raise ConvertError(f"a slice of axis {axis}, which varies")
    end = 2**63 - 1 if end is None else end
    return b.graph.op("slice", x, axis=axis, begin=begin, end=end, step=step)


def attribute(b: Builder, x: Any, name: str) -> Any:
    if name == "shape":
        return tuple(x.shape)
    if name == "ndim":
        return x.rank
    if name in ("T", "mT"):
        return transpose(b, x, -2, -1)
    if name in ("device", "dtype"):
        return None
    raise ConvertError(f"the attribute {name}")


def size(b: Builder, x: Value, dim: Optional[int] = None) -> Any:
    return tuple(x.shape) if dim is None else x.shape[dim]


def index_select(b: Builder, x: Value, dim: int, index: Value) -> Value:
    return b.graph.op("gather", x, index, axis=axis_of(dim, x.rank))
