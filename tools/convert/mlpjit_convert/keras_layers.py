"""Keras' layers and operations by their class names, and what they become."""

from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from . import activations as act
from .builder import FLOATS, Builder, promoted
from .errors import ConvertError
from .graph import Value
from .shapes import axis_of, count
from .torch_functions import binary
from .torch_views import expand, getitem, permute, squeeze, unsqueeze


class Scope:
    """A layer under conversion: its weights get its path."""

    def __init__(self, b: Builder, path: str, layer: Any):
        self.b, self.path, self.layer = b, path, layer

    def weight(self, attribute: str, name: str, transpose: bool = False) -> Optional[Value]:
        variable = getattr(self.layer, attribute, None)
        if variable is None:
            return None
        trainer = f"{self.path.replace('.', '/')}/{attribute.lstrip('_')}"
        return self.array(trainer, as_array(variable), name, transpose, id(variable))

    def array(self, trainer: str, array: Any, name: str, transpose: bool = False, key: Any = None):
        known = [row for row in self.b.table if row.trainer == trainer]
        value = self.b.weight(trainer, array, f"{self.path}.{name}", transpose, key)
        if known:  # a layer that is called again
            self.b.table.pop()
        return value


def as_array(variable: Any) -> np.ndarray:
    import keras

    array = keras.ops.convert_to_numpy(variable)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.itemsize == 2 else array


def floats(b: Builder, x: Value) -> Value:
    return x if x.dtype in FLOATS else b.graph.cast(x, b.graph.dtype)


# Activations by the names of Keras' functions.


def _op(op: str, **attributes: Any) -> Callable[[Builder, Value], Value]:
    return lambda b, x: b.graph.op(op, x, **attributes)


def _softmax(op: str) -> Callable[[Builder, Value], Value]:
    return lambda b, x: b.graph.op(op, x, axis=x.rank - 1)


def _squareplus(b: Builder, x: Value) -> Value:
    g = b.graph
    root = g.op("sqrt", g.op("add", g.op("multiply", x, x), 4.0))
    return g.op("divide", g.op("add", x, root), 2.0)


ACTIVATIONS: Dict[str, Callable[[Builder, Value], Value]] = {
    "linear": lambda b, x: x,
    "relu": _op("relu"),
    "relu6": lambda b, x: act.clip(b, x, 0.0, 6.0),
    "leaky_relu": _op("leaky_relu", alpha=0.2),
    "sigmoid": _op("sigmoid"),
    "tanh": _op("tanh"),
    "silu": _op("silu"),
    "swish": _op("silu"),
    "gelu": _op("gelu"),
    "elu": _op("elu", alpha=1.0),
    "selu": act.selu,
    "celu": lambda b, x: act.celu(b, x, 1.0),
    "softplus": act.softplus,
    "softsign": act.softsign,
    "softmax": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    "exponential": _op("exp"),
    "mish": act.mish,
    "hard_sigmoid": act.hard_sigmoid,
    "hard_silu": act.hard_swish,
    "hard_swish": act.hard_swish,
    "hard_tanh": lambda b, x: act.clip(b, x, -1.0, 1.0),
    "hard_shrink": lambda b, x: act.hard_shrink(b, x, 0.5),
    "soft_shrink": lambda b, x: act.soft_shrink(b, x, 0.5),
    "tanh_shrink": act.tanh_shrink,
    "log_sigmoid": act.log_sigmoid,
    "squareplus": _squareplus,
}


def activation_fault(layer: Any) -> str:
    """What of a layer's activation is not converted; "" where all is."""
    function = getattr(layer, "activation", None)
    if function is None or type(function).__name__ in LAYERS:
        return ""
    name = getattr(function, "__name__", type(function).__name__)
    own = str(getattr(function, "__module__", "")).split(".")[0] == "keras"
    return "" if name in ACTIVATIONS and own else f"the activation {name}"


def activated(s: Scope, x: Value, function: Any) -> Value:
    """A layer's activation: a function of Keras, or a layer."""
    if function is None:
        return x
    if type(function).__name__ in LAYERS:
        return LAYERS[type(function).__name__](Scope(s.b, s.path, function), [x])
    return ACTIVATIONS[function.__name__](s.b, x)


# Layers.


def dense(s: Scope, inputs: List[Value]) -> Value:
    weight = s.weight("kernel", "weight", transpose=True)
    y = s.b.dense(floats(s.b, inputs[0]), weight, s.weight("bias", "bias"))
    return activated(s, y, s.layer.activation)


def batch_normalization(s: Scope, inputs: List[Value]) -> Value:
    mean = s.weight("moving_mean", "running_mean")
    var = s.weight("moving_variance", "running_var")
    gamma = s.weight("gamma", "gamma") if s.layer.scale else None
    beta = s.weight("beta", "beta") if s.layer.center else None
    axis = s.layer.axis[0] if isinstance(s.layer.axis, (list, tuple)) else s.layer.axis
    x = floats(s.b, inputs[0])
    return s.b.batch_norm(x, mean, var, s.layer.epsilon, gamma, beta, axis)


