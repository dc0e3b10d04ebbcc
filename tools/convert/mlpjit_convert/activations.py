"""Activations that are made of several ops; where two trainers differ, by a name of its own."""

from typing import Optional

from .builder import Builder
from .graph import Value

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

# Those that are ops by themselves: a trainer's name, the op.
PLAIN = {"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "silu": "silu", "exp": "exp"}


def clip(b: Builder, x: Value, low: Optional[float], high: Optional[float]) -> Value:
    if low is not None and high is not None:
        return b.graph.op("hardtanh", x, min=float(low), max=float(high))
    if low is not None:
        return b.graph.op("maximum", x, float(low))
    return x if high is None else b.graph.op("minimum", x, float(high))


def hard_sigmoid(b: Builder, x: Value) -> Value:
    """clip(x / 6 + 1/2, 0, 1)"""
    g = b.graph
    return clip(b, g.op("divide", clip(b, g.op("add", x, 3.0), 0.0, 6.0), 6.0), 0.0, 1.0)


def hard_swish(b: Builder, x: Value) -> Value:
    return b.graph.op("multiply", x, hard_sigmoid(b, x))


def mish(b: Builder, x: Value) -> Value:
    return b.graph.op("multiply", x, b.graph.op("tanh", b.graph.op("softplus", x)))


def softsign(b: Builder, x: Value) -> Value:
    return b.graph.op("divide", x, b.graph.op("add", b.graph.op("abs", x), 1.0))


def tanh_shrink(b: Builder, x: Value) -> Value:
    return b.graph.op("subtract", x, b.graph.op("tanh", x))


def hard_shrink(b: Builder, x: Value, threshold: float) -> Value:
    g = b.graph
    return g.op("where", g.op("greater", g.op("abs", x), float(threshold)), x, 0.0)


def soft_shrink(b: Builder, x: Value, threshold: float) -> Value:
    """What of x is beyond the threshold."""
    return b.graph.op("subtract", x, clip(b, x, -threshold, threshold))


def log_sigmoid(b: Builder, x: Value) -> Value:
    g = b.graph
    return g.op("negative", g.op("softplus", g.op("negative", x)))


def selu(b: Builder, x: Value) -> Value:
    return b.graph.op("multiply", b.graph.op("elu", x, alpha=SELU_ALPHA), SELU_SCALE)


def celu(b: Builder, x: Value, alpha: float) -> Value:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))"""
    g = b.graph
    if alpha == 1:
        return g.op("elu", x, alpha=1.0)
    low = g.op("multiply", g.op("expm1", g.op("divide", x, float(alpha))), float(alpha))
    return g.op("where", g.op("less", x, 0.0), low, x)


def softplus(b: Builder, x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    """log(1 + exp(beta x)) / beta; x itself, where beta x is above the threshold."""
    g = b.graph
    scaled = x if beta == 1 else g.op("multiply", x, float(beta))
    y = g.op("softplus", scaled)
    y = y if beta == 1 else g.op("divide", y, float(beta))
    if g.dtype == "f32" and threshold >= 20:  # no difference in its digits
        return y
    return g.op("where", g.op("greater", scaled, float(threshold)), x, y)


def prelu(b: Builder, x: Value, slope: Value) -> Value:
    g = b.graph
    return g.op("where", g.op("less", x, 0.0), g.op("multiply", x, slope), x)


def threshold(b: Builder, x: Value, limit: float, value: float) -> Value:
    return b.graph.op("where", b.graph.op("greater", x, float(limit)), x, float(value))


def glu(b: Builder, x: Value, axis: int) -> Value:
    """The first half times the sigmoid of the second."""
    half = int(x.shape[axis]) // 2
    first = b.graph.columns(x, range(half), axis)
    second = b.graph.columns(x, range(half, 2 * half), axis)
    return b.graph.op("multiply", first, b.graph.op("sigmoid", second))
