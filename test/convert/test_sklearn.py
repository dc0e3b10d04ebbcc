"""Estimators and pipelines of scikit-learn, trained here on the data that it ships."""

import json
import pickle
import unittest
import warnings
from unittest import mock

import numpy as np
from support import ConvertTest, convert

try:
    import joblib
    import sklearn  # noqa: F401
except ImportError:
    raise unittest.SkipTest("no scikit-learn") from None
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR

WINE, WINE_CLASS = load_wine(return_X_y=True)
WINE_NAMES = np.array(["Barolo", "Grignolino", "Barbera"])[WINE_CLASS]
CANCER, CANCER_CLASS = load_breast_cancer(return_X_y=True)
DIABETES, DIABETES_Y = load_diabetes(return_X_y=True)
DIGITS, DIGIT = load_digits(return_X_y=True)


def small(kind, **options):
    return kind(hidden_layer_sizes=(12, 7), max_iter=15, random_state=1, **options)


class SklearnTest(ConvertTest):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")  # networks that have not converged

    def check(self, model, x, dtype=None, trained="f64"):
        """The files give what the model does, on rows of its data; labels are equal."""
        convert.sklearn(model, self.name, sample=x, dtype=dtype)
        used = dtype or trained
        seen = x.astype(np.float32).astype(x.dtype) if used == "f32" else x
        inputs = {"X": x.astype(np.float32 if used == "f32" else np.float64)}
        expected = {}
        if hasattr(model, "predict_proba"):
            expected = {
                "label": self.labels(model, seen),
                "probabilities": model.predict_proba(seen),
            }
        elif hasattr(model, "decision_function"):
            scores = model.decision_function(seen)
            expected = {"label": self.labels(model, seen), "scores": scores}
        elif hasattr(model, "predict"):
            expected = {"prediction": model.predict(seen)}
        else:
            expected = {"transformed": model.transform(seen)}
        self.assert_outputs(inputs, expected, used)

    @staticmethod
    def labels(model, x):
        labels = model.predict(x)
        if labels.dtype.kind in "UO":
            return np.searchsorted(model.classes_, labels).astype(np.int64)
        return labels.astype(np.int64)

    def check_both(self, model, x):
        for dtype in (None, "f32"):
            with self.subTest(model=model, dtype=dtype):
                self.check(model, x, dtype)


class Networks(SklearnTest):
    def test_many_classes(self):
        for activation in ("relu", "tanh", "logistic", "identity"):
            model = make_pipeline(MinMaxScaler(), small(MLPClassifier, activation=activation))
            self.check_both(model.fit(DIGITS, DIGIT), DIGITS)

    def test_two_classes(self):
        model = make_pipeline(StandardScaler(), small(MLPClassifier))
        self.check_both(model.fit(CANCER, CANCER_CLASS), CANCER)

    def test_several_labels(self):
        labels = np.stack([WINE_CLASS == 0, WINE_CLASS >= 1, WINE_CLASS == 2], 1).astype(int)
        model = make_pipeline(StandardScaler(), small(MLPClassifier)).fit(WINE, labels)
        self.check_both(model, WINE)

    def test_regression(self):
        for y in (DIABETES_Y, np.stack([DIABETES_Y, -DIABETES_Y], 1)):
            model = make_pipeline(StandardScaler(), small(MLPRegressor, activation="logistic"))
            self.check_both(model.fit(DIABETES, y), DIABETES)

    def test_a_network_in_f32_stays_f32(self):
        x = DIGITS.astype(np.float32)
        model = small(MLPClassifier).fit(x, DIGIT)
        self.check(model, x, trained="f32")

    def test_a_scaled_target(self):
        for options in (
            {"transformer": StandardScaler()},
            {"transformer": MinMaxScaler()},
            {"func": np.log1p, "inverse_func": np.expm1},
        ):
            model = TransformedTargetRegressor(small(MLPRegressor), **options)
            self.check_both(model.fit(DIABETES, DIABETES_Y), DIABETES)

    def test_weights_are_transposed_and_the_table_says_so(self):
        model = small(MLPClassifier).fit(DIGITS, DIGIT)
        report = convert.sklearn(model, self.name, sample=DIGITS[:9])
        row = report.table[0]
        self.assertEqual(row.trainer, "mlpclassifier.coefs_[0]")
        self.assertEqual((row.name, tuple(row.shape)), ("mlpclassifier.0.weight", (12, 64)))
        self.assertIn("transposed", row.what)
        self.assertIn("on 9 rows of the sample", str(report))


