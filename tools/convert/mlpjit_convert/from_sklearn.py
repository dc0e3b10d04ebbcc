"""scikit-learn: estimators and pipelines."""

import copy
import warnings
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np

from .conversion import Conversion, Trained
from .errors import ConvertError
from .graph import NUMPY, Value
from .shapes import BATCH
from .sklearn_columns import Block, Codes, Domain, Table, as_text
from .sklearn_models import (
    MODELS,
    class_labels,
    classify,
    is_classifier,
    label,
    linear,
    mlp,
    mlp_layers,
    weights_dtype,
)
from .sklearn_transformers import TRANSFORMERS, Columns, learn
from .weights import Names

TOLERANCE = {"f32": 2e-5, "f64": 1e-11}
SEARCHES = {"GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"}
COMPOSITES = {"Pipeline", "ColumnTransformer", "FeatureUnion"}


def kind_of(e: Any) -> str:
    return type(e).__name__


def is_identity(e: Any) -> bool:
    return e is None or (isinstance(e, str) and e == "passthrough")


def is_dropped(e: Any) -> bool:
    return isinstance(e, str) and e == "drop"


def unwrap(e: Any) -> Any:
    """What a search has found."""
    while kind_of(e) in SEARCHES:
        if not hasattr(e, "best_estimator_"):
            raise ConvertError(f"{kind_of(e)} is not fitted, or was told refit=False")
        e = e.best_estimator_
    return e


def parts_of(e: Any) -> List[Tuple[str, Any, Optional[List[int]]]]:
    """Name, transformer and columns (None: all) of what runs side by side."""
    if kind_of(e) == "FeatureUnion":
        return [(name, part, None) for name, part in e.transformer_list]
    places = e._transformer_to_input_indices
    return [(name, part, list(places.get(name, ()))) for name, part, _ in e.transformers_]


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def unsupported(e: Any, path: str) -> Iterator[str]:
    """Every step that is not converted: its path and type."""
    e = unwrap(e)
    kind = kind_of(e)
    if is_identity(e) or is_dropped(e):
        return
    if kind == "Pipeline":
        for name, step in e.steps:
            yield from unsupported(step, joined(path, name))
    elif kind in COMPOSITES:
        if kind == "ColumnTransformer" and not hasattr(e, "transformers_"):
            yield f"{path or kind}: not fitted"
            return
        for name, part, _ in parts_of(e):
            yield from unsupported(part, joined(path, name))
    elif not type(e).__module__.startswith("sklearn.") or kind not in {*MODELS, *TRANSFORMERS}:
        yield f"{path or 'the model'}: {type(e).__module__}.{kind}"
    elif kind != "FunctionTransformer" and not any(
        name.endswith("_") and not name.startswith("_") for name in vars(e)
    ):
        if kind not in ("Normalizer", "Binarizer"):
            yield f"{path or kind}: {kind}, which is not fitted"


def learn_columns(e: Any, domains: List[Domain]) -> bool:
    """What the transformers that take the columns first know of them."""
    e = unwrap(e)
    if is_identity(e):
        return False
    if is_dropped(e):
        return True
    if kind_of(e) == "Pipeline":
        return any(learn_columns(step, domains) for _, step in e.steps)
    if kind_of(e) in COMPOSITES:
        for _, part, places in parts_of(e):
            learn_columns(part, domains if places is None else [domains[i] for i in places])
        return True
    return learn(e, domains) if kind_of(e) in TRANSFORMERS else True


def transform(b: Columns, e: Any, path: str, block: Block) -> Block:
    """A transformer's columns."""
    e = unwrap(e)
    if is_identity(e):
        return block
    if kind_of(e) == "Pipeline":
        for name, step in e.steps:
            block = transform(b, step, joined(path, name), block)
        return block
    if kind_of(e) in COMPOSITES:
        return _side_by_side(b, e, path, block)
    name = path or kind_of(e).lower()
    with b.graph.layer(name):
        result = TRANSFORMERS[kind_of(e)](b, e, name, block)
    if isinstance(result, Value):
        return Block(b.graph, [b.mark(name, result)])
    return result


