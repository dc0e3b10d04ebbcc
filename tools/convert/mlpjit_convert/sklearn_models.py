"""scikit-learn's estimators at the end of a pipeline: scores, labels, probabilities, predictions."""

from dataclasses import dataclass
from typing import Any, List, Optional

import numpy as np

from .errors import ConvertError
from .graph import Value
from .sklearn_transformers import Columns

ACTIVATIONS = {"identity": "", "relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "exp": "exp"}

EXACT = 2**24  # integers up to it are floats of 32 bits

LINEAR_REGRESSORS = set(
    """LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV MultiTaskLasso
    MultiTaskElasticNet MultiTaskLassoCV MultiTaskElasticNetCV Lars LarsCV LassoLars LassoLarsCV
    LassoLarsIC OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV BayesianRidge ARDRegression
    HuberRegressor TheilSenRegressor QuantileRegressor SGDRegressor PassiveAggressiveRegressor
    LinearSVR""".split()
)
LINEAR_CLASSIFIERS = set(
    """LogisticRegression LogisticRegressionCV SGDClassifier Perceptron PassiveAggressiveClassifier
    LinearSVC RidgeClassifier RidgeClassifierCV""".split()
)
MODELS = LINEAR_REGRESSORS | LINEAR_CLASSIFIERS | {"MLPClassifier", "MLPRegressor"}


@dataclass
class Scored:
    """A classifier's result: what decides, by class, or one column that a threshold decides."""

    scores: Value  # [B, k]
    threshold: Optional[float]  # of each column; None: the largest is the label
    probabilities: Optional[Value]
    multilabel: bool = False


def is_classifier(e: Any) -> bool:
    return type(e).__name__ in LINEAR_CLASSIFIERS or type(e).__name__ == "MLPClassifier"


def weights_dtype(e: Any) -> Optional[np.dtype]:
    """The type of a model's floats; None where it has none."""
    kind = type(e).__name__
    if kind in ("MLPClassifier", "MLPRegressor"):
        return e.coefs_[0].dtype
    return _array(e.coef_).dtype if kind in MODELS else None


def _array(coef: Any) -> np.ndarray:
    return np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef)


def mlp(b: Columns, e: Any, path: str, x: Value) -> Value:
    """The layers of MLPClassifier and MLPRegressor, with the last one's activation."""
    last = len(e.coefs_) - 1
    for i, (weight, bias) in enumerate(zip(e.coefs_, e.intercepts_)):
        layer = f"{path}.{i}"
        with b.graph.layer(layer):
            w = b.weight(f"{path}.coefs_[{i}]", weight, f"{layer}.weight", transpose=True)
            x = b.dense(x, w, b.weight(f"{path}.intercepts_[{i}]", bias, f"{layer}.bias"))
            activation = e.out_activation_ if i == last else e.activation
            if activation == "softmax":
                x = b.graph.op("softmax", x, axis=1)
            elif activation not in ACTIVATIONS:
                raise ConvertError(f"{path}: the activation '{activation}' is not converted")
            elif ACTIVATIONS[activation]:
                x = b.graph.op(ACTIVATIONS[activation], x)
        b.mark(layer, x)
    return x


def mlp_layers(e: Any, path: str, x: np.ndarray) -> dict:
    """What scikit-learn's layers give, by their paths."""
    from sklearn.neural_network._base import ACTIVATIONS as inplace

    results = {}
    for i, (weight, bias) in enumerate(zip(e.coefs_, e.intercepts_)):
        x = x @ weight + bias
        inplace[e.out_activation_ if i == len(e.coefs_) - 1 else e.activation](x)
        results[f"{path}.{i}"] = x.copy()
    return results


