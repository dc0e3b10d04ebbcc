"""A state_dict with a description of its layers: parsed, matched by name, then by shape."""

import ast
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import samples
from .builder import Builder
from .conversion import Conversion, Trained
from .errors import ConvertError, listed
from .finish import Report, finish
from .graph import NUMPY
from .indices import draw
from .shapes import BATCH, text
from .torch_layers import LAYERS, REQUIRED, role_path, sizes
from .weights import Names, near

TOLERANCE = {"f32": 2e-5, "f64": 1e-11}
BY_LOWER_CASE = {name.lower(): name for name in LAYERS}
BY_LOWER_CASE.update(swish="SiLU", linear="Linear")


@dataclass
class Described:
    """A layer of the description."""

    name: str  # its prefix in the file, "" where none is said
    kind: str
    arguments: Dict[str, Any]
    words: str

    @property
    def roles(self) -> Dict[str, Tuple[int, ...]]:
        return LAYERS[self.kind].roles(self.arguments)


def _words(description: str) -> List[str]:
    """Words apart by spaces that stand in no brackets."""
    words, depth, word = [], 0, ""
    for c in description + " ":
        depth += c in "([" or -(c in ")]")
        if depth == 0 and c in " \t\n,;":
            words, word = words + ([word] if word else []), ""
        else:
            word += c
    if depth or word:
        raise ConvertError(f"--layers: a bracket is not closed in '{description}'")
    return words