def _last_axes(layer: Any, x: Value) -> Sequence[int]:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    axes = sorted(axis_of(axis, x.rank) for axis in axes)
    if axes != list(range(x.rank - len(axes), x.rank)):
        raise ConvertError(f"{type(layer).__name__} along axes that are not the last, {axes}")
    return [axis - x.rank for axis in axes]


def layer_normalization(s: Scope, inputs: List[Value]) -> Value:
    x = floats(s.b, inputs[0])
    axes = _last_axes(s.layer, x)
    if getattr(s.layer, "rms_scaling", False):
        raise ConvertError("LayerNormalization with rms_scaling")
    gamma, beta = s.weight("gamma", "gamma"), s.weight("beta", "beta")
    return s.b.layer_norm(x, s.layer.epsilon, gamma, beta, axes)


def rms_normalization(s: Scope, inputs: List[Value]) -> Value:
    x = floats(s.b, inputs[0])
    return s.b.rms_norm(x, s.layer.epsilon, s.weight("scale", "gamma"), _last_axes(s.layer, x))


def unit_normalization(s: Scope, inputs: List[Value]) -> Value:
    g, x = s.b.graph, floats(s.b, inputs[0])
    axes = s.layer.axis if isinstance(s.layer.axis, (list, tuple)) else [s.layer.axis]
    square = g.reduce("sum", g.op("multiply", x, x), tuple(axes), True)
    return g.op("multiply", x, g.op("rsqrt", g.op("maximum", square, 1e-12)))


def normalization(s: Scope, inputs: List[Value]) -> Value:
    """(x - mean) / sqrt(variance), or what undoes it."""
    g, x = s.b.graph, floats(s.b, inputs[0])
    place = s.path.replace(".", "/")
    mean, variance = as_array(s.layer.mean), as_array(s.layer.variance)
    if mean.ndim > 1 and mean.shape[0] == 1:
        mean, variance = mean[0], variance[0]
    root = np.maximum(np.sqrt(variance), 1e-7)
    std = s.array(f"sqrt({place}/variance)", root, "std")
    shift = s.array(f"{place}/mean", mean, "mean")
    if s.layer.invert:
        return g.op("add", shift, g.op("multiply", x, std))
    return g.op("divide", g.op("subtract", x, shift), std)


def rescaling(s: Scope, inputs: List[Value]) -> Value:
    g, x = s.b.graph, floats(s.b, inputs[0])
    scale = g.constant(np.asarray(s.layer.scale))
    offset = np.asarray(s.layer.offset)
    y = g.op("multiply", x, scale)
    return g.op("add", y, g.constant(offset)) if offset.any() else y


def embedding(s: Scope, inputs: List[Value]) -> Value:
    x = inputs[0] if inputs[0].dtype in ("i32", "i64") else s.b.graph.cast(inputs[0], "i32")
    attribute = "embeddings" if hasattr(s.layer, "embeddings") else "_embeddings"
    return s.b.graph.op("gather", s.weight(attribute, "weight"), x, axis=0)


def flatten(s: Scope, inputs: List[Value]) -> Value:
    x = inputs[0]
    if x.rank > 2 and getattr(s.layer, "data_format", "") == "channels_first":
        raise ConvertError("Flatten of channels_first")
    return s.b.graph.reshape(x, (x.shape[0], count(x.shape[1:]) if x.rank > 1 else 1))


def reshape(s: Scope, inputs: List[Value]) -> Value:
    x = inputs[0]
    return s.b.graph.reshape(x, (x.shape[0],) + tuple(s.layer.target_shape))


def repeat_vector(s: Scope, inputs: List[Value]) -> Value:
    x = unsqueeze(s.b, inputs[0], 1)
    return expand(s.b, x, x.shape[0], int(s.layer.n), x.shape[2])


def concatenate(s: Scope, inputs: List[Value]) -> Value:
    return s.b.graph.concat(promoted(s.b, *inputs), s.layer.axis)


def merge(op: str, mean: bool = False) -> Callable[[Scope, List[Value]], Value]:
    def apply(s: Scope, inputs: List[Value]) -> Value:
        result = inputs[0]
        for x in inputs[1:]:
            result = s.b.graph.op(op, *promoted(s.b, result, x))
        return s.b.graph.op("divide", result, float(len(inputs))) if mean else result

    return apply


def relu(s: Scope, inputs: List[Value]) -> Value:
    """x above the threshold, at most max_value; the slope times what x is below it, else."""
    g, x, e = s.b.graph, floats(s.b, inputs[0]), s.layer
    limit, slope, most = float(e.threshold), float(e.negative_slope), e.max_value
    if limit == 0 and slope == 0:
        return g.op("relu", x) if most is None else act.clip(s.b, x, 0.0, float(most))
    if limit == 0:
        y = g.op("leaky_relu", x, alpha=slope)
    else:
        low = g.op("multiply", g.op("subtract", x, limit), slope) if slope else 0.0
        y = g.op("where", g.op("less" if slope else "less_equal", x, limit), low, x)
    return y if most is None else g.op("minimum", y, float(most))