def linear(b: Columns, e: Any, path: str, x: Value) -> Value:
    """x * coef^T + intercept, [B, outputs]."""
    coef = np.atleast_2d(_array(e.coef_))
    weight = b.weight(f"{path}.coef_", coef, f"{path}.weight")
    intercept = np.atleast_1d(np.asarray(e.intercept_, coef.dtype))
    if intercept.shape != coef.shape[:1]:
        intercept = np.broadcast_to(intercept.reshape(-1), coef.shape[:1])
    if not intercept.any():
        return b.dense(x, weight)
    return b.dense(x, weight, b.weight(f"{path}.intercept_", intercept, f"{path}.bias"))


def two_columns(b: Columns, p: Value) -> Value:
    """The probabilities of both classes, of that of the second: [B, 1] to [B, 2]."""
    return b.graph.concat([b.graph.op("subtract", 1.0, p), p], 1)


def _linear_probabilities(b: Columns, e: Any, scores: Value) -> Optional[Value]:
    g, binary, kind = b.graph, scores.shape[1] == 1, type(e).__name__
    if kind == "SGDClassifier" and e.loss in ("log_loss", "log"):
        one_for_each = True
    elif kind in ("LogisticRegression", "LogisticRegressionCV"):
        way = getattr(e, "multi_class", "auto")
        one_for_each = way in ("ovr", "warn") or (
            way in ("auto", "deprecated") and (len(e.classes_) <= 2 or e.solver == "liblinear")
        )
    else:
        if hasattr(e, "predict_proba"):
            b.notes.append(f"{kind} with the loss '{e.loss}': scores instead of probabilities")
        return None
    if not one_for_each and binary:  # the softmax of -s and s
        return g.op("softmax", g.concat([g.op("negative", scores), scores], 1), axis=1)
    if not one_for_each:
        return g.op("softmax", scores, axis=1)
    p = g.op("sigmoid", scores)
    return two_columns(b, p) if binary else b.divide_by_sum(p)


def classify(b: Columns, e: Any, path: str, x: Value) -> Scored:
    if type(e).__name__ == "MLPClassifier":
        p = mlp(b, e, path, x)
        if e._label_binarizer.y_type_.startswith("multilabel"):
            return Scored(p, 0.5, p, multilabel=True)
        if p.shape[1] == 1:
            return Scored(p, 0.5, two_columns(b, p))
        return Scored(p, None, p)
    scores = linear(b, e, path, x)
    binarizer = getattr(e, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        return Scored(scores, 0.0, None, multilabel=True)
    threshold = 0.0 if scores.shape[1] == 1 else None
    return Scored(scores, threshold, _linear_probabilities(b, e, scores))


def class_labels(classes: np.ndarray) -> Optional[List[int]]:
    """Classes as integers, where they are; None where they are names."""
    if all(isinstance(c, (bool, np.bool_, int, np.integer)) for c in classes):
        return [int(c) for c in classes]
    if all(isinstance(c, (float, np.floating)) and float(c).is_integer() for c in classes):
        return [int(c) for c in classes]
    return None


def label(b: Columns, e: Any, scored: Scored) -> Value:
    """i64: the classes' integers, or the places of their names."""
    g, scores = b.graph, scored.scores
    if scored.multilabel:
        return g.cast(g.op("greater", scores, scored.threshold), "i64")
    labels = class_labels(e.classes_)
    labels = list(range(len(e.classes_))) if labels is None else labels
    if scored.threshold is not None:
        second = g.reshape(g.op("greater", scores, scored.threshold), scores.shape[:1])
        return g.op("where", second, g.constant(labels[1], "i64"), labels[0])
    if labels != sorted(labels) or max(map(abs, labels)) > EXACT:
        place = g.reduce("argmax", scores, 1)
        return g.op("gather", g.constant(labels, "i64"), place, axis=0)
    # The first of the largest, as argmax finds it. But argmax and gather have no machine code, and
    # a model with them cannot be bound for hard real time.
    largest = g.op("equal", scores, g.reduce("max", scores, 1, True))
    found = g.reduce("min", g.op("where", largest, g.constant(labels), float(labels[-1])), 1)
    return g.cast(found, "i64")