def _layer(word: str) -> Described:
    match = re.fullmatch(r"(?:([\w.]+)=)?(\w+)\s*(\(.*\))?", word, re.S)
    if not match or match[2].lower() not in BY_LOWER_CASE:
        kind = match[2] if match else word
        raise ConvertError(
            f"--layers: '{kind}' is no layer that is converted{near(kind, LAYERS)}; "
            f"there are {listed(LAYERS, 99)}"
        )
    kind = BY_LOWER_CASE[match[2].lower()]
    arguments = dict(LAYERS[kind].arguments)
    try:
        call = ast.parse(f"f{match[3] or '()'}", mode="eval").body
        assert isinstance(call, ast.Call)
        given = [ast.literal_eval(value) for value in call.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise ConvertError(f"--layers: '{word}': arguments are numbers and names") from None
    if len(given) > len(arguments) or not set(named) <= set(arguments):
        raise ConvertError(f"--layers: '{word}': {kind} takes {listed(arguments, 9) or 'nothing'}")
    arguments.update(zip(arguments, given))
    arguments.update(named)
    missing = [name for name, value in arguments.items() if value is REQUIRED]
    if missing:
        raise ConvertError(f"--layers: '{word}': {kind} lacks {listed(missing)}")
    return Described(match[1] or "", kind, arguments, word)


def parse(description: str) -> List[Described]:
    """'fc1=Linear(64,48) ReLU Linear(48,10)', or '64-48-10 relu', with another word for the
    activation of the last layer."""
    words = _words(description)
    if words and re.fullmatch(r"\d+(-\d+)+", words[0]):
        widths = [int(n) for n in words[0].split("-")]
        if len(words) > 3:
            raise ConvertError(
                f"--layers '{description}': expected widths, an activation and, where the last "
                "layer has one, another: '64-48-10 relu softmax'"
            )
        between, last = (words[1:2] or [""])[0], (words[2:3] or [""])[0]
        words = []
        for i, (k, n) in enumerate(zip(widths, widths[1:])):
            activation = last if i == len(widths) - 2 else between
            words += [f"Linear({k},{n})"] + ([activation] if activation else [])
    layers = [_layer(word) for word in words]
    if not any(layer.roles for layer in layers):
        raise ConvertError(f"--layers '{description}': no layer with weights")
    return layers


def _natural(name: str) -> List[Any]:
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", name)]


def _groups(names: List[str], kept_order: bool) -> List[str]:
    """The prefixes in the order of the layers: the file's, or by their numbers, 2 before 10."""
    prefixes = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return prefixes if kept_order else sorted(prefixes, key=_natural)


def _numbered(prefixes: List[str]) -> bool:
    """Whether numbers, and not letters, put them in order."""
    for a, b in zip(map(_natural, prefixes), map(_natural, prefixes[1:])):
        x, y = next(((x, y) for x, y in zip(a, b) if x != y), ((1,), (1,)))
        if x[0] or y[0]:
            return False
    return True


def assign(layers: List[Described], names: List[str], kept_order: bool) -> Dict[int, str]:
    """The prefix of each layer with weights. Names alone are compared, before any shape."""
    taken = [name for name in names if not name.endswith("num_batches_tracked")]
    groups = _groups(taken, kept_order)
    weighted = [i for i, layer in enumerate(layers) if layer.roles]
    if any(layers[i].name for i in weighted):
        prefixes = {i: layers[i].name for i in weighted}
        unnamed = [layers[i].words for i in weighted if not layers[i].name]
        if unnamed:
            raise ConvertError(f"--layers: name all layers with weights, or none: {unnamed[0]}")
    else:
        if len(groups) != len(weighted):
            raise ConvertError(
                f"--layers: {len(weighted)} layers with weights are described, "
                f"{listed(layers[i].words for i in weighted)}; the file has weights of "
                f"{len(groups)}: {listed(groups, 20)}"
            )
        if not kept_order and not _numbered(groups):
            raise ConvertError(
                "--layers: a safetensors file does not keep the order of its layers, "
                f"{listed(groups, 20)}: name them, '{groups[0]}={layers[weighted[0]].words} ...'"
            )
        prefixes = dict(zip(weighted, groups))
    wanted = {
        f"{prefix}.{role}" if prefix else role: layers[i].words
        for i, prefix in prefixes.items()
        for role in layers[i].roles
    }
    left = [name for name in taken if name not in wanted]
    faults = [
        f"'{name}', of {words}, is missing{near(name, left)}"
        for name, words in wanted.items()
        if name not in taken
    ]
    faults += [f"'{name}' belongs to no layer" for name in left]
    if faults:
        raise ConvertError("--layers and the file do not fit:\n  " + "\n  ".join(faults))
    return prefixes


class DescribedModel:
    def __init__(
        self, arrays: Dict[str, np.ndarray], description: str, names: Names, kept_order: bool
    ):
        self.layers = parse(description)
        renamed: Dict[str, str] = {}
        for original in arrays:
            name = names(original)
            if name in renamed:
                raise ConvertError(
                    f"--rename makes '{name}' of both '{renamed[name]}' and '{original}'"
                )
            renamed[name] = original
        self.original = renamed
        self.arrays = {name: arrays[original] for name, original in renamed.items()}
        self.prefixes = assign(self.layers, list(self.arrays), kept_order)
        faults = list(self._misfits())
        if faults:
            raise ConvertError("--layers and the file do not fit:\n  " + "\n  ".join(faults))

    def _name(self, place: int, role: str) -> str:
        prefix = self.prefixes[place]
        return f"{prefix}.{role}" if prefix else role

    def _misfits(self):
        for place in self.prefixes:
            layer = self.layers[place]
            for role, shape in layer.roles.items():
                actual = self.arrays[self._name(place, role)].shape
                if actual != shape:
                    turned = actual == shape[::-1] and len(shape) == 2
                    hint = ", [in, out]: is it of PyTorch?" if turned else ""
                    yield (
                        f"'{self._name(place, role)}' is {text(actual)}, "
                        f"{layer.words} takes {text(shape)}{hint}"
                    )

    def _first_input(self) -> Tuple[str, Tuple[Any, ...]]:
        for layer in self.layers:
            a = layer.arguments
            if layer.kind == "Linear":
                return "", (BATCH, int(a["in_features"]))
            if layer.kind == "BatchNorm1d":
                return "", (BATCH, int(a["num_features"]))
            if layer.kind in ("LayerNorm", "RMSNorm"):
                return "", (BATCH,) + sizes(a["normalized_shape"])
            if layer.kind == "Embedding":
                return "i64", (BATCH,)
            if layer.roles or layer.kind in ("Flatten", "Unflatten"):
                break
        raise ConvertError("--layers: the first layer does not say how many inputs it takes")

    def convert(self, dtype: Optional[str], source: str) -> Conversion:
        floats = [a.dtype for a in self.arrays.values() if a.dtype.kind == "f"]
        dtype = dtype or ("f64" if floats and floats[0] == np.float64 else "f32")
        b = Builder(dtype, Names())
        kind, shape = self._first_input()
        x = b.graph.input("input", kind or dtype, shape)
        for place, layer in enumerate(self.layers):
            path = self.prefixes.get(place, str(place))

            def weight(role: str):
                if role not in layer.roles:
                    return None
                name = self._name(place, role)
                to = role_path(name, name, layer.kind)
                return b.weight(self.original[name], self.arrays[name], path=to)

            with b.graph.layer(path):
                x = LAYERS[layer.kind].emit(b, x, layer.arguments, weight)
            b.mark(path, x)
        b.graph.head("output", x)
        for name in self.arrays:
            if name.endswith("num_batches_tracked"):
                b.ignore(self.original[name], self.arrays[name].shape, "num_batches_tracked")
        b.graph.metadata = {"trainer": "PyTorch", "model": source}
        self.graph = b.graph
        return Conversion(b.graph, b.table, self._trained(dtype), TOLERANCE[dtype], b.marks)

    def rows(self, sample: Any) -> Dict[str, np.ndarray]:
        value = self.graph.inputs[0]
        return {"input": samples.by_input(sample, ["input"])["input"].astype(NUMPY[value.dtype])}

    def _trained(self, dtype: str) -> Optional[Trained]:
        """The same layers in PyTorch, where it is installed."""
        try:
            import torch
        except ImportError:
            return None
        modules = []
        for place, layer in enumerate(self.layers):
            defaults = dict(LAYERS[layer.kind].arguments)
            said = {k: v for k, v in layer.arguments.items() if v != defaults[k]}
            try:
                module = getattr(torch.nn, layer.kind)(**said)
            except (AttributeError, TypeError):  # of a newer PyTorch
                return None
            state = {r: torch.tensor(self.arrays[self._name(place, r)]) for r in layer.roles}
            module.load_state_dict(state, strict=False)
            modules.append(module)
        floats = torch.float64 if dtype == "f64" else torch.float32
        net = torch.nn.Sequential(*modules).eval().to(floats)

        def predict(rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
            with torch.no_grad():
                return {"output": net(torch.from_numpy(rows["input"].copy())).numpy()}

        def layers(rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
            found, x = {}, torch.from_numpy(rows["input"].copy())
            with torch.no_grad():
                for place, module in enumerate(net):
                    x = module(x)
                    found[self.prefixes.get(place, str(place))] = x.numpy()
            return found

        return Trained(
            draw=lambda rng, count: draw(self.graph, rng, count),
            first=lambda rows: {"input": rows["input"][:1]},
            feed=lambda rows: rows,
            predict=predict,
            layers=layers,
        )


def convert_described(
    arrays: Dict[str, np.ndarray],
    description: str,
    name: str,
    source: str,
    kept_order: bool = True,
    dtype: Optional[str] = None,
    rename: Any = (),
    sample: Any = None,
    **options: Any,
) -> Report:
    """Writes the two files of weights whose layers are described; `kept_order`: the arrays come in
    the order of the layers."""
    names = Names(rename)
    model = DescribedModel(arrays, description, names, kept_order)
    conversion = model.convert(dtype, source)
    rows = None if sample is None else model.rows(sample)
    return finish(conversion, names, name, rows, **options)
