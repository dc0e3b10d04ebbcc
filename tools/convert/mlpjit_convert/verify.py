"""Runs the converted model as mlpjit does, and compares with what the trainer computes."""

from typing import Dict, List, Optional, Tuple

import numpy as np

from .conversion import Conversion
from .errors import ConvertError, VerifyError
from .files import encode
from .library import Model

ROWS = 64  # random ones
ROUNDING = (
    "\nSo small, it may be rounding, the trainer's or ours, of large values that cancel: "
    "--tolerance allows more."
)
PROBE = "layer of the trainer: "


def difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """The largest |a - e| / max(1, |e|); infinite where one alone is not finite."""
    expected, actual = np.asarray(expected), np.asarray(actual)
    if expected.shape != actual.shape:
        return np.inf
    if not expected.size:
        return 0.0
    return float(np.max(_distances(expected, actual)))


def _distances(expected: np.ndarray, actual: np.ndarray) -> np.ndarray:
    e, a = expected.astype(np.float64), actual.astype(np.float64)
    with np.errstate(invalid="ignore"):
        d = np.abs(a - e) / np.maximum(1, np.abs(e))
    same = (e == a) | (np.isnan(e) & np.isnan(a))
    return np.where(same, 0.0, np.where(np.isnan(d), np.inf, d))


def _describe(name: str, expected: np.ndarray, actual: np.ndarray) -> str:
    expected, actual = np.asarray(expected), np.asarray(actual)
    if expected.shape != actual.shape:
        return f"'{name}' is {list(actual.shape)}, the trainer's {list(expected.shape)}"
    at = np.unravel_index(int(np.argmax(_distances(expected, actual))), expected.shape)
    place = "[" + ", ".join(str(int(i)) for i in at) + "]"
    return f"'{name}'{place} is {actual[at]!s}, the trainer's {expected[at]!s}"


def _compare(
    expected: Dict[str, np.ndarray], actual: Dict[str, np.ndarray], conversion: Conversion, rows
) -> Tuple[float, Optional[str]]:
    """The largest difference, and the first output that is too far off, described."""
    largest, fault = 0.0, None
    for name, values in expected.items():
        mine = actual[name]
        values = np.asarray(values)
        if mine.dtype.kind in "ib":  # a label is right or wrong
            tie = conversion.trained.close(rows).get(name)
            if tie is not None and mine.shape == values.shape:
                values = np.where(tie, mine, values)
            bound = 0.0
        else:
            bound = conversion.tolerance
        distance = difference(values, mine)
        largest = max(largest, distance)
        if not distance <= bound and fault is None:
            fault = _describe(name, values, mine)
    return largest, fault


def _inputs(conversion: Conversion, rows) -> List[np.ndarray]:
    fed = conversion.trained.feed(rows)
    return [fed[value.name] for value in conversion.graph.inputs]


def _first_layer(library, conversion: Conversion, rows) -> str:
    """Which layer differs first, "" where that cannot be told."""
    try:
        expected = conversion.trained.layers(rows)
        marks = [(path, v) for path, v in conversion.marks if path in expected]
        probes = [(PROBE + path, value) for path, value in marks]
        with Model(library, *encode(conversion.graph, probes), True) as model:
            actual = model.run(_inputs(conversion, rows))
    except (ConvertError, VerifyError):
        return ""
    for path, _ in marks:
        mine = actual[PROBE + path]
        if not difference(expected[path], mine) <= conversion.tolerance:
            return f"\nThe first layer that differs: {path}: " + _describe(
                path, expected[path], mine
            )
    return ""


def verify(library, conversion: Conversion, rows, symbol: bytes, parameters: bytes) -> float:
    """The largest difference over all rows and the first alone, compiled and interpreted."""
    if any(array.shape[:1] == (0,) for array in _inputs(conversion, rows)):
        raise ConvertError("the sample has no rows")
    largest = 0.0
    for interpret in (False, True):
        with Model(library, symbol, parameters, interpret) as model:
            for some in (rows, conversion.trained.first(rows)):
                expected = conversion.trained.predict(some)
                actual = model.run(_inputs(conversion, some))
                distance, fault = _compare(expected, actual, conversion, some)
                if fault:
                    way = "interpreted" if interpret else "compiled"
                    raise VerifyError(
                        f"The converted model is not its trainer's ({way}): {fault}; "
                        f"differences up to {distance:.3g} of max(1, |value|), "
                        f"allowed {conversion.tolerance:g}."
                        + _first_layer(library, conversion, some)
                        + (ROUNDING if distance < 100 * conversion.tolerance else "")
                        + "\nNothing was written."
                    )
                largest = max(largest, distance)
    return largest