class Linear(SklearnTest):
    def test_classifiers(self):
        for kind in (LogisticRegression, SGDClassifier, Perceptron, LinearSVC, RidgeClassifier):
            for x, y in ((WINE, WINE_CLASS), (CANCER, CANCER_CLASS)):
                self.check_both(make_pipeline(StandardScaler(), kind()).fit(x, y), x)

    def test_ways_of_logistic_regression(self):
        scaled = lambda **options: make_pipeline(StandardScaler(), LogisticRegression(**options))
        self.check_both(scaled(solver="liblinear").fit(CANCER, CANCER_CLASS), CANCER)
        ways = [{"multi_class": way} for way in ("ovr", "multinomial")]
        for options in ways if "multi_class" in LogisticRegression().get_params() else []:
            for x, y in ((WINE, WINE_CLASS), (CANCER, CANCER_CLASS)):
                self.check_both(scaled(**options).fit(x, y), x)

    def test_probabilities_of_sgd(self):
        for x, y in ((WINE, WINE_CLASS), (CANCER, CANCER_CLASS)):
            self.check_both(
                make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss")).fit(x, y), x
            )

    def test_regressors(self):
        for kind in (LinearRegression, Ridge, Lasso, ElasticNet, SGDRegressor, LinearSVR):
            self.check_both(kind().fit(DIABETES, DIABETES_Y), DIABETES)
        both = np.stack([DIABETES_Y, DIABETES_Y**2], 1)
        self.check_both(LinearRegression().fit(DIABETES, both), DIABETES)
        self.check_both(Ridge(fit_intercept=False).fit(DIABETES, DIABETES_Y), DIABETES)

    def test_labels_are_the_trainers_integers(self):
        for y in (CANCER_CLASS * 5 - 2, CANCER_CLASS.astype(bool), CANCER_CLASS + 1.0):
            self.check(make_pipeline(MinMaxScaler(), LogisticRegression()).fit(CANCER, y), CANCER)
        for y in (WINE_CLASS * 3, WINE_CLASS - 2, WINE_CLASS * 2**25):
            self.check_both(make_pipeline(StandardScaler(), LinearSVC()).fit(WINE, y), WINE)

    def test_labels_that_are_strings_are_places_in_classes(self):
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(WINE, WINE_NAMES)
        self.check(model, WINE)
        symbol = json.loads((self.folder / "model-symbol.json").read_text())
        self.assertEqual(symbol["classes"], ["Barbera", "Barolo", "Grignolino"])
        self.assertEqual((symbol["strings"], symbol["coded"]), (symbol["classes"], ["label"]))


