"""Sizes of values: integers, or the text of a named size ("B", the batch)."""

from typing import List, Sequence, Tuple, Union

from .errors import ConvertError

Size = Union[int, str]
Shape = Tuple[Size, ...]

BATCH = "B"


def text(shape: Sequence[Size]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of operands, as numpy has it."""
    result: List[Size] = []
    for back in range(1, max(len(shape) for shape in shapes) + 1):
        sizes = {shape[-back] for shape in shapes if len(shape) >= back} - {1}
        if len(sizes) > 1:
            raise ConvertError(f"shapes {' and '.join(map(text, shapes))} do not fit together")
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        raise ConvertError(f"axis {axis} of a value with {rank} axes")
    return axis + rank if axis < 0 else axis


def axes_of(axes, rank: int) -> Tuple[int, ...]:
    """Axes counted from the front, ascending; all of them for None."""
    if axes is None:
        return tuple(range(rank))
    if isinstance(axes, int):
        axes = (axes,)
    return tuple(sorted(axis_of(int(axis), rank) for axis in axes))


def count(sizes: Sequence[Size]) -> Size:
    """The product, of which one factor at most has a name."""
    number, name = 1, ""
    for size in sizes:
        if isinstance(size, int):
            number *= size
        elif name:
            raise ConvertError(f"{text(sizes)}: one of two sizes that vary cannot be the product")
        else:
            name = size
    if not name:
        return number
    if number == 1:
        return name
    if not name.isidentifier():
        raise ConvertError(f"{number} times the size {name} cannot be written")
    return f"{number}*{name}" if number else 0


def resolve(old: Shape, new: Sequence[Size]) -> Shape:
    """The shape that `new`, with one -1 at most, gives elements of the shape `old`."""
    if -1 not in new:
        return tuple(new)
    rest, known = list(old), []
    for size in new:
        if size == -1:
            continue
        if isinstance(size, str) and size in rest:
            rest.remove(size)
        elif isinstance(size, str):
            raise ConvertError(
                f"reshape of {text(old)} to {text(new)}: {size} is none of its sizes"
            )
        else:
            known.append(size)
    total, divisor = count(rest), int(count(known))
    if isinstance(total, str):
        number, _, name = total.rpartition("*")
        factor = int(number or 1)
        if divisor == 0 or factor % divisor:
            raise ConvertError(f"reshape of {text(old)} to {text(new)} depends on the batch")
        total = count([factor // divisor, name])
    elif divisor == 0 or total % divisor:
        raise ConvertError(f"reshape of {text(old)} to {text(new)}: the sizes do not divide")
    else:
        total //= divisor
    return tuple(total if size == -1 else size for size in new)