def _side_by_side(b: Columns, e: Any, path: str, block: Block) -> Block:
    weights, values = e.transformer_weights or {}, []
    for name, part, places in parts_of(e):
        if is_dropped(part) or places == []:
            continue
        some = block if places is None else block.select(places)
        result = transform(b, part, joined(path, name), some)
        if name in weights:
            value = result.numbers(joined(path, name))
            result = Block(b.graph, [b.graph.op("multiply", value, float(weights[name]))])
        values += result.parts
    return Block(b.graph, values)


def _split(e: Any) -> Tuple[List[Tuple[str, Any]], Any, str]:
    """The steps before the model, the model or None, and its path."""
    e = unwrap(e)
    if kind_of(e) != "Pipeline":
        last = e if kind_of(e) in MODELS else None
        return ([] if last is not None else [("", e)]), last, kind_of(e).lower()
    steps, (name, last) = list(e.steps[:-1]), e.steps[-1]
    last = unwrap(last)
    if kind_of(last) == "Pipeline":
        inner, model, path = _split(last)
        return steps + [(joined(name, n), s) for n, s in inner], model, joined(name, path)
    if kind_of(last) in MODELS:
        return steps, last, name
    return steps + [(name, last)], None, name


class SklearnModel:
    """A fitted estimator or pipeline, and its conversion."""

    def __init__(self, estimator: Any, dtype: Optional[str], names: Names):
        self.whole, self.inverse = self._target(unwrap(estimator))
        faults = list(unsupported(self.whole, ""))
        if faults:
            raise ConvertError(
                "scikit-learn: not converted:\n  " + "\n  ".join(faults) + "\nThe way out: "
                "export the model with skl2onnx, and import the ONNX file: mlpjit reads it itself."
            )
        self.estimator = estimator
        self.steps, self.model, self.path = _split(self.whole)
        trained = weights_dtype(self.model) if self.model is not None else None
        own = "f32" if trained == np.float32 else "f64"
        self.dtype = dtype or own
        # Who has learnt in f64 is asked in f64, also for what f32 makes of it.
        self.asked = NUMPY["f32" if own == self.dtype == "f32" else "f64"]
        self.tolerance = max(TOLERANCE[self.dtype], TOLERANCE[own])
        self.names, self.columns = names, self._columns()
        self.codes = Codes()
        self.framed = self._picks_by_name(self.whole)

    @staticmethod
    def _target(e: Any) -> Tuple[Any, Any]:
        """The regressor and what undoes the transformation of its target."""
        if kind_of(e) != "TransformedTargetRegressor":
            return e, None
        if not hasattr(e, "regressor_"):
            raise ConvertError("TransformedTargetRegressor is not fitted")
        t = e.transformer_
        known = kind_of(t) in ("StandardScaler", "MinMaxScaler")
        inverse = getattr(t, "inverse_func", None)
        plain = kind_of(t) == "FunctionTransformer" and (
            inverse is None or (isinstance(inverse, np.ufunc) and inverse.__name__ in _INVERSES)
        )
        if not known and not plain:
            raise ConvertError(
                f"TransformedTargetRegressor: the transformer {kind_of(t)} is not converted"
            )
        return unwrap(e.regressor_), t

    def _columns(self) -> List[Domain]:
        first = self.whole
        while kind_of(first) == "Pipeline":
            first = unwrap(next(s for _, s in first.steps if not is_identity(s)))
        count = getattr(first, "n_features_in_", None)
        if kind_of(first) == "FeatureUnion" and count is None:
            count = getattr(self.whole, "n_features_in_", None)
        if count is None:
            raise ConvertError(f"{kind_of(first)} does not say how many columns it takes")
        domains = [Domain() for _ in range(count)]
        learn_columns(self.whole, domains)
        return domains

    def _picks_by_name(self, e: Any) -> bool:
        e = unwrap(e)
        if kind_of(e) == "Pipeline":
            return any(self._picks_by_name(step) for _, step in e.steps)
        if kind_of(e) != "ColumnTransformer":
            return False
        for _, _, columns in e.transformers_:
            listed = [columns] if isinstance(columns, str) else columns
            if isinstance(listed, (list, np.ndarray)) and any(isinstance(c, str) for c in listed):
                return True
        return False

    @property
    def column_names(self) -> List[str]:
        given = getattr(self.whole, "feature_names_in_", None)
        if given is not None:
            return [str(name) for name in given]
        return [f"x{i}" for i in range(len(self.columns))]

    # The program.

    def convert(self) -> Conversion:
        b = Columns(self.dtype, self.names, self.codes)
        if self.model is not None and is_classifier(self.model) and self._named_classes():
            b.graph.classes = [str(c) for c in self.model.classes_]
            if class_labels(self.model.classes_) is None:
                for name in b.graph.classes:
                    self.codes.add(name)
        block = self._inputs(b)
        for name, step in self.steps:
            block = transform(b, step, name, block)
            if kind_of(unwrap(step)) in COMPOSITES:
                b.mark(name or kind_of(step).lower(), block.numbers(name))
        x = block.numbers(self.path)
        if self.model is None:
            b.graph.head("transformed", x)
        else:
            self._model(b, x)
        b.graph.strings = self.codes.strings
        b.graph.metadata = {"trainer": f"scikit-learn {_version()}", "model": _text(self.estimator)}
        trained = Trained(
            draw=self.draw,
            first=lambda rows: rows.first(),
            feed=self.feed,
            predict=self.predict,
            layers=self.layers,
            close=self.close,
        )
        return Conversion(b.graph, b.table, trained, self.tolerance, b.marks, b.notes)

    def _named_classes(self) -> bool:
        return np.ndim(self.model.classes_[0]) == 0

    def _inputs(self, b: Columns) -> Block:
        """One input X; or, where there are strings, an input for each column."""
        if not any(domain.strings for domain in self.columns):
            shape = (BATCH, len(self.columns))
            return Block(b.graph, [b.graph.input("X", self.dtype, shape)])
        values = []
        for name, domain in zip(self.column_names, self.columns):
            dtype = "i64" if domain.strings else self.dtype
            values.append(b.graph.input(name, dtype, (BATCH, 1)))
            if domain.strings:
                b.graph.coded.append(name)
                for category in domain.categories or ():
                    self.codes.add(as_text(category))
        return Block(b.graph, values)

    def _model(self, b: Columns, x: Value) -> None:
        g, e = b.graph, self.model
        if is_classifier(e):
            with g.layer(self.path):
                scored = classify(b, e, self.path, x)
                g.head("label", label(b, e, scored))
                if class_labels(e.classes_) is None and not scored.multilabel:
                    g.coded.append("label")
                if scored.probabilities is not None:
                    g.head("probabilities", scored.probabilities)
                else:
                    flat = scored.threshold is not None and not scored.multilabel
                    scores = scored.scores
                    g.head("scores", g.reshape(scores, scores.shape[:1]) if flat else scores)
            return
        with g.layer(self.path):
            y = mlp(b, e, self.path, x) if kind_of(e) == "MLPRegressor" else None
            y = linear(b, e, self.path, x) if y is None else y
            y = self._undo(b, y)
            if np.ndim(self._ask(self._zeros())) == 1:
                y = g.reshape(y, y.shape[:1])
            g.head("prediction", y)

    def _undo(self, b: Columns, y: Value) -> Value:
        t, g = self.inverse, b.graph
        if t is None:
            return y
        if kind_of(t) == "FunctionTransformer":
            inverse = getattr(t.inverse_func, "__name__", "")
            return g.op(_INVERSES[inverse], y) if inverse else y
        if kind_of(t) == "MinMaxScaler":
            return g.op("divide", g.op("subtract", y, g.constant(t.min_)), g.constant(t.scale_))
        if t.scale_ is not None:
            y = g.op("multiply", y, g.constant(t.scale_))
        return y if t.mean_ is None or not t.with_mean else g.op("add", y, g.constant(t.mean_))

    # The trainer.

    def table(self, sample: Any) -> Table:
        names = self.column_names
        return Table.of(sample, self.columns, names).rounded(self.dtype)

    def draw(self, rng: np.random.Generator, count: int) -> Table:
        columns = [domain.draw(rng, count) for domain in self.columns]
        return Table(columns, self.column_names).rounded(self.dtype)

    def _zeros(self) -> Table:
        return self.draw(np.random.default_rng(0), 2)

    def feed(self, rows: Table) -> Dict[str, np.ndarray]:
        if not any(domain.strings for domain in self.columns):
            return {"X": np.column_stack(rows.columns).astype(NUMPY[self.dtype])}
        fed = {}
        for name, domain, column in zip(self.column_names, self.columns, rows.columns):
            column = self.codes.of(column) if domain.strings else column.astype(NUMPY[self.dtype])
            fed[name] = column.reshape(-1, 1)
        return fed

    def _rows(self, rows: Table) -> Any:
        return rows.for_trainer(self.asked, self.framed)

    def _ask(self, rows: Table, method: str = "predict", of: Any = None) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = getattr(of or self.estimator, method)(self._rows(rows))
            except ConvertError:
                raise
            except Exception as error:  # whatever a trainer raises for a sample of the user's
                reason = str(error).split("\n")[0]
                raise ConvertError(
                    f"scikit-learn refuses the rows: {reason}\n"
                    "Rows that suit the model are given by --sample (sample=)."
                ) from None
        return np.asarray(result.toarray() if hasattr(result, "toarray") else result)

    def predict(self, rows: Table) -> Dict[str, np.ndarray]:
        if self.model is None:
            return {"transformed": self._ask(rows, "transform")}
        if not is_classifier(self.model):
            return {"prediction": self._ask(rows)}
        labels = self._ask(rows)
        if labels.ndim == 1:
            integers = class_labels(self.model.classes_)
            given = range(len(self.model.classes_)) if integers is None else integers
            places = {c: i for c, i in zip(self.model.classes_.tolist(), given)}
            labels = np.array([places[c] for c in labels.tolist()], np.int64)
        return {"label": labels.astype(np.int64), self._scores_name(): self._scores(rows)}

    def _scores_name(self) -> str:
        e = self.model
        huber = kind_of(e) == "SGDClassifier" and e.loss == "modified_huber"
        return "probabilities" if hasattr(e, "predict_proba") and not huber else "scores"

    def _scores(self, rows: Table) -> np.ndarray:
        name = self._scores_name()
        return self._ask(rows, "predict_proba" if name == "probabilities" else "decision_function")

    def close(self, rows: Table) -> Dict[str, np.ndarray]:
        """Labels that the tolerance leaves open."""
        if self.model is None or not is_classifier(self.model):
            return {}
        scores, multilabel = self._scores(rows), self._ask(rows).ndim == 2
        probabilities = self._scores_name() == "probabilities"
        if scores.ndim == 1 or multilabel:
            return {"label": np.abs(scores - (0.5 if probabilities else 0)) <= self.tolerance}
        two = np.sort(scores, axis=1)[:, -2:]
        bound = self.tolerance * np.maximum(1, np.abs(two[:, 1]))
        return {"label": two[:, 1] - two[:, 0] <= bound}

    def layers(self, rows: Table) -> Dict[str, np.ndarray]:
        """What the steps give, for those that stand one behind the other."""
        from sklearn.base import BaseEstimator

        results, x = {}, self._rows(rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, step in self.steps:
                if isinstance(unwrap(step), BaseEstimator):
                    x = unwrap(step).transform(x)
                    x = x.toarray() if hasattr(x, "toarray") else x
                    results[name or kind_of(step).lower()] = np.asarray(x)
        if kind_of(self.model).startswith("MLP"):
            results.update(mlp_layers(self.model, self.path, np.asarray(x, self.asked)))
        return results


_INVERSES = {"exp": "exp", "expm1": "expm1", "sqrt": "sqrt", "log": "log", "log1p": "log1p"}


def _version() -> str:
    import sklearn

    return sklearn.__version__


def _text(e: Any) -> str:
    e = unwrap(e)
    if kind_of(e) == "Pipeline":
        steps = (s if isinstance(s, str) else _text(s) for _, s in e.steps if s is not None)
        return "Pipeline(" + ", ".join(steps) + ")"
    return kind_of(e)


def convert(estimator: Any, dtype: Optional[str], names: Names) -> Tuple[Conversion, Any]:
    """The conversion, and what makes rows of a sample."""
    model = SklearnModel(copy.copy(estimator), dtype, names)
    try:
        return model.convert(), model.table
    except AttributeError as error:
        raise ConvertError(f"scikit-learn: the model is not fitted, or damaged: {error}") from None
