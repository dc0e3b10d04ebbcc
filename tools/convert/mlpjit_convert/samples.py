"""Rows of a file that the model is verified with."""

import csv
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np

from .errors import ConvertError


def read(name: str) -> Any:
    """An array (.npy, .csv of numbers without a header), or arrays or columns by name."""
    path = Path(name)
    try:
        data = path.read_bytes()[:8]
        if data.startswith((b"\x93NUMPY", b"PK\x03\x04")):
            loaded = np.load(path, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else dict(loaded.items())
        return _csv(path)
    except OSError as error:
        raise ConvertError(f"--sample {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConvertError(f"--sample {path}: {error}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(path: Path) -> Iterator[List[str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.reader(file), 1):
            if row:
                yield row


def _csv(path: Path) -> Any:
    rows = list(_rows(path))
    if not rows:
        raise ConvertError(f"--sample {path}: no rows")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ConvertError(f"--sample {path}: rows of {' and '.join(map(str, sorted(widths)))}")
    numeric = lambda row: all(_is_number(field) for field in row if field)
    header = not numeric(rows[0]) and (len(rows) == 1 or len(set(rows[0])) == len(rows[0]))
    body = rows[1:] if header else rows
    if not body:
        raise ConvertError(f"--sample {path}: a header and no rows")
    columns = [_column([row[i] for row in body]) for i in range(len(rows[0]))]
    if header:
        return dict(zip(rows[0], columns))
    if all(column.dtype != object for column in columns):
        return np.column_stack(columns)
    return dict(zip(map(str, range(len(columns))), columns))


def _column(fields: List[str]) -> np.ndarray:
    if all(_is_number(field) or not field for field in fields):
        return np.array([float(field) if field else np.nan for field in fields])
    return np.array(fields, dtype=object)


def by_input(sample: Any, names: List[str]) -> Dict[str, np.ndarray]:
    """Arrays by the names of a model's inputs: from one array, a list of them, or a dictionary."""
    if isinstance(sample, dict):
        if len(names) == 1 and names[0] not in sample:
            if len(sample) == 1:
                return {names[0]: np.asarray(next(iter(sample.values())))}
            if all(np.ndim(column) == 1 for column in sample.values()):
                return {names[0]: np.column_stack([np.asarray(c) for c in sample.values()])}
        lost = [name for name in names if name not in sample]
        if lost:
            raise ConvertError(
                f"the sample lacks {', '.join(lost)}; it has {', '.join(map(str, sample))}"
            )
        return {name: np.asarray(sample[name]) for name in names}
    arrays = list(sample) if isinstance(sample, (tuple, list)) else [sample]
    if len(names) == 1 and len(arrays) != 1:
        arrays = [np.asarray(sample)]
    if len(arrays) != len(names):
        raise ConvertError(f"the sample has {len(arrays)} arrays, the model takes {len(names)}")
    return {name: np.asarray(array) for name, array in zip(names, arrays)}