class Steps(SklearnTest):
    def ending(self, *steps):
        return make_pipeline(*steps, LogisticRegression())

    def test_scalers(self):
        for step in (
            StandardScaler(with_mean=False),
            StandardScaler(with_std=False),
            MinMaxScaler(feature_range=(-1, 2), clip=True),
            MaxAbsScaler(),
            RobustScaler(),
            RobustScaler(with_centering=False),
            Normalizer("l1"),
            Normalizer("l2"),
            Normalizer("max"),
            Binarizer(threshold=2.0),
        ):
            self.check_both(self.ending(step).fit(WINE, WINE_CLASS), WINE)
            self.check_both(step.fit(WINE), WINE)

    def test_large_means_cost_no_digits_in_f32(self):
        x = WINE + 1e5
        for step in (StandardScaler(), MinMaxScaler(), RobustScaler(), PCA(5)):
            self.check(self.ending(step).fit(x, WINE_CLASS), x, "f32")

    def test_rows_of_zeros(self):
        self.check(Normalizer().fit(WINE), np.zeros((3, 13)))

    def test_projections(self):
        for step in (PCA(4), PCA(4, whiten=True), TruncatedSVD(4)):
            self.check_both(self.ending(StandardScaler(), step).fit(WINE, WINE_CLASS), WINE)

    def test_polynomials(self):
        for options in ({}, {"degree": 3, "interaction_only": True}, {"include_bias": False}):
            model = make_pipeline(StandardScaler(), PolynomialFeatures(**options), Ridge())
            self.check_both(model.fit(DIABETES[:, :5], DIABETES_Y), DIABETES[:, :5])

    def test_missing_numbers(self):
        x = WINE.copy()
        x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
        for options in ({}, {"strategy": "median", "add_indicator": True}):
            model = self.ending(SimpleImputer(**options), StandardScaler()).fit(x, WINE_CLASS)
            self.check_both(model, x)
        model = self.ending(SimpleImputer(missing_values=0.0)).fit(WINE, WINE_CLASS)
        self.check(model, np.where(WINE > 3, WINE, 0.0))

    def test_parts_side_by_side(self):
        union = FeatureUnion(
            [("a", StandardScaler()), ("b", PCA(2))], transformer_weights={"b": 0.5}
        )
        self.check_both(self.ending(union).fit(WINE, WINE_CLASS), WINE)
        columns = ColumnTransformer(
            [
                ("s", StandardScaler(), [4, 0]),
                ("m", MinMaxScaler(), slice(6, 9)),
                ("d", "drop", [1]),
            ],
            remainder="passthrough",
        )
        self.check_both(self.ending(columns).fit(WINE, WINE_CLASS), WINE)

    def test_identities_and_functions(self):
        steps = [FunctionTransformer(), FunctionTransformer(np.log1p), StandardScaler()]
        model = self.ending(*steps, "passthrough").fit(WINE, WINE_CLASS)
        self.check_both(model, WINE)

    def test_a_search_is_its_best_pipeline(self):
        search = GridSearchCV(self.ending(StandardScaler()), {"logisticregression__C": [0.1, 1]})
        self.check(search.fit(WINE, WINE_CLASS), WINE)

    def test_pipelines_in_pipelines(self):
        inner = Pipeline([("p", PCA(3)), ("c", LogisticRegression())])
        self.check(Pipeline([("s", StandardScaler()), ("m", inner)]).fit(WINE, WINE_CLASS), WINE)


