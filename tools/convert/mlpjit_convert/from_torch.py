"""PyTorch: a module's forward, traced by torch.fx down to the layers of torch_layers.py."""

import copy
import inspect
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
from torch import fx, nn
from torch.nn.parameter import is_lazy

from . import samples
from .builder import Builder
from .conversion import Conversion, Trained
from .errors import ConvertError, NameFault, listed
from .graph import NUMPY, Value
from .indices import draw
from .shapes import BATCH
from .torch_functions import FUNCTIONS, name_of
from .torch_layers import LAYERS, REQUIRED, Layer, role_path, sizes
from .weights import Names

TOLERANCE = {"f32": 2e-5, "f64": 1e-11}
TORCH = {"f32": torch.float32, "f64": torch.float64}
INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)
WAY_OUT = (
    "The way out: torch.onnx.export the module, and import the ONNX file: mlpjit reads it itself."
)
MODES = ("Dropout", "BatchNorm", "AlphaDropout")  # what training mode changes
ASSERTIONS = {"_assert", "_assert_is_none"}


def kind_of(module: nn.Module) -> str:
    """The class of a layer; torch.nn.utils.parametrize makes one of its own."""
    name = type(module).__name__
    return name[len("Parametrized") :] if name.startswith("Parametrized") else name


def is_torch_layer(module: nn.Module) -> bool:
    return type(module).__module__.startswith(("torch.nn", "torch.ao.nn"))


class Tracer(fx.Tracer):
    """Layers of PyTorch are leaves, but containers; modules of the user's are gone through."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_torch_layer(m) and not isinstance(m, nn.Sequential)


class Emitter:
    """Walks the traced graph."""

    def __init__(self, module: nn.Module, dtype: str, names: Names):
        self.module = module
        self.b = Builder(dtype, names)
        self.values: Dict[fx.Node, Any] = {}
        self.kept: List[torch.Tensor] = []  # so that their identity stays their own
        self.called: Dict[str, int] = {}

    def weight(self, trainer: str, kind: str, tensor: torch.Tensor) -> Value:
        self.kept.append(tensor)
        path = role_path(self.b.names(trainer), trainer, kind)
        known = any(row.trainer == trainer for row in self.b.table)
        array = tensor.detach().cpu().numpy()
        value = self.b.weight(trainer, array, key=id(tensor), path=path)
        if known:
            self.b.table.pop()
        return value

    def layer(self, path: str, x: Value) -> Value:
        module = self.module.get_submodule(path)
        kind = kind_of(module)
        layer = LAYERS[kind]

        def weight(role: str) -> Optional[Value]:
            tensor = getattr(module, role, None)
            return None if tensor is None else self.weight(f"{path}.{role}", kind, tensor)

        arguments = arguments_of(module, layer)
        layer.roles(arguments)  # refuses what has none of its weights
        with self.b.graph.layer(path):
            result = layer.emit(self.b, x, arguments, weight)
        if "num_batches_tracked" in dict(module.named_buffers()) and path not in self.called:
            self.b.ignore(f"{path}.num_batches_tracked", [], "num_batches_tracked")
        if path not in self.called:
            self.b.mark(path, result)
        self.called[path] = 1
        return result

    def node(self, node: fx.Node) -> Any:
        args = fx.node.map_arg(node.args, lambda n: self.values[n])
        kwargs = fx.node.map_arg(node.kwargs, lambda n: self.values[n])
        if node.op == "get_attr":
            return self.weight(str(node.target), "", tensor_at(self.module, str(node.target)))
        if node.op == "call_module":
            return self.layer(str(node.target), *args, **kwargs)
        name = name_of(node.target)
        if name in ASSERTIONS:
            return None
        if is_named_tuple(node):
            return node.target(*args, **kwargs)
        with self.b.graph.layer(stack_path(node)):
            return FUNCTIONS[name](self.b, *args, **kwargs)


def tensor_at(module: nn.Module, path: str) -> torch.Tensor:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def stack_path(node: fx.Node) -> str:
    """The module whose forward calls the function, where fx says so."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return ""
    return str(list(stack)[-1])


