"""Inputs that are places in a table: how far they may go, for random rows."""

from typing import Any, Dict

import numpy as np

from .graph import NUMPY, Graph
from .shapes import BATCH

CARRIED = {"reshape", "slice", "transpose", "cast", "broadcast_to", "concat"}


def limits(graph: Graph) -> Dict[str, int]:
    """Of inputs of integers, by name: the least size of what they pick from."""
    sizes = {value.name: value for value in graph.inputs}
    sizes.update((p.value.name, p.value) for p in graph.parameters)
    sizes.update((node.result.name, node.result) for node in graph.nodes)
    found: Dict[str, int] = {}
    for source in graph.inputs:
        if source.dtype not in ("i32", "i64"):
            continue
        reached, limit = {source.name}, None
        for node in graph.nodes:
            if node.op in CARRIED and reached & set(node.inputs):
                reached.add(node.result.name)
            size = None
            if node.op == "gather" and node.inputs[1] in reached:
                size = sizes[node.inputs[0]].shape[node.attributes["axis"]]
            elif node.op == "one_hot" and node.inputs[0] in reached:
                size = node.attributes["depth"]
            if isinstance(size, int):
                limit = size if limit is None else min(limit, size)
        if limit is not None:
            found[source.name] = limit
    return found


def draw(graph: Graph, rng: Any, rows: int, steady: int = 5) -> Dict[str, np.ndarray]:
    """Random inputs of a graph, by name; sizes that vary, but for the batch, are `steady`."""
    most, drawn = limits(graph), {}
    for value in graph.inputs:
        shape = [rows if n == BATCH else steady if isinstance(n, str) else n for n in value.shape]
        if value.dtype == "bool":
            array = rng.random(shape) < 0.5
        elif value.dtype in ("i32", "i64"):
            array = rng.integers(0, most.get(value.name, 2), shape)
        else:
            array = rng.standard_normal(shape)
        drawn[value.name] = np.asarray(array).astype(NUMPY[value.dtype])
    return drawn