class Strings(SklearnTest):
    """Columns of strings, without pandas: arrays of objects."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(2)
        self.x = np.empty((200, 4), dtype=object)
        self.x[:, 0] = rng.choice(["m", "f"], 200)
        self.x[:, 1] = rng.choice(["red", "green", "blue sky"], 200)
        self.x[:, 2] = rng.normal(40, 10, 200)
        self.x[:, 3] = rng.integers(0, 4, 200) * 10
        self.y = ((self.x[:, 0] == "m") + (self.x[:, 2] > 40) * 1 > 0).astype(int)

    def model(self, encoder, *more):
        columns = ColumnTransformer(
            [("cat", encoder, [1, 0]), ("num", StandardScaler(), [2]), *more], remainder="drop"
        )
        return make_pipeline(columns, LogisticRegression()).fit(self.x, self.y)

    def coded(self, x):
        symbol = json.loads((self.folder / "model-symbol.json").read_text())
        self.assertEqual(symbol["schema_version"], 2)
        self.assertEqual(symbol["coded"], ["x0", "x1"])
        codes = {text: i for i, text in enumerate(symbol["strings"])}
        inputs = {}
        for i in range(4):
            column = [codes.get(c, -1) for c in x[:, i]] if i < 2 else x[:, i].astype(float)
            inputs[f"x{i}"] = np.array(column).reshape(-1, 1)
        return inputs

    def check_strings(self, model, x):
        convert.sklearn(model, self.name, sample=x)
        expected = {"label": model.predict(x), "probabilities": model.predict_proba(x)}
        self.assert_outputs(self.coded(x), expected)

    def test_one_hot(self):
        decade = ("dec", OneHotEncoder(drop="first"), [3])
        for options in ({}, {"drop": "if_binary"}, {"handle_unknown": "ignore"}):
            self.check_strings(self.model(OneHotEncoder(**options), decade), self.x)

    def test_ordinal(self):
        self.check_strings(self.model(OrdinalEncoder()), self.x)

    def test_strings_that_the_trainer_does_not_know(self):
        strange = self.x.copy()
        strange[::3, 1] = "mauve"
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        for encoder in (OneHotEncoder(handle_unknown="ignore"), ordinal):
            self.check_strings(self.model(encoder), strange)

    def test_a_trainer_that_refuses_them_is_an_error_here_too(self):
        for encoder in (OneHotEncoder(), OrdinalEncoder()):
            model = self.model(encoder)
            convert.sklearn(model, self.name, sample=self.x)
            inputs = self.coded(self.x)
            inputs["x1"][0] = -1
            with self.assertRaises(convert.VerifyError):
                self.assert_outputs(inputs, {"label": 0})

    def test_missing_strings_are_the_empty_one(self):
        holes = self.x.copy()
        holes[::4, 1] = np.nan
        encoder = make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
        )
        columns = ColumnTransformer([("cat", encoder, [0, 1]), ("num", StandardScaler(), [2, 3])])
        model = make_pipeline(columns, LogisticRegression()).fit(holes, self.y)
        convert.sklearn(model, self.name, sample=holes)
        as_text = holes.copy()
        as_text[::4, 1] = ""
        expected = {"label": model.predict(holes), "probabilities": model.predict_proba(holes)}
        self.assert_outputs(self.coded(as_text), expected)

    def test_random_rows_are_of_the_known_strings(self):
        report = convert.sklearn(self.model(OneHotEncoder()), self.name)
        self.assertIn("64 rows drawn at random", str(report))

    def test_a_sample_in_csv(self):
        joblib.dump(self.model(OneHotEncoder()), self.folder / "m.joblib")
        lines = [",".join(map(str, row)) for row in self.x[:20]]
        (self.folder / "rows.csv").write_text("\n".join(["a,b,c,d", *lines]))
        sample = ("--sample", self.folder / "rows.csv")
        printed = self.command(self.folder / "m.joblib", "-o", self.name, *sample)
        self.assertIn("verified on 20 rows of the sample", printed)

    def test_strings_that_are_not_encoded(self):
        columns = ColumnTransformer([("num", StandardScaler(), [2])], remainder="passthrough")
        model = columns.fit(self.x)
        self.assert_error(lambda: convert.sklearn(model, self.name, sample=self.x), "no number")


class Frames(SklearnTest):
    def test_columns_by_their_names(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("no pandas")
        rng = np.random.default_rng(3)
        frame = pandas.DataFrame(
            {"sex": rng.choice(["m", "f"], 99), "age": rng.normal(40, 9, 99), "no": range(99)}
        )
        columns = ColumnTransformer(
            [("c", OneHotEncoder(), ["sex"]), ("n", StandardScaler(), ["age"])]
        )
        model = make_pipeline(columns, Ridge()).fit(frame, frame.age + (frame.sex == "m"))
        convert.sklearn(model, self.name, sample=frame)
        symbol = json.loads((self.folder / "model-symbol.json").read_text())
        code = {text: i for i, text in enumerate(symbol["strings"])}
        inputs = {"sex": np.array([[code[s]] for s in frame.sex])}
        inputs["age"] = frame.age.to_numpy().reshape(-1, 1)
        inputs["no"] = frame.no.to_numpy().reshape(-1, 1).astype(float)
        self.assert_outputs(inputs, {"prediction": model.predict(frame)})


class Faults(SklearnTest):
    def test_all_that_is_not_converted_in_one_error(self):
        steps = [("bins", KBinsDiscretizer(encode="ordinal")), ("s", StandardScaler())]
        model = Pipeline([*steps, ("forest", RandomForestClassifier(5))]).fit(WINE, WINE_CLASS)
        words = (
            "bins: sklearn.",
            "KBinsDiscretizer",
            "forest: sklearn.",
            "RandomForest",
            "skl2onnx",
        )
        self.assert_error(lambda: convert.sklearn(model, self.name), *words)
        model = OneVsRestClassifier(LogisticRegression()).fit(WINE, WINE_CLASS)
        self.assert_error(lambda: convert.sklearn(model, self.name), "OneVsRestClassifier")
        model = FunctionTransformer(lambda x: x * 2).fit(WINE)
        self.assert_error(lambda: convert.sklearn(model, self.name), "<lambda>")

    def test_what_is_not_fitted(self):
        for model in (
            LogisticRegression(),
            make_pipeline(StandardScaler(), small(MLPClassifier)),
            make_pipeline(ColumnTransformer([("s", StandardScaler(), [0])]), Ridge()),
        ):
            self.assert_error(lambda: convert.sklearn(model, self.name), "not fitted")

    def test_samples_that_do_not_fit(self):
        model = LinearRegression().fit(DIABETES, DIABETES_Y)
        for sample, words in (
            (DIABETES[:, :3], "3 columns, the model takes 10"),
            (DIABETES[0], "1 axes"),
            (np.full((2, 10), np.nan), "NaN"),
        ):
            self.assert_error(lambda: convert.sklearn(model, self.name, sample=sample), words)

    def test_a_wrong_conversion_is_not_written(self):
        from mlpjit_convert import sklearn_models

        model = make_pipeline(StandardScaler(), small(MLPClassifier)).fit(WINE, WINE_CLASS)
        wrong = {**sklearn_models.ACTIVATIONS, "relu": "silu"}
        with mock.patch.object(sklearn_models, "ACTIVATIONS", wrong):
            with self.assertRaises(convert.VerifyError) as caught:
                convert.sklearn(model, self.name)
        self.assertIn("first layer that differs: mlpclassifier.0:", str(caught.exception))
        self.assertFalse(self.written())
        with mock.patch("mlpjit_convert.builder.Builder.shift", lambda self, x, *rest: x):
            with self.assertRaises(convert.VerifyError) as caught:
                convert.sklearn(model, self.name)
        self.assertIn("first layer that differs: standardscaler:", str(caught.exception))


class Command(SklearnTest):
    def test_files_of_joblib_and_pickle(self):
        model = make_pipeline(StandardScaler(), small(MLPClassifier)).fit(DIGITS, DIGIT)
        np.save(self.folder / "rows.npy", DIGITS[:50])
        joblib.dump(model, self.folder / "plain.joblib")
        joblib.dump(model, self.folder / "small.joblib", compress=3)
        (self.folder / "p.pkl").write_bytes(pickle.dumps(model))
        for file in ("plain.joblib", "small.joblib", "p.pkl"):
            sample = ("--sample", self.folder / "rows.npy")
            printed = self.command(self.folder / file, "-o", self.name, "--dtype", "f32", *sample)
            self.assertIn("verified on 50 rows of the sample, compiled and interpreted", printed)
        x = DIGITS.astype(np.float32)
        expected = {"label": model.predict(DIGITS), "probabilities": model.predict_proba(DIGITS)}
        self.assert_outputs({"X": x}, expected, "f32")

    def test_renames(self):
        joblib.dump(Ridge().fit(DIABETES, DIABETES_Y), self.folder / "r.joblib")
        rename = ("--rename", "ridge=linear")
        printed = self.command(self.folder / "r.joblib", "-o", self.name, *rename)
        self.assertIn("linear.weight", printed)
        rename = ("--rename", "rigde=linear")
        printed = self.command(self.folder / "r.joblib", "-o", self.name, *rename, status=2)
        self.assertIn("matches no name", printed)

    def test_status_1_where_the_bounds_are_not_kept(self):
        joblib.dump(LinearRegression().fit(DIABETES, DIABETES_Y), self.folder / "r.joblib")
        bound = ("--tolerance", "1e-30", "--dtype", "f32")
        printed = self.command(self.folder / "r.joblib", "-o", self.name, *bound, status=1)
        self.assertIn("Nothing was written", printed)
        self.assertFalse(self.written())


if __name__ == "__main__":
    unittest.main()
