"""Keras 3: Sequential and functional models, by the nodes of their graphs."""

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import keras_files, samples
from .builder import Builder
from .conversion import Conversion, Trained
from .errors import ConvertError
from .graph import NUMPY, Value
from .indices import draw
from .keras_layers import LAYERS, OPERATIONS, Scope, activation_fault, as_array
from .shapes import BATCH
from .weights import Names

# Of models in f64, too: with PyTorch for its backend, Keras multiplies their matrices in f32; with
# TensorFlow the square root of 2 in gelu is one of f32.
TOLERANCE = 2e-5
HALVES = {"float16": 1e-2, "bfloat16": 1e-1}  # what they are compared within
INPUTS = {"int32": "i32", "int64": "i64", "bool": "bool", "uint8": "i32", "int16": "i32"}
WAY_OUT = (
    "The way out: make ONNX of the model (tf2onnx, or model.export(format='onnx')), and import the "
    "ONNX file: mlpjit reads it itself."
)


def is_sequential(model: Any) -> bool:
    return any(base.__name__ == "Sequential" for base in type(model).__mro__)


def is_functional(model: Any) -> bool:
    return any(base.__name__ == "Functional" for base in type(model).__mro__)


def is_model(layer: Any) -> bool:
    return is_sequential(layer) or is_functional(layer)


def is_layer(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.Layer)


def is_keras_tensor(x: Any) -> bool:
    return type(x).__name__ == "KerasTensor"


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def mapped(function: Callable[[Any], Any], x: Any) -> Any:
    """A structure of lists, tuples and dictionaries with something else for its leaves."""
    if isinstance(x, (list, tuple)):
        return type(x)([mapped(function, y) for y in x])
    if isinstance(x, dict):
        return {key: mapped(function, y) for key, y in x.items()}
    return function(x)


def leaves(x: Any) -> List[Any]:
    found: List[Any] = []
    mapped(found.append, x)
    return found


def nodes_of(model: Any) -> List[Any]:
    """The nodes of a functional model, in an order that they can run."""
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def operations_of(model: Any) -> List[Any]:
    if is_sequential(model):
        return list(model.layers)
    nodes = [node for node in nodes_of(model) if not node.is_input]
    return list(dict.fromkeys(node.operation for node in nodes))


def unsupported(model: Any, path: str) -> Iterator[str]:
    """All that is not converted: path and type."""
    if not is_model(model):
        yield f"{path or 'the model'}: {type(model).__name__}, neither Sequential nor functional"
        return
    if is_sequential(model) and not model.built:
        yield f"{path or 'the model'}: a Sequential without its input: call it once before"
        return
    for operation in operations_of(model):
        name, kind = joined(path, operation.name), type(operation).__name__
        if is_model(operation):
            yield from unsupported(operation, name)
        elif kind == "InputLayer":
            continue
        elif kind not in (LAYERS if is_layer(operation) else OPERATIONS):
            yield f"{name}: {kind}"
        elif is_layer(operation):
            fault = activation_fault(operation)
            home = type(operation).__module__
            if not home.startswith("keras."):
                yield f"{name}: {home}.{kind}"
            masks = getattr(operation, "mask_zero", False)
            if fault:
                yield f"{name}: {kind} with {fault}"
            if masks and _pools(model):
                yield f"{name}: Embedding with mask_zero before a pooling layer"


def _pools(model: Any) -> bool:
    return any(type(o).__name__.startswith("Global") for o in operations_of(model))


class Emitter:
    def __init__(self, dtype: str, names: Names):
        self.b = Builder(dtype, names)

    def model(self, model: Any, path: str, inputs: List[Value]) -> Any:
        """The outputs of a model, in its structure."""
        if is_sequential(model):
            x = inputs[0]
            for layer in model.layers:
                if type(layer).__name__ != "InputLayer":
                    x = self.operation(layer, path, [x], {})
            return x
        values: Dict[int, Value] = {id(t): v for t, v in zip(model.inputs, inputs)}
        find = lambda x: values[id(x)] if is_keras_tensor(x) else x
        for node in nodes_of(model):
            if node.is_input:
                continue
            arguments = node.arguments
            args, kwargs = mapped(find, list(arguments.args)), mapped(find, arguments.kwargs)
            results = leaves(self.operation(node.operation, path, args, kwargs))
            values.update((id(t), v) for t, v in zip(node.outputs, results))
        return mapped(find, model._outputs_struct)

    def operation(self, operation: Any, path: str, args: List[Any], kwargs: Dict[str, Any]) -> Any:
        name = joined(path, operation.name)
        with self.b.graph.layer(name):
            if is_model(operation):
                given = [x for x in leaves(args) + leaves(kwargs) if isinstance(x, Value)]
                return self.model(operation, name, given)
            try:
                if is_layer(operation):
                    inputs = [x for x in leaves(args) + leaves(kwargs) if isinstance(x, Value)]
                    scope = Scope(self.b, name, operation)
                    result = LAYERS[type(operation).__name__](scope, inputs)
                else:
                    kwargs = {k: v for k, v in kwargs.items() if v is not None}
                    result = OPERATIONS[type(operation).__name__](
                        self.b, operation, *args, **kwargs
                    )
            except ConvertError as error:
                raise ConvertError(f"Keras: {name}: {error}\n{WAY_OUT}") from None
            except (TypeError, AttributeError, KeyError, ValueError) as error:
                kind = type(operation).__name__
                raise ConvertError(
                    f"Keras: {name}: {kind} with these arguments is not converted ({error})\n"
                    + WAY_OUT
                ) from None
        return self.b.mark(name, result)


