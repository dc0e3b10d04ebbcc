#!/usr/bin/env python3
"""Trains the networks of softmax_regression.cpp, mlp_dropout.cpp and regression.cpp and writes their weights, and the
held-out rows of the regression, beside this file. Needs numpy, scikit-learn (for the digits alone) and safetensors.

    python3 train.py

Everything random comes from SEED. The weights in this folder were made by numpy 2.4, scikit-learn 1.9, safetensors 0.8.
"""
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

SEED = 20240229
HERE = Path(__file__).resolve().parent


def init(rng, sizes):
    """Weights [out, in] and biases of dense layers."""
    return [(rng.normal(0, np.sqrt(2 / k), (n, k)), np.zeros(n)) for k, n in zip(sizes, sizes[1:])]


def forward(layers, x, dropout=0.0, rng=None):
    """The last layer's output, the input of each layer, and the factor each hidden unit was multiplied by."""
    inputs, factors = [], []
    for i, (w, b) in enumerate(layers):
        inputs.append(x)
        x = x @ w.T + b
        if i + 1 < len(layers):
            factor = (x > 0).astype(float)
            if dropout:
                factor *= (rng.random(x.shape) >= dropout) / (1 - dropout)
            x = x * factor
            factors.append(factor)
    return x, inputs, factors


def softmax_gradient(out, y):
    e = np.exp(out - out.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True) - np.eye(out.shape[1])[y]) / len(y)


def squares_gradient(out, y):
    return 2 * (out - y) / len(y)


def train(rng, sizes, x, y, gradient, epochs, rate, decay=0.0, dropout=0.0, batch=64):
    """Adam with a rate that falls to zero along a cosine."""
    layers = init(rng, sizes)
    moments = [[np.zeros_like(p) for p in layer] + [np.zeros_like(p) for p in layer] for layer in layers]
    step, steps = 0, epochs * (len(x) // batch)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start : start + batch]
            out, inputs, factors = forward(layers, x[rows], dropout, rng)
            delta = gradient(out, y[rows])
            step += 1
            lr = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for i in reversed(range(len(layers))):
                w, b = layers[i]
                grads = (delta.T @ inputs[i] + decay * w, delta.sum(0))
                if i > 0:
                    delta = (delta @ w) * factors[i - 1]
                for p, (value, g) in enumerate(zip((w, b), grads)):
                    m, v = moments[i][p], moments[i][p + 2]
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    value -= lr * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return layers


def save(path, layers, names, extra, metadata):
    tensors = dict(extra)
    for (w, b), name in zip(layers, names):
        tensors[f"{name}.weight"] = w.astype(np.float32)
        tensors[f"{name}.bias"] = b.astype(np.float32)
    metadata = {"made by": "examples/data/train.py", "seed": str(SEED), **metadata}
    save_file(tensors, path, metadata=metadata)
    print(path.relative_to(HERE), sum(t.size for t in tensors.values()), "numbers")


def digits():
    held_out = np.loadtxt(HERE / "digits/test.csv", delimiter=",", dtype=int)
    data = load_digits()
    rows = np.column_stack([data.target, data.data.astype(int)])
    known = {tuple(row) for row in held_out}
    rows = np.array([row for row in rows if tuple(row) not in known])
    x, y = rows[:, 1:] / 16, rows[:, 0]
    test_x, test_y = held_out[:, 1:] / 16, held_out[:, 0]
    metadata = {
        "data": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, 1998",
        "licence": "CC BY 4.0",
    }

    def report(name, layers):
        right = (forward(layers, test_x)[0].argmax(1) == test_y).sum()
        print(f"{name}: trained on {len(x)} rows, {right} of {len(test_y)} held-out rows right")

    layers = train(np.random.default_rng(SEED), [64, 10], x, y, softmax_gradient, 100, 0.01, decay=1e-3)
    report("softmax regression", layers)
    save(HERE / "digits/softmax-regression.safetensors", layers, ["output"], {}, metadata)
    layers = train(np.random.default_rng(SEED), [64, 128, 64, 10], x, y, softmax_gradient, 100, 0.003, dropout=0.2)
    report("mlp with dropout", layers)
    save(HERE / "digits/mlp-dropout.safetensors", layers, ["hidden1", "hidden2", "output"], {}, metadata)


def impedance():
    """A resistor (ohm), an inductor (henry) and a capacitor (microfarad) in series at a frequency (hertz):
    |Z| = sqrt(R^2 + (2 pi f L - 10^6 / (2 pi f C))^2) in ohm. The inputs differ by a factor of hundreds."""
    rng = np.random.default_rng(SEED)
    low, high = np.array([0, 50, 0, 4]), np.array([100, 300, 0.5, 20])
    rows = low + (high - low) * rng.random((4500, 4))
    rows = np.round(rows, 4)
    r, f, l, c = rows.T
    reactance = 2 * np.pi * f * l - 1e6 / (2 * np.pi * f * c)
    z = np.sqrt(r**2 + reactance**2)
    x, y = rows[:4000], z[:4000]
    test_x, test_y = rows[4000:], z[4000:]
    mean, std = x.mean(0).astype(np.float32), x.std(0).astype(np.float32)
    y_mean, y_std = np.float32(y.mean()), np.float32(y.std())
    layers = train(
        np.random.default_rng(SEED + 1), [4, 64, 64, 1], (x - mean) / std, ((y - y_mean) / y_std)[:, None],
        squares_gradient, 400, 0.005,
    )
    out = forward(layers, (test_x - mean) / std)[0][:, 0] * y_std + y_mean
    print(f"regression: mean error {np.abs(out - test_y).mean():.2f} ohm, of the mean {np.abs(test_y - y_mean).mean():.2f}")
    extra = {"input_mean": mean, "input_std": std, "target_mean": np.array([y_mean]), "target_std": np.array([y_std])}
    metadata = {"data": "computed from the formula in examples/data/README.md", "licence": "Apache-2.0"}
    save(HERE / "impedance/impedance.safetensors", layers, ["hidden1", "hidden2", "output"], extra, metadata)
    table = np.column_stack([test_y, test_x])
    np.savetxt(HERE / "impedance/test.csv", table, fmt=["%.4f", "%.4f", "%.4f", "%.4f", "%.4f"], delimiter=",")


if __name__ == "__main__":
    digits()
    impedance()