def arguments_of(module: nn.Module, layer: Layer) -> Dict[str, Any]:
    """What the layer was made with. Weights that may be left out are known by being None."""
    arguments = {}
    for name, default in layer.arguments:
        value = getattr(module, name, None if default is REQUIRED else default)
        if name == "bias":
            value = getattr(module, "bias", None) is not None
        arguments[name] = value
    return arguments


def unsupported(module: nn.Module, graph: fx.Graph) -> Iterator[str]:
    """All that is not converted: path and type of layers, functions by name."""
    for node in graph.nodes:
        if node.op == "call_module":
            layer = module.get_submodule(str(node.target))
            home = type(layer).__module__
            if not home.startswith(("torch.nn.modules", "torch.nn.utils.parametrize")):
                yield f"{node.target}: {home}.{kind_of(layer)}"
            elif kind_of(layer) not in LAYERS:
                yield f"{node.target}: {kind_of(layer)}"
            elif getattr(layer, "inplace", False) and used_again(node):
                yield f"{node.target}: {kind_of(layer)} in place, of a value that is used again"
        elif node.op in ("call_function", "call_method"):
            name, where = name_of(node.target), stack_path(node) or "forward"
            if name not in FUNCTIONS and name not in ASSERTIONS and not is_named_tuple(node):
                yield f"{where}: {name}"
            elif is_in_place(node) and used_again(node):
                yield f"{where}: {name} in place, of a value that is used again"


def is_named_tuple(node: fx.Node) -> bool:
    return isinstance(node.target, type) and hasattr(node.target, "_fields")


def is_in_place(node: fx.Node) -> bool:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or node.kwargs.get("inplace") is True


def used_again(node: fx.Node) -> bool:
    """Whether what the node takes first is read after it."""
    taken = node.args[0] if node.args else None
    later = node.next
    while isinstance(taken, fx.Node) and later.op != "root":
        if later in taken.users:
            return True
        later = later.next
    return False


def traced(module: nn.Module, given: Optional[Any]) -> Tuple[fx.Graph, Dict[str, Any]]:
    """The forward, with the defaults of what the sample does not give."""
    if isinstance(module, torch.jit.ScriptModule):
        raise ConvertError(
            "PyTorch: a TorchScript module, whose layers are not told any more. Convert the module "
            "that it was made of, or its weights with --layers. " + WAY_OUT
        )
    parameters = list(inspect.signature(module.forward).parameters.values())
    optional = {}
    for place, p in enumerate(parameters):
        named = isinstance(given, dict) and p.name in given
        placed = isinstance(given, (tuple, list)) and place < len(given)
        if p.default is not inspect.Parameter.empty and not named and not placed:
            optional[p.name] = p.default
    try:
        tracer = Tracer()
        graph = tracer.trace(module, concrete_args=optional or None)
    except Exception as error:  # torch.fx lets through whatever the forward raises
        reason = str(error).split("\n")[0]
        raise ConvertError(
            f"PyTorch: the forward of {type(module).__name__} cannot be traced by torch.fx: "
            f"{type(error).__name__}: {reason}\n{WAY_OUT}"
        ) from None
    return graph, optional


class Input:
    """A placeholder: its type, from the sample, what the user says, or its first layer."""

    def __init__(self, module: nn.Module, node: fx.Node):
        self.name, self.node, self.module = str(node.target), node, module
        self.picks = self._first(("Embedding",)) is not None or any(
            name_of(user.target) in ("embedding", "one_hot")
            for user in node.users
            if user.op == "call_function"
        )

    def _first(self, kinds: Tuple[str, ...]) -> Optional[nn.Module]:
        """The layer of one of these kinds that takes the input, behind those without weights."""
        at = [self.node]
        while at:
            node = at.pop()
            for user in node.users:
                if user.op != "call_module":
                    continue
                layer = self.module.get_submodule(str(user.target))
                if kind_of(layer) in kinds:
                    return layer
                if not list(layer.parameters()) and kind_of(layer) != "Flatten":
                    at.append(user)
        return None

    def guessed(self) -> Optional[Tuple[Any, ...]]:
        layer = self._first(("Linear", "BatchNorm1d", "LayerNorm", "RMSNorm"))
        for user in self.node.users:  # a forward that calls F.linear
            if user.op == "call_function" and name_of(user.target) == "linear":
                weight = user.args[1] if len(user.args) > 1 else user.kwargs.get("weight")
                if isinstance(weight, fx.Node) and weight.op == "get_attr":
                    return (BATCH, int(tensor_at(self.module, str(weight.target)).shape[1]))
        if layer is None or self.picks:
            return None
        if kind_of(layer) == "Linear":
            return (BATCH, int(layer.in_features))
        if kind_of(layer) == "BatchNorm1d":
            return (BATCH, int(layer.num_features))
        return (BATCH,) + sizes(layer.normalized_shape)

    def dtype(self, sample: Optional[np.ndarray], floats: str) -> str:
        if self.picks:
            return "i64"
        if sample is not None and sample.dtype == bool:
            return "bool"
        if sample is not None and sample.dtype.kind in "iu" and self.guessed() is None:
            return "i64"
        return floats