def _unique(names: List[str]) -> List[str]:
    """Names as Keras gives them, those that stand twice with a number."""
    seen: Dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return result


class KerasModel:
    def __init__(self, model: Any, dtype: Optional[str], names: Names):
        faults = list(unsupported(model, ""))
        if faults:
            raise ConvertError("Keras: not converted:\n  " + "\n  ".join(faults) + "\n" + WAY_OUT)
        self.model_, self.names = model, names
        weights = [as_array(w).dtype for w in model.weights]
        double = any(d == np.float64 for d in weights)
        self.dtype = dtype or ("f64" if double else "f32")
        self.tolerance = TOLERANCE
        self.notes = []
        for name, bound in HALVES.items():
            if any(getattr(o, "compute_dtype", "") == name for o in model._flatten_layers()):
                self.notes.append(f"{model.name} computes in {name}, the converted model does not")
                self.tolerance = max(self.tolerance, bound)

    def convert(self) -> Conversion:
        emitter = Emitter(self.dtype, self.names)
        b, self.graph = emitter.b, emitter.b.graph
        for place, tensor in enumerate(self.model_.inputs):
            b.graph.input(self.input_names[place], self._dtype(tensor), self._shape(tensor, place))
        result = emitter.model(self.model_, "", list(b.graph.inputs))
        for name, value in self._outputs(result).items():
            b.graph.head(name, value)
        import keras

        b.graph.metadata = {"trainer": f"Keras {keras.__version__}", "model": self.model_.name}
        trained = Trained(
            draw=lambda rng, count: draw(self.graph, rng, count),
            first=lambda rows: {name: array[:1] for name, array in rows.items()},
            feed=lambda rows: rows,
            predict=self.predict,
            layers=self.layers,
        )
        return Conversion(b.graph, b.table, trained, self.tolerance, b.marks, self.notes)

    @property
    def input_names(self) -> List[str]:
        struct = getattr(self.model_, "_inputs_struct", None)
        if isinstance(struct, dict):
            return [str(key) for key in struct]
        return _unique([tensor.name.split(":")[0] for tensor in self.model_.inputs])

    def _dtype(self, tensor: Any) -> str:
        name = str(tensor.dtype)
        if name.startswith(("float", "bfloat")):
            return self.dtype
        if name not in INPUTS:
            raise ConvertError(f"Keras: the input '{tensor.name}' is of {name}")
        return INPUTS[name]

    def _shape(self, tensor: Any, place: int) -> Tuple[Any, ...]:
        """The batch, whatever Keras fixed; other sizes that vary get names of their own."""
        sizes = enumerate(tensor.shape[1:], 1)
        name = f"N{place}_" if place else "N"
        return (BATCH,) + tuple(n if n is not None else f"{name}{axis}" for axis, n in sizes)

    def _outputs(self, result: Any) -> Dict[str, Any]:
        if isinstance(result, dict):
            return {str(name): value for name, value in result.items()}
        values = leaves(result)
        names = getattr(self.model_, "output_names", None)
        if is_sequential(self.model_) or not names or len(names) != len(values):
            last = self.model_.layers[-1].name
            names = [last] if len(values) == 1 else [f"output_{i}" for i in range(len(values))]
        return dict(zip(_unique([str(name) for name in names]), values))

    def rows(self, sample: Any) -> Dict[str, np.ndarray]:
        arrays = samples.by_input(sample, self.input_names)
        return {v.name: arrays[v.name].astype(NUMPY[v.dtype]) for v in self.graph.inputs}

    def _ask(self, model: Any, rows: Dict[str, np.ndarray]) -> Any:
        import keras

        tensors = []
        for tensor, name in zip(self.model_.inputs, self.input_names):
            tensors.append(keras.ops.convert_to_tensor(rows[name], dtype=str(tensor.dtype)))
        if is_functional(model) and isinstance(getattr(model, "_inputs_struct", None), dict):
            given: Any = dict(zip(model._inputs_struct, tensors))
        else:
            given = tensors[0] if len(tensors) == 1 else tensors
        try:
            return mapped(as_array, model(given, training=False))
        except Exception as error:  # whatever a backend raises for rows of the user's
            reason = str(error).strip().split("\n")[0]
            raise ConvertError(f"Keras refuses the rows: {reason}") from None

    def predict(self, rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        return self._outputs(self._ask(self.model_, rows))

    def layers(self, rows: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """What the layers give, but those inside of models and those called twice."""
        import keras

        kept = [
            layer
            for layer in self.model_.layers
            if type(layer).__name__ != "InputLayer" and len(layer._inbound_nodes) == 1
        ]
        probe = keras.Model(self.model_.inputs, [layer.output for layer in kept])
        return {layer.name: array for layer, array in zip(kept, leaves(self._ask(probe, rows)))}


def convert(
    model: Any, dtype: Optional[str], names: Names
) -> Tuple[Conversion, Callable[[Any], Dict[str, np.ndarray]]]:
    """The conversion, and what makes rows of a sample."""
    keras_files.choose_backend()
    converted = KerasModel(model, dtype, names)
    return converted.convert(), converted.rows
