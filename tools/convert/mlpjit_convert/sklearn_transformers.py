"""scikit-learn's transformers: what each becomes, and what it knows of the columns it takes."""

from typing import Any, Callable, Dict, List

import numpy as np

from .builder import Builder
from .errors import ConvertError
from .graph import Value
from .sklearn_columns import (
    Block,
    Codes,
    Domain,
    as_text,
    has_strings,
    is_missing,
)

UFUNCS = {"log1p": "log1p", "expm1": "expm1", "log": "log", "exp": "exp", "sqrt": "sqrt"}
UFUNCS.update({"absolute": "abs", "tanh": "tanh", "sin": "sin", "cos": "cos"})


class Columns(Builder):
    """A builder with the codes of strings."""

    def __init__(self, dtype: str, names, codes: Codes):
        super().__init__(dtype, names)
        self.codes = codes


def standard_scaler(b: Columns, e: Any, path: str, block: Block) -> Value:
    x = block.numbers(path)
    if e.mean_ is not None and e.with_mean:
        scale = 1.0 if e.scale_ is None else e.scale_
        x = b.shift(x, f"{path}.mean_", e.mean_, scale, f"{path}.mean")
    if e.scale_ is not None:
        x = b.graph.op("divide", x, b.weight(f"{path}.scale_", e.scale_, f"{path}.scale"))
    return x


def min_max_scaler(b: Columns, e: Any, path: str, block: Block) -> Value:
    g, x = b.graph, block.numbers(path)
    low, high = (float(limit) for limit in e.feature_range)
    scale = b.weight(f"{path}.scale_", e.scale_, f"{path}.scale")
    if g.dtype == "f32":  # without the cancellation of x * scale + min
        span = 1 / np.abs(e.scale_)
        x = b.shift(x, f"{path}.data_min_", e.data_min_, span, f"{path}.data_min")
        x = g.op("add", g.op("multiply", x, scale), low)
    else:
        minimum = b.weight(f"{path}.min_", e.min_, f"{path}.min")
        x = g.op("add", g.op("multiply", x, scale), minimum)
    return g.op("clip", x, low, high) if e.clip else x


def max_abs_scaler(b: Columns, e: Any, path: str, block: Block) -> Value:
    scale = b.weight(f"{path}.scale_", e.scale_, f"{path}.scale")
    x = b.graph.op("divide", block.numbers(path), scale)
    return b.graph.op("clip", x, -1.0, 1.0) if getattr(e, "clip", False) else x


def robust_scaler(b: Columns, e: Any, path: str, block: Block) -> Value:
    x = block.numbers(path)
    if e.with_centering:
        scale = e.scale_ if e.with_scaling else 1.0
        x = b.shift(x, f"{path}.center_", e.center_, scale, f"{path}.center")
    if e.with_scaling:
        x = b.graph.op("divide", x, b.weight(f"{path}.scale_", e.scale_, f"{path}.scale"))
    return x


def normalizer(b: Columns, e: Any, path: str, block: Block) -> Value:
    g, x = b.graph, block.numbers(path)
    if e.norm == "l2":
        norm = g.op("sqrt", g.reduce("sum", g.op("multiply", x, x), -1, True))
    else:
        norm = g.reduce("sum" if e.norm == "l1" else "max", g.op("abs", x), -1, True)
    norm = g.op("where", g.op("equal", norm, 0.0), 1.0, norm)
    return g.op("divide", x, norm)


def binarizer(b: Columns, e: Any, path: str, block: Block) -> Value:
    x = b.graph.op("greater", block.numbers(path), float(e.threshold))
    return b.graph.cast(x, b.graph.dtype)