def _inputs(b: Builder, inputs: List[Input], arrays: Dict[str, np.ndarray], shapes: Any) -> None:
    shapes = dict(enumerate(shapes)) if isinstance(shapes, (tuple, list)) else dict(shapes or {})
    for place, given in enumerate(inputs):
        sample = arrays.get(given.name)
        said = shapes.pop(given.name, None)
        said = shapes.pop(place, None) if said is None else said
        if said is not None:
            shape: Any = (BATCH,) + tuple(int(n) for n in said)
        elif sample is not None:
            shape = ((BATCH,) + sample.shape[1:]) if sample.ndim else ()
        else:
            shape = given.guessed()
        if shape is None:
            raise ConvertError(
                f"PyTorch: the shape of the input '{given.name}' is not known: give a sample "
                f"(--sample), or its sizes without the batch (--shape {given.name}=64)"
            )
        b.graph.input(given.name, given.dtype(sample, b.graph.dtype), shape)
    if shapes:
        raise ConvertError(
            f"--shape: no input {listed(shapes)}; there are {listed(i.name for i in inputs)}"
        )


def outputs_of(result: Any) -> Dict[str, Any]:
    """Results by name: 'output', or 'output_0' and so on, or the keys of a dictionary."""
    if isinstance(result, dict):
        return {str(name): value for name, value in result.items()}
    if isinstance(result, (tuple, list)):
        names = getattr(result, "_fields", [f"output_{i}" for i in range(len(result))])
        return dict(zip(names, result))
    return {"output": result}


