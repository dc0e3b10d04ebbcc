"""Functions and methods of PyTorch that a traced forward calls, by their names."""

from typing import Any, Callable, Dict, Optional

import numpy as np

from . import activations as act
from .builder import FLOATS, Builder, promoted
from .errors import ConvertError
from .graph import Value
from .shapes import axes_of, count
from .torch_layers import flatten, gelu, softmax, unflatten
from .torch_views import (
    attribute,
    cat,
    chunk,
    expand,
    getitem,
    index_select,
    permute,
    reshape,
    size,
    split,
    squeeze,
    stack,
    transpose,
    unbind,
    unsqueeze,
)


def _as_floats(b: Builder, x: Value) -> Value:
    return x if x.dtype in FLOATS else b.graph.cast(x, b.graph.dtype)


def binary(op: str) -> Callable:
    def apply(b: Builder, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Any:
        if not isinstance(x, Value) and not isinstance(y, Value):
            return on_sizes(op, x, y)
        if alpha != 1:
            y = b.graph.op("multiply", y, float(alpha))
        x, y = promoted(b, x, y)
        if op == "divide":
            x, y = [_as_floats(b, v) if isinstance(v, Value) else v for v in (x, y)]
        return b.graph.op(op, x, y)

    return apply


def on_sizes(op: str, x: Any, y: Any) -> Any:
    """Arithmetic on sizes, when the model is converted."""
    if op == "multiply" and all(isinstance(v, (int, str)) for v in (x, y)):
        return count([x, y])
    plain = {
        "add": lambda: x + y,
        "subtract": lambda: x - y,
        "multiply": lambda: x * y,
        "divide": lambda: x / y,
        "floor_divide": lambda: x // y,
        "equal": lambda: x == y,
        "not_equal": lambda: x != y,
    }
    if op not in plain or any(isinstance(v, str) for v in (x, y)):
        raise ConvertError(f"{op} of the sizes {x} and {y}, one of which varies")
    return plain[op]()


def unary(op: str) -> Callable:
    def apply(b: Builder, x: Any, **_: Any) -> Any:
        if not isinstance(x, Value):
            return -x if op == "negative" else abs(x)
        integer_too = op in ("negative", "abs", "sign", "relu", "floor", "ceil", "round")
        return b.graph.op(op, x if integer_too else _as_floats(b, x))

    return apply


def made(function: Callable) -> Callable:
    return lambda b, x, *rest, **options: function(b, x)


def power(b: Builder, x: Any, y: Any) -> Value:
    if isinstance(x, Value) and y in (1, 2, 3):
        result = x
        for _ in range(int(y) - 1):
            result = b.graph.op("multiply", result, x)
        return result
    if isinstance(y, (int, float)) and y == 0.5:
        return b.graph.op("sqrt", x)
    return b.graph.op("pow", *promoted(b, x, y))


def reduction(op: str) -> Callable:
    def apply(b: Builder, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        if op == "mean" and x.dtype not in FLOATS:
            x = b.graph.cast(x, b.graph.dtype)
        return b.graph.reduce(op, x, tuple(dim) if isinstance(dim, list) else dim, keepdim)

    return apply


def extreme(op: str) -> Callable:
    """max and min: of all, of two, or values and places along an axis."""

    def apply(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return b.graph.reduce(op, x)
        if isinstance(dim, Value):
            return b.graph.op(op + "imum", *promoted(b, x, dim))
        places = b.graph.reduce("arg" + op, x, dim, keepdim)
        return (b.graph.reduce(op, x, dim, keepdim), places)

    return apply


def spread(root: bool) -> Callable:
    def apply(b: Builder, x: Value, dim: Any = None, unbiased: Any = True, **options: Any):
        correction = options.get("correction", 1 if unbiased else 0)
        axes = axes_of(tuple(dim) if isinstance(dim, list) else dim, x.rank)
        number = int(count([x.shape[axis] for axis in axes]))
        v = b.graph.reduce("var", x, axes, options.get("keepdim", False))
        if correction:
            v = b.graph.op("multiply", v, number / (number - correction))
        return b.graph.op("sqrt", v) if root else v

    return apply


def norm(b: Builder, x: Value, p: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any):
    g = b.graph
    dim = tuple(dim) if isinstance(dim, list) else dim
    if p in (1, 1.0):
        return g.reduce("sum", g.op("abs", x), dim, keepdim)
    if p not in (2, 2.0, "fro", None):
        raise ConvertError(f"norm with p = {p}")
    return g.op("sqrt", g.reduce("sum", g.op("multiply", x, x), dim, keepdim))


def normalize(b: Builder, x: Value, p: Any = 2.0, dim: int = 1, eps: Any = 1e-12, **_: Any):
    length = b.graph.op("maximum", norm(b, x, p, dim, True), float(eps))
    return b.graph.op("divide", x, length)


def clamp(b: Builder, x: Value, min: Any = None, max: Any = None) -> Value:
    if isinstance(min, Value) or isinstance(max, Value) or x.dtype not in FLOATS:
        x = x if min is None else b.graph.op("maximum", x, min)
        return x if max is None else b.graph.op("minimum", x, max)
    return act.clip(b, x, min, max)


def where(b: Builder, condition: Value, x: Any, y: Any) -> Value:
    x, y = promoted(b, x, y)
    return b.graph.op("where", condition, x, y)


def masked_fill(b: Builder, x: Value, mask: Value, value: Any) -> Value:
    return b.graph.op("where", mask, value, x)


def linear(b: Builder, x: Value, weight: Value, bias: Optional[Value] = None) -> Value:
    return b.dense(x, weight, bias)


def addmm(b: Builder, bias: Value, x: Value, weight: Value, **_: Any) -> Value:
    return b.graph.op("add", b.graph.op("matmul", x, weight), bias)


def batch_norm(b, x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    return b.batch_norm(x, mean, var, eps, weight, bias)


def layer_norm(b, x, normalized_shape, weight=None, bias=None, eps=1e-5):
    return b.layer_norm(x, eps, weight, bias, range(-len(normalized_shape), 0))


def rms_norm(b, x, normalized_shape, weight=None, eps=None):
    epsilon = np.finfo({"f32": np.float32, "f64": np.float64}[x.dtype]).eps if eps is None else eps
    return b.rms_norm(x, float(epsilon), weight, range(-len(normalized_shape), 0))


def softmax_by(op: str) -> Callable:
    def apply(b: Builder, x: Value, dim: Any = None, *_: Any, **options: Any) -> Value:
        return softmax(b, x, dim, op)

    return apply


def one_hot(b: Builder, x: Value, num_classes: int = -1) -> Value:
    if num_classes < 0:
        raise ConvertError("one_hot without num_classes")
    return b.graph.op("one_hot", x, depth=int(num_classes), dtype="i64")


def embedding(b: Builder, x: Value, weight: Value, *_: Any, **__: Any) -> Value:
    return b.graph.op("gather", weight, x, axis=0)


def dropout(b: Builder, x: Value, p: float = 0.5, training: bool = True, *_: Any, **__: Any):
    if training and p:
        raise ConvertError(
            "dropout that is on in evaluation, too: its argument training is not False"
        )
    return x


def logsumexp(b: Builder, x: Value, dim: Any, keepdim: bool = False) -> Value:
    g, dim = b.graph, tuple(dim) if isinstance(dim, list) else dim
    most = g.reduce("max", x, dim, True)
    total = g.reduce("sum", g.op("exp", g.op("subtract", x, most)), dim, True)
    y = g.op("add", g.op("log", total), most)
    axes = axes_of(dim, x.rank)
    return y if keepdim else g.reshape(y, [n for i, n in enumerate(x.shape) if i not in axes])


def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    """Products over all letters, summed over those that the result does not have."""
    g = b.graph
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    values = list(operands[0]) if isinstance(operands[0], (list, tuple)) else list(operands)
    plain = all(term.isalpha() and len(set(term)) == len(term) for term in terms)
    if not arrow or not plain or len(terms) != len(values):
        raise ConvertError(f"einsum of '{equation}'")
    order = right + "".join(dict.fromkeys(c for c in "".join(terms) if c not in right))
    product = None
    for term, x in zip(terms, values):
        places = [term.index(c) for c in order if c in term]
        if places != sorted(places):
            x = g.op("transpose", x, permutation=places)
        sizes = iter(x.shape)
        x = g.reshape(x, [next(sizes) if c in term else 1 for c in order])
        product = x if product is None else g.op("multiply", *promoted(b, product, x))
    summed = tuple(range(len(right), len(order)))
    return g.reduce("sum", product, summed) if summed else product


def filled_like(number: float) -> Callable:
    def apply(b: Builder, x: Value, **_: Any) -> Value:
        like = b.graph.constant(number, x.dtype)
        return b.graph.op("broadcast_to", like, shape=list(x.shape))

    return apply


def same(b: Builder, x: Any, *_: Any, **__: Any) -> Any:
    return x


def to(b: Builder, x: Value, *types: Any, **options: Any) -> Value:
    """Floats of any size are those of the program; devices are none."""
    text = " ".join(str(t) for t in list(types) + list(options.values()))
    if "torch.float" in text or "torch.double" in text or "torch.half" in text:
        return b.graph.cast(x, b.graph.dtype)
    if "torch.int64" in text or "torch.int32" in text:
        return b.graph.cast(x, "i64")
    return b.graph.cast(x, "bool") if "torch.bool" in text else x


def as_type(dtype: str) -> Callable:
    return lambda b, x: b.graph.cast(x, dtype or b.graph.dtype)


def leaky_relu(b, x, negative_slope=0.01, *_, **__):
    return b.graph.op("leaky_relu", x, alpha=float(negative_slope))


def elu(b, x, alpha=1.0, *_, **__):
    return b.graph.op("elu", x, alpha=float(alpha))


def hardtanh(b, x, min_val=-1.0, max_val=1.0, *_, **__):
    return act.clip(b, x, min_val, max_val)


FUNCTIONS: Dict[str, Callable] = {
    "add": binary("add"),
    "sub": binary("subtract"),
    "subtract": binary("subtract"),
    "rsub": lambda b, x, y, alpha=1: binary("subtract")(b, y, x),
    "mul": binary("multiply"),
    "multiply": binary("multiply"),
    "div": binary("divide"),
    "divide": binary("divide"),
    "true_divide": binary("divide"),
    "truediv": binary("divide"),
    "floordiv": binary("floor_divide"),
    "mod": binary("remainder"),
    "remainder": binary("remainder"),
    "maximum": binary("maximum"),
    "minimum": binary("minimum"),
    "pow": power,
    "square": lambda b, x: power(b, x, 2),
    "reciprocal": lambda b, x: b.graph.op("divide", 1.0, x),
    "matmul": lambda b, x, y: b.graph.op("matmul", x, y),
    "linear": linear,
    "addmm": addmm,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "normalize": normalize,
    "norm": norm,
    "vector_norm": norm,
    "embedding": embedding,
    "one_hot": one_hot,
    "index_select": index_select,
    "softmax": softmax_by("softmax"),
    "log_softmax": softmax_by("log_softmax"),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "celu": lambda b, x, alpha=1.0, *_, **__: act.celu(b, x, float(alpha)),
    "gelu": gelu,
    "glu": lambda b, x, dim=-1: act.glu(b, x, dim),
    "hardtanh": hardtanh,
    "softplus": lambda b, x, beta=1.0, threshold=20.0: act.softplus(b, x, beta, threshold),
    "hardshrink": lambda b, x, lambd=0.5: act.hard_shrink(b, x, lambd),
    "softshrink": lambda b, x, lambd=0.5: act.soft_shrink(b, x, lambd),
    "threshold": lambda b, x, threshold, value, *_: act.threshold(b, x, threshold, value),
    "prelu": act.prelu,
    "relu6": made(lambda b, x: act.clip(b, x, 0.0, 6.0)),
    "mish": made(act.mish),
    "selu": made(act.selu),
    "hardsigmoid": made(act.hard_sigmoid),
    "hardswish": made(act.hard_swish),
    "softsign": made(act.softsign),
    "tanhshrink": made(act.tanh_shrink),
    "logsigmoid": made(act.log_sigmoid),
    "log_sigmoid": made(act.log_sigmoid),
    "amax": reduction("max"),
    "amin": reduction("min"),
    "var": spread(False),
    "std": spread(True),
    "max": extreme("max"),
    "min": extreme("min"),
    "cat": cat,
    "concat": cat,
    "stack": stack,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "flatten": flatten,
    "unflatten": unflatten,
    "reshape": reshape,
    "view": reshape,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    "transpose": transpose,
    "t": transpose,
    "expand": expand,
    "expand_as": lambda b, x, y: expand(b, x, y.shape),
    "broadcast_to": expand,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": lambda b, x, min: clamp(b, x, min),
    "clamp_max": lambda b, x, max: clamp(b, x, None, max),
    "where": where,
    "masked_fill": masked_fill,
    "getitem": getitem,
    "getattr": attribute,
    "size": size,
    "dim": lambda b, x: x.rank,
    "to": to,
    "float": as_type(""),
    "double": as_type(""),
    "long": as_type("i64"),
    "bool": as_type("bool"),
    "type_as": lambda b, x, y: b.graph.cast(x, y.dtype),
}
FUNCTIONS.update({name: FUNCTIONS["matmul"] for name in ("mm", "bmm")})
FUNCTIONS.update({name: same for name in ("contiguous", "detach")})
FUNCTIONS.update({name: same for name in ("clone", "cpu", "cuda", "identity")})
FUNCTIONS.update({n: reduction(n) for n in ("mean", "sum", "prod", "argmax", "argmin")})
for _name, _op in {
    **{n: n for n in "relu sigmoid tanh silu exp log sqrt rsqrt expm1 log1p erf sin cos".split()},
    **{n: n for n in "abs sign floor ceil round negative".split()},
    "neg": "negative",
    "absolute": "abs",
    "expit": "sigmoid",
}.items():
    FUNCTIONS[_name] = unary(_op)
for _name, _op in {
    **{"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal"},
    **{"gt": "greater", "ge": "greater_equal"},
    **{n: n for n in ("logical_and", "logical_or", "logical_xor")},
    **{"and_": "logical_and", "or_": "logical_or", "greater": "greater", "less": "less"},
}.items():
    FUNCTIONS[_name] = binary(_op)
FUNCTIONS["logical_not"] = FUNCTIONS["invert"] = lambda b, x: b.graph.op("logical_not", x)
FUNCTIONS["bitwise_not"] = FUNCTIONS["logical_not"]
FUNCTIONS.update(dropout=dropout, alpha_dropout=dropout, logsumexp=logsumexp, einsum=einsum)
FUNCTIONS.update(zeros_like=filled_like(0), ones_like=filled_like(1))
FUNCTIONS["unsafe_chunk"] = chunk


def name_of(target: Any) -> str:
    """The name that a function, or a method, goes by here; what is in place is as what is not."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    if name in FUNCTIONS:
        return name
    if name.endswith("_") and name[:-1] in FUNCTIONS:
        return name[:-1]
    for family in ("linalg_", "special_"):
        if name.startswith(family) and name[len(family) :] in FUNCTIONS:
            return name[len(family) :]
    if name.startswith("i") and name[1:] in ("add", "sub", "mul", "truediv"):
        return name[1:]
    return name
