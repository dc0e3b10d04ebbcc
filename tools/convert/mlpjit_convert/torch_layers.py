"""PyTorch's layers by their class names: arguments, weights, and what they become. Needs no torch:
the same table serves modules and a state_dict with a description of its layers."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from . import activations as act
from .builder import Builder
from .errors import ConvertError
from .graph import NUMPY, Value
from .shapes import axis_of, count

Weights = Callable[[str], Optional[Value]]  # by role; None where the layer has none
Arguments = Dict[str, Any]
Roles = Callable[[Arguments], Dict[str, Tuple[int, ...]]]
Emit = Callable[[Builder, Value, Arguments, Weights], Value]


@dataclass
class Layer:
    arguments: Sequence[Tuple[str, Any]]  # of the constructor: name, default (REQUIRED: none)
    emit: Emit
    roles: Roles = lambda arguments: {}  # the weights and their shapes


REQUIRED = object()

# The names that weights of norms have here.
NORM_ROLES = {"weight": "gamma", "bias": "beta"}
NORMS = {"BatchNorm1d", "LayerNorm", "RMSNorm", "GroupNorm"}


def sizes(value: Any) -> Tuple[int, ...]:
    return tuple(int(n) for n in value) if isinstance(value, (tuple, list)) else (int(value),)


def _linear_roles(a: Arguments) -> Dict[str, Tuple[int, ...]]:
    roles = {"weight": (int(a["out_features"]), int(a["in_features"]))}
    if a["bias"]:
        roles["bias"] = (int(a["out_features"]),)
    return roles


def _batch_norm_roles(a: Arguments) -> Dict[str, Tuple[int, ...]]:
    if not a["track_running_stats"]:
        raise ConvertError(
            "BatchNorm1d with track_running_stats=False takes its statistics from the batch"
        )
    names = ["weight", "bias"] if a["affine"] else []
    return {name: (int(a["num_features"]),) for name in names + ["running_mean", "running_var"]}


def _layer_norm_roles(a: Arguments) -> Dict[str, Tuple[int, ...]]:
    names = ["weight"] + (["bias"] if a["bias"] else []) if a["elementwise_affine"] else []
    return {name: sizes(a["normalized_shape"]) for name in names}


def _last_axes(a: Arguments) -> Tuple[int, ...]:
    return tuple(range(-len(sizes(a["normalized_shape"])), 0))


def _linear(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    return b.dense(x, w("weight"), w("bias"))


def _batch_norm(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    mean, var = w("running_mean"), w("running_var")
    if x.rank not in (2, 3):
        raise ConvertError(f"BatchNorm1d of a value with {x.rank} axes")
    return b.batch_norm(x, mean, var, a["eps"], w("weight"), w("bias"), axis=1)


def _layer_norm(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    return b.layer_norm(x, a["eps"], w("weight"), w("bias"), _last_axes(a))


def _rms_norm(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    epsilon = a["eps"]
    if epsilon is None:
        epsilon = float(np.finfo(NUMPY[b.graph.dtype]).eps)
    return b.rms_norm(x, epsilon, w("weight"), _last_axes(a))


def _group_norm(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    g, groups = b.graph, int(a["num_groups"])
    rest = int(np.prod([int(n) for n in x.shape[1:]])) // groups
    y = b.layer_norm(g.reshape(x, (x.shape[0], groups, rest)), a["eps"])
    y = g.reshape(y, x.shape)
    aligned = (x.shape[1],) + (1,) * (x.rank - 2)
    if w("weight") is not None:
        y = g.op("multiply", y, g.reshape(w("weight"), aligned))
        y = g.op("add", y, g.reshape(w("bias"), aligned))
    return y


def _embedding(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    if a["max_norm"] is not None:
        raise ConvertError("Embedding with max_norm, which rewrites its weight")
    if x.dtype not in ("i32", "i64"):
        raise ConvertError(f"Embedding of {x.dtype}, expected integers")
    return b.graph.op("gather", w("weight"), x, axis=0)


def flatten(b: Builder, x: Value, start: int = 0, end: int = -1) -> Value:
    if not x.rank:
        return b.graph.reshape(x, (1,))
    first, last = axis_of(int(start), x.rank), axis_of(int(end), x.rank)
    if first == last:
        return x
    middle = count(x.shape[first : last + 1])
    return b.graph.reshape(x, x.shape[:first] + (middle,) + x.shape[last + 1 :])


def unflatten(b: Builder, x: Value, axis: int, shape: Any) -> Value:
    at = axis_of(int(axis), x.rank)
    inner = list(sizes(shape))
    if -1 in inner:
        known = int(np.prod([n for n in inner if n != -1]))
        inner[inner.index(-1)] = int(x.shape[at]) // known
    return b.graph.reshape(x, x.shape[:at] + tuple(inner) + x.shape[at + 1 :])


def softmax(b: Builder, x: Value, axis: Optional[int], op: str = "softmax") -> Value:
    if axis is None:  # what torch takes, with a warning
        axis = 0 if x.rank in (0, 1, 3) else 1
    return b.graph.op(op, x, axis=axis_of(int(axis), x.rank))


def _prelu(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    slope = w("weight")
    if x.rank > 2 and slope.shape[0] != 1:  # along axis 1
        slope = b.graph.reshape(slope, (slope.shape[0],) + (1,) * (x.rank - 2))
    return act.prelu(b, x, slope)


def gelu(b: Builder, x: Value, approximate: str = "none") -> Value:
    return b.graph.op("gelu_tanh" if approximate == "tanh" else "gelu", x)


def _identity(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    return x


def _op(op: str) -> Layer:
    return Layer([], lambda b, x, a, w: b.graph.op(op, x))


def _made(function: Callable[[Builder, Value], Value]) -> Layer:
    return Layer([], lambda b, x, a, w: function(b, x))


def _negated(b: Builder, x: Value, a: Arguments, w: Weights) -> Value:
    return softmax(b, b.graph.op("negative", x), a["dim"])


_NORM = [("normalized_shape", REQUIRED), ("eps", 1e-5), ("elementwise_affine", True)]

LAYERS: Dict[str, Layer] = {
    "Linear": Layer(
        [("in_features", REQUIRED), ("out_features", REQUIRED), ("bias", True)],
        _linear,
        _linear_roles,
    ),
    "BatchNorm1d": Layer(
        [
            ("num_features", REQUIRED),
            ("eps", 1e-5),
            ("momentum", 0.1),
            ("affine", True),
            ("track_running_stats", True),
        ],
        _batch_norm,
        _batch_norm_roles,
    ),
    "LayerNorm": Layer(_NORM + [("bias", True)], _layer_norm, _layer_norm_roles),
    "RMSNorm": Layer(
        [_NORM[0], ("eps", None), _NORM[2]],
        _rms_norm,
        lambda a: {"weight": sizes(a["normalized_shape"])} if a["elementwise_affine"] else {},
    ),
    "GroupNorm": Layer(
        [("num_groups", REQUIRED), ("num_channels", REQUIRED), ("eps", 1e-5), ("affine", True)],
        _group_norm,
        lambda a: {r: (int(a["num_channels"]),) for r in ("weight", "bias")} if a["affine"] else {},
    ),
    "Embedding": Layer(
        [
            ("num_embeddings", REQUIRED),
            ("embedding_dim", REQUIRED),
            ("padding_idx", None),
            ("max_norm", None),
        ],
        _embedding,
        lambda a: {"weight": (int(a["num_embeddings"]), int(a["embedding_dim"]))},
    ),
    "PReLU": Layer(
        [("num_parameters", 1), ("init", 0.25)],
        _prelu,
        lambda a: {"weight": (int(a["num_parameters"]),)},
    ),
    "Flatten": Layer(
        [("start_dim", 1), ("end_dim", -1)],
        lambda b, x, a, w: flatten(b, x, a["start_dim"], a["end_dim"]),
    ),
    "Unflatten": Layer(
        [("dim", REQUIRED), ("unflattened_size", REQUIRED)],
        lambda b, x, a, w: unflatten(b, x, a["dim"], a["unflattened_size"]),
    ),
    "ReLU": _op("relu"),
    "ReLU6": _made(lambda b, x: act.clip(b, x, 0.0, 6.0)),
    "Sigmoid": _op("sigmoid"),
    "Tanh": _op("tanh"),
    "SiLU": _op("silu"),
    "Mish": _made(act.mish),
    "SELU": _made(act.selu),
    "Hardsigmoid": _made(act.hard_sigmoid),
    "Hardswish": _made(act.hard_swish),
    "Softsign": _made(act.softsign),
    "Tanhshrink": _made(act.tanh_shrink),
    "LogSigmoid": _made(act.log_sigmoid),
    "GELU": Layer([("approximate", "none")], lambda b, x, a, w: gelu(b, x, a["approximate"])),
    "ELU": Layer(
        [("alpha", 1.0)], lambda b, x, a, w: b.graph.op("elu", x, alpha=float(a["alpha"]))
    ),
    "CELU": Layer([("alpha", 1.0)], lambda b, x, a, w: act.celu(b, x, float(a["alpha"]))),
    "LeakyReLU": Layer(
        [("negative_slope", 0.01)],
        lambda b, x, a, w: b.graph.op("leaky_relu", x, alpha=float(a["negative_slope"])),
    ),
    "Hardtanh": Layer(
        [("min_val", -1.0), ("max_val", 1.0)],
        lambda b, x, a, w: act.clip(b, x, a["min_val"], a["max_val"]),
    ),
    "Softplus": Layer(
        [("beta", 1.0), ("threshold", 20.0)],
        lambda b, x, a, w: act.softplus(b, x, float(a["beta"]), float(a["threshold"])),
    ),
    "Hardshrink": Layer([("lambd", 0.5)], lambda b, x, a, w: act.hard_shrink(b, x, a["lambd"])),
    "Softshrink": Layer([("lambd", 0.5)], lambda b, x, a, w: act.soft_shrink(b, x, a["lambd"])),
    "Threshold": Layer(
        [("threshold", REQUIRED), ("value", REQUIRED)],
        lambda b, x, a, w: act.threshold(b, x, a["threshold"], a["value"]),
    ),
    "GLU": Layer([("dim", -1)], lambda b, x, a, w: act.glu(b, x, int(a["dim"]))),
    "Softmax": Layer([("dim", None)], lambda b, x, a, w: softmax(b, x, a["dim"])),
    "LogSoftmax": Layer([("dim", None)], lambda b, x, a, w: softmax(b, x, a["dim"], "log_softmax")),
    "Softmin": Layer([("dim", None)], _negated),
    "Identity": Layer([], _identity),
    "Dropout": Layer([("p", 0.5), ("inplace", False)], _identity),
    "Dropout1d": Layer([("p", 0.5), ("inplace", False)], _identity),
    "AlphaDropout": Layer([("p", 0.5), ("inplace", False)], _identity),
    "FeatureAlphaDropout": Layer([("p", 0.5), ("inplace", False)], _identity),
}


def role_path(path: str, trainer: str, kind: str) -> str:
    """What a weight is called here: the weight and bias of a norm are its gamma and beta."""
    role = trainer.rpartition(".")[2]
    head, dot, last = path.rpartition(".")
    if kind in NORMS and last == role and role in NORM_ROLES:
        return head + dot + NORM_ROLES[role]
    return path