class TorchModel:
    def __init__(self, module: nn.Module, dtype: Optional[str], names: Names):
        if not isinstance(module, nn.Module):
            raise ConvertError(f"PyTorch: a {type(module).__name__} is no nn.Module")
        lazy = [name for name, p in module.named_parameters() if is_lazy(p)]
        if lazy:
            raise ConvertError(f"PyTorch: not initialised, call the module once: {listed(lazy)}")
        floats = [t for t in module.state_dict().values() if torch.is_tensor(t)]
        own = next((t.dtype for t in floats if t.is_floating_point()), torch.float32)
        self.dtype = dtype or ("f64" if own == torch.float64 else "f32")
        self.notes = []
        if own not in (torch.float32, torch.float64):
            self.notes.append(f"weights of {own} are widened to {self.dtype}")
        if any(m.training and kind_of(m).startswith(MODES) for m in module.modules()):
            self.notes.append("converted as in evaluation (module.eval())")
        try:
            self.module = copy.deepcopy(module).eval().cpu().to(TORCH[self.dtype])
        except Exception as error:  # whatever a module of the user's raises
            raise ConvertError(f"PyTorch: the module cannot be copied: {error}") from None
        self.names = names
        self.inputs: List[Input] = []

    def read(self, sample: Any) -> Dict[str, np.ndarray]:
        """A sample as arrays by the names of the inputs."""
        as_array = lambda x: x.detach().cpu().numpy() if torch.is_tensor(x) else np.asarray(x)
        if isinstance(sample, dict):
            sample = {name: as_array(x) for name, x in sample.items()}
        elif isinstance(sample, (tuple, list)) and any(
            torch.is_tensor(x) or isinstance(x, np.ndarray) for x in sample
        ):
            sample = [as_array(x) for x in sample]
        else:
            sample = as_array(sample)
        arrays = samples.by_input(sample, [i.name for i in self.inputs])
        return {n: a.astype(np.float64) if a.dtype == np.float16 else a for n, a in arrays.items()}

    def rows(self, sample: Any) -> Dict[str, np.ndarray]:
        """The same, of the types that the program takes."""
        arrays = self.read(sample)
        return {v.name: arrays[v.name].astype(NUMPY[v.dtype]) for v in self.graph.inputs}

    def convert(self, sample: Any, shapes: Any) -> Conversion:
        fx_graph, optional = traced(self.module, sample)
        faults = list(dict.fromkeys(unsupported(self.module, fx_graph)))
        if faults:
            raise ConvertError("PyTorch: not converted:\n  " + "\n  ".join(faults) + "\n" + WAY_OUT)
        emitter = Emitter(self.module, self.dtype, self.names)
        b, self.graph = emitter.b, emitter.b.graph
        placeholders = [n for n in fx_graph.nodes if n.op == "placeholder"]
        for node in placeholders:
            stem = next((name for name in optional if str(node.target) == name), None)
            stem = stem or next((n for n in optional if str(node.target).startswith(n + "_")), None)
            if stem is not None:
                emitter.values[node] = optional[stem]
            else:
                self.inputs.append(Input(self.module, node))
        arrays = {} if sample is None else self.read(sample)
        _inputs(b, self.inputs, arrays, shapes)
        emitter.values.update(zip([i.node for i in self.inputs], self.graph.inputs))
        self._emit(emitter, fx_graph)
        self.graph.metadata = {
            "trainer": f"PyTorch {torch.__version__}",
            "model": type(self.module).__name__,
        }
        trained = Trained(
            draw=lambda rng, count: draw(self.graph, rng, count),
            first=lambda rows: {name: array[:1] for name, array in rows.items()},
            feed=lambda rows: rows,
            predict=self.predict,
            layers=self.layers,
        )
        notes = self.notes + b.notes
        return Conversion(self.graph, b.table, trained, TOLERANCE[self.dtype], b.marks, notes)

    def _emit(self, emitter: Emitter, fx_graph: fx.Graph) -> None:
        for node in fx_graph.nodes:
            if node.op == "placeholder":
                continue
            if node.op == "output":
                result = fx.node.map_arg(node.args[0], lambda n: emitter.values[n])
                self._heads(emitter.b, result)
                continue
            try:
                emitter.values[node] = emitter.node(node)
            except NameFault:
                raise
            except ConvertError as error:
                raise ConvertError(f"PyTorch: {error}\n{WAY_OUT}") from None
            except (TypeError, ValueError, AttributeError, IndexError) as error:
                raise ConvertError(
                    f"PyTorch: {stack_path(node) or 'forward'}: {name_of(node.target)}"
                    f" with these arguments is not converted ({error})\n{WAY_OUT}"
                ) from None

    @staticmethod
    def _heads(b: Builder, result: Any) -> None:
        for name, value in outputs_of(result).items():
            if not isinstance(value, Value):
                raise ConvertError(f"PyTorch: the output '{name}' is no tensor")
            b.graph.head(name, value)

    def _run(self, rows: Dict[str, np.ndarray]) -> Any:
        with torch.no_grad():
            try:
                return self.module(**{n: torch.from_numpy(a.copy()) for n, a in rows.items()})
            except Exception as error:  # whatever a forward of the user's raises
                reason = str(error).split("\n")[0]
                raise ConvertError(f"PyTorch refuses the rows: {reason}") from None

    def predict(self, rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        outputs = outputs_of(self._run(rows))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def layers(self, rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """What the leaves give when they are called first."""
        found: Dict[str, np.ndarray] = {}

        def hook(path: str) -> Callable:
            def keep(module: nn.Module, inputs: Any, output: Any) -> None:
                if torch.is_tensor(output):
                    found.setdefault(path, output.detach().clone().numpy())

            return keep

        handles = [m.register_forward_hook(hook(p)) for p, m in self.module.named_modules() if p]
        try:
            self._run(rows)
        finally:
            for handle in handles:
                handle.remove()
        return found


def convert(
    module: Any, dtype: Optional[str], names: Names, sample: Any = None, shapes: Any = None
) -> Tuple[Conversion, Callable[[Any], Dict[str, np.ndarray]]]:
    """The conversion, and what makes rows of a sample."""
    model = TorchModel(module, dtype, names)
    return model.convert(sample, shapes), model.rows