def simple_imputer(b: Columns, e: Any, path: str, block: Block) -> Block:
    g, parts, marks = b.graph, [], []
    indicated = set(e.indicator_.features_) if e.add_indicator else set()
    for i, fill in enumerate(e.statistics_):
        x = block.column(i)
        if x.dtype == "i64":
            missing = g.op("equal", x, b.codes.add(as_text(e.missing_values)))
        elif is_missing(e.missing_values):
            missing = g.op("not_equal", x, x)
        else:
            missing = g.op("equal", x, float(e.missing_values))
        if i in indicated:
            marks.append(g.cast(missing, g.dtype))
        if x.dtype == "i64":
            parts.append(g.op("where", missing, b.codes.add(as_text(fill)), x))
        elif not is_missing(fill) or getattr(e, "keep_empty_features", False):
            parts.append(g.op("where", missing, 0.0 if is_missing(fill) else float(fill), x))
    return Block(g, parts + marks)


def _matches(b: Columns, x: Value, categories: List[Any]) -> Value:
    """Whether a column is each of the categories: bool [B, k]."""
    g = b.graph
    if x.dtype == "i64":
        return g.op("equal", x, g.constant([b.codes.add(as_text(c)) for c in categories], "i64"))
    found = g.op("equal", x, g.constant([float(c) for c in categories]))
    if any(is_missing(c) for c in categories):
        nan = g.constant([is_missing(c) for c in categories], "bool")
        found = g.op("logical_or", found, g.op("logical_and", g.op("not_equal", x, x), nan))
    return found


def _place(b: Columns, found: Value, depth: int) -> Value:
    """The place of the category that was found, [B]; `depth` where there is none."""
    g = b.graph
    places = g.op("where", found, g.constant(np.arange(depth), "i64"), depth)
    return g.reduce("min", places, 1)


def one_hot_encoder(b: Columns, e: Any, path: str, block: Block) -> Value:
    if any(c is not None for c in getattr(e, "infrequent_categories_", None) or []):
        raise ConvertError(f"{path}: OneHotEncoder with infrequent categories is not converted")
    g, parts = b.graph, []
    drops = e.drop_idx_ if e.drop_idx_ is not None else [None] * len(e.categories_)
    for i, categories in enumerate(e.categories_):
        categories = list(categories)
        found = _matches(b, block.column(i), categories)
        if e.handle_unknown == "error":  # one_hot refuses what is no place
            depth = len(categories)
            hot = g.op("one_hot", _place(b, found, depth), depth=depth, dtype=g.dtype)
        else:
            hot = g.cast(found, g.dtype)
        kept = [k for k in range(len(categories)) if k != drops[i]]
        if kept:
            parts.append(g.columns(hot, kept))
    return Block(g, parts).numbers(path)


def ordinal_encoder(b: Columns, e: Any, path: str, block: Block) -> Value:
    g, parts = b.graph, []
    if any(c is not None for c in getattr(e, "infrequent_categories_", None) or []):
        raise ConvertError(f"{path}: OrdinalEncoder with infrequent categories is not converted")
    for i, categories in enumerate(e.categories_):
        codes = [float(k) for k in range(len(categories))]
        for k, category in enumerate(categories):
            if is_missing(category):
                codes[k] = float(getattr(e, "encoded_missing_value", np.nan))
        found = _matches(b, block.column(i), list(categories))
        if e.handle_unknown == "use_encoded_value":
            value = g.reduce("sum", g.op("where", found, g.constant(codes), 0.0), 1, True)
            known = g.op("greater", g.reduce("max", g.cast(found, g.dtype), 1, True), 0.0)
            parts.append(g.op("where", known, value, float(e.unknown_value)))
        else:  # gather refuses what is no place
            place = _place(b, found, len(categories))
            value = g.op("gather", g.constant(codes), place, axis=0)
            parts.append(g.reshape(value, value.shape + (1,)))
    return g.concat(parts, 1)


