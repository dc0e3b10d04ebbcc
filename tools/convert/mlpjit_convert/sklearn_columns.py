"""Columns of scikit-learn's tables: what is known of them, their values in the program, and rows."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .errors import ConvertError, listed
from .graph import Graph, Value

NOTHING = object()


def is_missing(x: Any) -> bool:
    return x is None or (isinstance(x, float) and x != x)


def has_strings(values: Any) -> bool:
    return any(isinstance(x, str) for x in np.asarray(values, dtype=object).reshape(-1))


def as_text(x: Any) -> str:
    """A category of a column of strings; what is missing is the empty string."""
    return "" if is_missing(x) else str(x)


@dataclass
class Domain:
    """What the first transformer of a column knows of its values."""

    mean: float = 0.0
    scale: float = 1.0
    categories: Optional[list] = None
    missing: Any = NOTHING  # what stands for a missing value, where the pipeline replaces it

    @property
    def strings(self) -> bool:
        return self.categories is not None and has_strings(self.categories)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        if self.categories is not None:
            places = rng.integers(0, len(self.categories), count)
            values = np.array([self.categories[i] for i in places], dtype=object)
            values = values if self.strings else values.astype(np.float64)
        else:
            values = rng.normal(self.mean, abs(self.scale) or 1.0, count)
        if self.missing is not NOTHING:
            values[rng.random(count) < 0.2] = self.missing
        return values


class Block:
    """Columns side by side, as values [B, k] of numbers or of codes of strings."""

    def __init__(self, graph: Graph, parts: Sequence[Value]):
        self.graph = graph
        self.parts = list(parts)

    @property
    def width(self) -> int:
        return sum(int(part.shape[1]) for part in self.parts)

    def is_string(self, column: int) -> bool:
        return self.column(column).dtype == "i64"

    def column(self, place: int) -> Value:
        """One column, [B, 1]."""
        for part in self.parts:
            if place < int(part.shape[1]):
                return self.graph.columns(part, [place])
            place -= int(part.shape[1])
        raise ConvertError(f"column {place} of a table that has fewer")

    def select(self, places: Sequence[int]) -> "Block":
        if len(self.parts) == 1 and places:
            return Block(self.graph, [self.graph.columns(self.parts[0], places)])
        return Block(self.graph, [self.column(place) for place in places])

    def numbers(self, who: str) -> Value:
        if any(part.dtype == "i64" for part in self.parts):
            raise ConvertError(f"{who} takes a column of strings, which is neither encoded before")
        if not self.parts:
            raise ConvertError(f"{who} takes no columns at all")
        return self.graph.concat(self.parts, 1)


class Table:
    """Rows as columns: float64, or objects where they are strings."""

    def __init__(self, columns: Sequence[np.ndarray], names: Optional[Sequence[str]]):
        self.columns = list(columns)
        self.names = list(names) if names is not None else None

    @classmethod
    def of(cls, sample: Any, domains: Sequence[Domain], names: Optional[Sequence[str]]) -> "Table":
        """From an array, a data frame or a dictionary of columns."""
        width = len(domains)
        if isinstance(sample, dict) or hasattr(sample, "columns"):
            given = {str(name): np.asarray(sample[name]) for name in sample}
            if names is not None and not set(names) <= set(given) and len(given) != width:
                lost = [name for name in names if name not in given]
                raise ConvertError(f"the sample lacks the columns {listed(lost)}")
            if names is not None and set(names) <= set(given):
                columns = [given[name] for name in names]
            else:
                columns = list(given.values())
            if len(columns) == 1 and columns[0].ndim == 2:  # one array of an .npz
                columns = list(columns[0].T)
        else:
            array = np.asarray(sample)
            if array.ndim != 2:
                raise ConvertError(f"the sample has {array.ndim} axes, not rows and columns")
            columns = list(array.T)
        if len(columns) != width:
            raise ConvertError(f"the sample has {len(columns)} columns, the model takes {width}")
        return cls([_typed(c, d, i) for i, (c, d) in enumerate(zip(columns, domains))], names)

    def first(self) -> "Table":
        return Table([column[:1] for column in self.columns], self.names)

    def rounded(self, dtype: str) -> "Table":
        """Numbers as they are in the program's dtype."""
        if dtype != "f32":
            return self
        near = lambda c: c if c.dtype == object else c.astype(np.float32).astype(np.float64)
        return Table([near(column) for column in self.columns], self.names)

    def for_trainer(self, dtype: np.dtype, framed: bool) -> Any:
        """What estimators take: an array, or a data frame where columns go by their names."""
        numeric = all(column.dtype != object for column in self.columns)
        if framed:
            try:
                import pandas
            except ImportError:
                raise ConvertError(
                    "this pipeline picks columns by name: asking it for its outputs takes pandas "
                    "(pip install pandas), or --no-verify"
                ) from None
            return pandas.DataFrame(dict(zip(self.names or [], self.columns)))
        if numeric:
            return np.column_stack(self.columns).astype(dtype)
        array = np.empty((len(self.columns[0]), len(self.columns)), dtype=object)
        for i, column in enumerate(self.columns):
            array[:, i] = column
        return array


def _typed(column: np.ndarray, domain: Domain, place: int) -> np.ndarray:
    column = np.asarray(column).reshape(-1)
    if domain.strings:
        texts = [x if is_missing(x) or isinstance(x, str) else str(x) for x in column.tolist()]
        if domain.missing is not NOTHING:  # an empty field of a CSV file is a missing one
            texts = [domain.missing if x == "" or is_missing(x) else x for x in texts]
        return np.array(texts, dtype=object)
    try:
        return np.array(
            [np.nan if x is None or x == "" else x for x in column.tolist()], dtype=np.float64
        )
    except (TypeError, ValueError):
        raise ConvertError(f"column {place} of the sample holds what is no number") from None


class Codes:
    """The strings of a model and their codes."""

    def __init__(self, strings: Sequence[str] = ()):
        self.strings: List[str] = []
        self._code: Dict[str, int] = {}
        for text in strings:
            self.add(text)

    def add(self, text: str) -> int:
        if text not in self._code:
            self._code[text] = len(self.strings)
            self.strings.append(text)
        return self._code[text]

    def of(self, column: np.ndarray) -> np.ndarray:
        return np.array([self._code.get(as_text(x), -1) for x in column], np.int64)
