"""What a trainer's module hands over: the graph, and how to ask the trainer what is right."""

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .graph import Graph, Value
from .weights import Row

Arrays = Dict[str, np.ndarray]


@dataclass
class Trained:
    """The trainer's side of a model. Rows are whatever its own calls take."""

    draw: Callable[[np.random.Generator, int], Any]  # so many random rows
    first: Callable[[Any], Any]  # the first row alone, as rows
    feed: Callable[[Any], Arrays]  # rows as inputs of ours, by name
    predict: Callable[[Any], Arrays]  # outputs, by our names
    layers: Callable[[Any], Arrays] = field(default=lambda rows: {})  # by layer, in order
    close: Callable[[Any], Arrays] = field(default=lambda rows: {})  # rows whose label is a tie
    note: str = ""


@dataclass
class Conversion:
    graph: Graph
    table: List[Row]
    trained: Optional[Trained]  # None where nobody can be asked: a state_dict
    tolerance: float
    marks: List[Tuple[str, Value]] = field(default_factory=list)  # what layers give, by layer
    notes: List[str] = field(default_factory=list)