def pca(b: Columns, e: Any, path: str, block: Block) -> Value:
    x = block.numbers(path)
    if getattr(e, "mean_", None) is not None:
        x = b.shift(x, f"{path}.mean_", e.mean_, 1.0, f"{path}.mean")
    components = b.weight(f"{path}.components_", e.components_, f"{path}.components")
    x = b.dense(x, components)
    if getattr(e, "whiten", False):
        scale = np.sqrt(e.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        name = f"{path}.whitening"
        x = b.graph.op("divide", x, b.weight(f"sqrt({path}.explained_variance_)", scale, name))
    return x


def polynomial_features(b: Columns, e: Any, path: str, block: Block) -> Value:
    g, x = b.graph, block.numbers(path)
    degrees: Dict[int, List[List[int]]] = {}
    for powers in e.powers_:
        factors = [i for i, power in enumerate(powers) for _ in range(power)]
        degrees.setdefault(len(factors), []).append(factors)
    if list(degrees) != sorted(degrees):
        raise ConvertError(f"{path}: PolynomialFeatures with terms of another order than by degree")
    parts = []
    for degree, terms in degrees.items():
        if degree == 0:
            one = g.columns(x, [0])
            parts.append(g.op("where", g.op("equal", one, one), 1.0, g.constant(1.0)))
            continue
        product = g.columns(x, [term[0] for term in terms])
        for k in range(1, degree):
            product = g.op("multiply", product, g.columns(x, [term[k] for term in terms]))
        parts.append(product)
    return g.concat(parts, 1)


def function_transformer(b: Columns, e: Any, path: str, block: Block) -> Any:
    name = getattr(e.func, "__name__", "")
    if e.func is None or (name == "_identity" and "sklearn" in getattr(e.func, "__module__", "")):
        return block
    if isinstance(e.func, np.ufunc) and name in UFUNCS and not e.kw_args:
        return b.graph.op(UFUNCS[name], block.numbers(path))
    raise ConvertError(f"{path}: FunctionTransformer of the function '{name}'")


Transformer = Callable[[Columns, Any, str, Block], Any]
TRANSFORMERS: Dict[str, Transformer] = {
    "StandardScaler": standard_scaler,
    "MinMaxScaler": min_max_scaler,
    "MaxAbsScaler": max_abs_scaler,
    "RobustScaler": robust_scaler,
    "Normalizer": normalizer,
    "Binarizer": binarizer,
    "SimpleImputer": simple_imputer,
    "OneHotEncoder": one_hot_encoder,
    "OrdinalEncoder": ordinal_encoder,
    "PCA": pca,
    "IncrementalPCA": pca,
    "TruncatedSVD": pca,
    "PolynomialFeatures": polynomial_features,
    "FunctionTransformer": function_transformer,
}


def learn(e: Any, domains: List[Domain]) -> bool:
    """Notes what a transformer knows of its columns; whether the next one need not be asked."""
    kind = type(e).__name__
    if kind in ("OneHotEncoder", "OrdinalEncoder"):
        for domain, categories in zip(domains, e.categories_):
            domain.categories = list(categories)
        return True
    if kind == "SimpleImputer":
        for domain, fill in zip(domains, e.statistics_):
            domain.missing = e.missing_values
            if has_strings([fill]):
                domain.categories = [fill]
        return False
    if kind == "StandardScaler" and e.mean_ is not None:
        _ranges(domains, e.mean_, e.scale_)
    elif kind == "MinMaxScaler":
        _ranges(domains, (e.data_min_ + e.data_max_) / 2, (e.data_max_ - e.data_min_) / 4)
    elif kind == "MaxAbsScaler":
        _ranges(domains, None, e.max_abs_ / 2)
    elif kind == "RobustScaler":
        _ranges(domains, e.center_, e.scale_)
    elif kind == "FunctionTransformer" and e.func is None:
        return False
    return True


def _ranges(domains: List[Domain], means: Any, scales: Any) -> None:
    for i, domain in enumerate(domains):
        domain.mean = 0.0 if means is None else float(means[i])
        domain.scale = 1.0 if scales is None else float(scales[i])