def prelu(s: Scope, inputs: List[Value]) -> Value:
    return act.prelu(s.b, floats(s.b, inputs[0]), s.weight("alpha", "alpha"))


def softmax(s: Scope, inputs: List[Value]) -> Value:
    if not isinstance(s.layer.axis, int):
        raise ConvertError("Softmax along several axes")
    x = floats(s.b, inputs[0])
    return s.b.graph.op("softmax", x, axis=axis_of(s.layer.axis, x.rank))


def global_average(s: Scope, inputs: List[Value]) -> Value:
    return s.b.graph.reduce("mean", floats(s.b, inputs[0]), 1, s.layer.keepdims)


def global_max(s: Scope, inputs: List[Value]) -> Value:
    return s.b.graph.reduce("max", floats(s.b, inputs[0]), 1, s.layer.keepdims)


def _same(s: Scope, inputs: List[Value]) -> Value:
    return inputs[0]


def _elu(s: Scope, inputs: List[Value]) -> Value:
    return s.b.graph.op("elu", floats(s.b, inputs[0]), alpha=float(s.layer.alpha))


def _leaky_relu(s: Scope, inputs: List[Value]) -> Value:
    x = floats(s.b, inputs[0])
    return s.b.graph.op("leaky_relu", x, alpha=float(s.layer.negative_slope))


Convert = Callable[[Scope, List[Value]], Value]
LAYERS: Dict[str, Convert] = {
    "Dense": dense,
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
    "UnitNormalization": unit_normalization,
    "Normalization": normalization,
    "Rescaling": rescaling,
    "Embedding": embedding,
    "Flatten": flatten,
    "Reshape": reshape,
    "Permute": lambda s, i: permute(s.b, i[0], 0, *s.layer.dims),
    "RepeatVector": repeat_vector,
    "Concatenate": concatenate,
    "Add": merge("add"),
    "Subtract": merge("subtract"),
    "Multiply": merge("multiply"),
    "Average": merge("add", mean=True),
    "Maximum": merge("maximum"),
    "Minimum": merge("minimum"),
    "Activation": lambda s, i: activated(s, floats(s.b, i[0]), s.layer.activation),
    "ReLU": relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "PReLU": prelu,
    "Softmax": softmax,
    "GlobalAveragePooling1D": global_average,
    "GlobalMaxPooling1D": global_max,
}
IDENTITIES = "Dropout SpatialDropout1D GaussianDropout GaussianNoise AlphaDropout Identity"
LAYERS.update({name: _same for name in (IDENTITIES + " ActivityRegularization").split()})


# Operations on Keras' tensors, `x + y`, keras.ops.tanh(x): classes of keras.ops.


def _reduced(op: str) -> Callable:
    def apply(b: Builder, operation: Any, x: Value, *_: Any, **__: Any) -> Value:
        axis = operation.axis
        axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        return b.graph.reduce(op, x, axis, operation.keepdims)

    return apply


def _function(function: Callable[[Builder, Value], Value]) -> Callable:
    return lambda b, operation, x, *_, **__: function(b, floats(b, x))


def _two(op: str) -> Callable:
    return lambda b, operation, x, y: binary(op)(b, x, y)


OPERATIONS: Dict[str, Callable] = {
    "Add": _two("add"),
    "Subtract": _two("subtract"),
    "Multiply": _two("multiply"),
    "Divide": _two("divide"),
    "TrueDivide": _two("divide"),
    "Maximum": _two("maximum"),
    "Minimum": _two("minimum"),
    "Power": _two("pow"),
    "Matmul": _two("matmul"),
    "Greater": _two("greater"),
    "Less": _two("less"),
    "Negative": _function(_op("negative")),
    "Absolute": _function(_op("abs")),
    "Abs": _function(_op("abs")),
    "Square": lambda b, operation, x: b.graph.op("multiply", x, x),
    "Sqrt": _function(_op("sqrt")),
    "Rsqrt": _function(_op("rsqrt")),
    "Exp": _function(_op("exp")),
    "Log": _function(_op("log")),
    "Log1p": _function(_op("log1p")),
    "Sin": _function(_op("sin")),
    "Cos": _function(_op("cos")),
    "Tanh": _function(_op("tanh")),
    "Sigmoid": _function(_op("sigmoid")),
    "Relu": _function(_op("relu")),
    "Silu": _function(_op("silu")),
    "Softplus": _function(act.softplus),
    "Mean": _reduced("mean"),
    "Sum": _reduced("sum"),
    "Max": _reduced("max"),
    "Min": _reduced("min"),
    "Concatenate": lambda b, o, xs: b.graph.concat(promoted(b, *xs), o.axis),
    "Reshape": lambda b, o, x: b.graph.reshape(
        x, [x.shape[0] if n is None else n for n in o.newshape]
    ),
    "ExpandDims": lambda b, o, x: unsqueeze(b, x, o.axis),
    "Squeeze": lambda b, o, x: squeeze(b, x, o.axis),
    "Softmax": lambda b, o, x: b.graph.op("softmax", x, axis=axis_of(o.axis, x.rank)),
    "GetItem": lambda b, o, x, key: getitem(b, x, key),
}
