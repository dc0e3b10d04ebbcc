"""Models of Keras 3, and its files."""

import shutil
import unittest
from unittest import mock

import numpy as np
from support import DATA, MODELS, ConvertTest, convert

from mlpjit_convert import keras_files

keras_files.choose_backend()
try:
    import keras
except ImportError:  # or it has no backend
    raise unittest.SkipTest("no Keras") from None
from keras import layers as L  # noqa: E402

ACTIVATIONS = (
    """linear relu relu6 leaky_relu sigmoid tanh silu swish gelu elu selu celu softplus softsign
softmax log_softmax exponential mish hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink
tanh_shrink log_sigmoid squareplus""".split()
)


def filled(model, seed=5):
    """Weights, and statistics of norms, that are not those they begin with."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.normal(0, 0.5, tuple(variable.shape))
        if "variance" in variable.path:
            values = np.abs(values) + 0.3
        variable.assign(values.astype(np.float32))
    return model


class KerasTest(ConvertTest):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(7)
        self.x = (rng.standard_normal((33, 6)) * 2).astype(np.float32)
        self.codes = rng.integers(0, 5, (33, 2)).astype(np.int32)

    def check(self, model, inputs, given=None):
        """The files give what the model does, in its own f32; and in f64 as near as f32 is."""
        given = list(inputs.values()) if given is None else given
        result = model(given[0] if isinstance(given, list) and len(given) == 1 else given)
        if isinstance(result, dict):
            result = list(result.values())
        result = result if isinstance(result, (list, tuple)) else [result]
        result = [keras.ops.convert_to_numpy(tensor) for tensor in result]
        for dtype in ("f32", "f64"):
            report = convert.keras(model, self.name, sample=inputs, dtype=dtype)
            wide = {
                n: a.astype(np.float64) if a.dtype == np.float32 else a for n, a in inputs.items()
            }
            fed = inputs if dtype == "f32" else wide
            for interpret in (False, True):
                actual = self.run_files(fed, interpret)
                self.assertEqual(len(actual), len(result))
                for mine, expected in zip(actual, result):
                    self.assert_near(mine, expected, "f32")
        return report

    def run_files(self, inputs, interpret):
        from support import run_files

        return list(run_files(self.name, inputs, interpret).values())

    def sequential(self, *layers, shape=(6,)):
        return filled(keras.Sequential([L.Input(shape, name="x"), *layers]))


class Layers(KerasTest):
    def test_activations(self):
        for name in ACTIVATIONS:
            if hasattr(keras.activations, name):
                with self.subTest(name=name):
                    self.check(self.sequential(L.Dense(7, activation=name)), {"x": self.x})

    def test_layers(self):
        layers = [
            L.ReLU(),
            L.ReLU(max_value=1.0),
            L.ReLU(negative_slope=0.1),
            L.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2),
            L.ReLU(threshold=0.3),
            L.LeakyReLU(negative_slope=0.2),
            L.ELU(alpha=0.7),
            L.PReLU(),
            L.Softmax(),
            L.Activation("gelu"),
            L.UnitNormalization(),
            L.Dropout(0.5),
            L.GaussianNoise(1.0),
            L.Rescaling(0.5, offset=1.0),
            L.BatchNormalization(),
            L.BatchNormalization(center=False),
            L.BatchNormalization(scale=False),
            L.LayerNormalization(),
            L.LayerNormalization(center=False),
            L.Dense(4, activation=L.LeakyReLU()),
            L.RepeatVector(3),
        ]
        layers += [L.RMSNormalization()] if hasattr(L, "RMSNormalization") else []
        for layer in layers:
            with self.subTest(layer=type(layer).__name__):
                model = self.sequential(L.Dense(12), layer, L.Dense(3, use_bias=False))
                self.check(model, {"x": self.x})

    def test_normalization(self):
        for invert in (False, True):
            layer = L.Normalization(invert=invert)
            layer.adapt(self.x * 3 + 1)
            self.check(keras.Sequential([L.Input((6,), name="x"), layer]), {"x": self.x})

    def test_shapes(self):
        model = self.sequential(
            L.Reshape((3, -1)), L.Permute((2, 1)), L.Dense(4), L.LayerNormalization(), L.Flatten()
        )
        self.check(model, {"x": self.x})

    def test_a_size_that_varies(self):
        model = self.sequential(L.Dense(5), L.GlobalAveragePooling1D(), shape=(None, 4))
        self.check(model, {"x": np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)})

    def test_models_in_f64_and_in_halves(self):
        self.addCleanup(keras.config.set_floatx, keras.config.floatx())
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        report = convert.keras(self.sequential(L.Dense(3, activation="gelu")), self.name)
        symbol = (self.folder / "model-symbol.json").read_text()
        self.assertIn('"dtype": "f64"', symbol)
        self.assertNotIn('"dtype": "f32"', symbol)
        self.assertEqual(report.tolerance, 2e-5)
        half = self.sequential(L.Dense(3, dtype="mixed_float16"))
        self.assertIn("computes in float16", str(convert.keras(half, self.name)))


class Graphs(KerasTest):
    def functional(self):
        number, code = L.Input((6,), name="number"), L.Input((2,), dtype="int32", name="code")
        known = L.Flatten()(L.Embedding(5, 3, name="table")(code))
        h = L.Dense(12, activation="silu", name="h")(L.Concatenate()([number, known]))
        inner = keras.Sequential(
            [L.Input((12,)), L.Dense(12), L.BatchNormalization()], name="inner"
        )
        y = L.Add()([h, inner(h)])
        z = inner(y)
        return filled(
            keras.Model(
                [number, code],
                [
                    L.Dense(1, name="value")(L.Average()([y, z])),
                    L.Dense(2, activation="softmax", name="choice")(L.Maximum()([y, z])),
                    L.Multiply(name="product")([L.Subtract()([y, z]), L.Minimum()([y, z])]),
                ],
            )
        )

    def test_functional(self):
        self.check(self.functional(), {"number": self.x, "code": self.codes})

    def test_names(self):
        report = convert.keras(self.functional(), self.name)
        rows = {row.trainer: row for row in report.table}
        self.assertIn("64 rows drawn at random", str(report))
        kernel = next(row for name, row in rows.items() if name.startswith("inner/dense"))
        self.assertTrue(kernel.name.startswith("inner.dense"))
        self.assertEqual(
            (rows["h/kernel"].name, tuple(rows["h/kernel"].shape)), ("h.weight", (12, 12))
        )
        self.assertIn("transposed", rows["h/kernel"].what)
        with mock.patch.object(keras_files, "choose_backend"):
            report = convert.keras(self.functional(), self.name, rename=["inner=body"])
        self.assertTrue(any(row.name.startswith("body.dense") for row in report.table))

    def test_inputs_and_outputs_by_name(self):
        a, b = L.Input((6,), name="k1"), L.Input((2,), name="k2")
        joined = L.Dense(2)(L.Concatenate()([a, b]))
        model = filled(
            keras.Model({"first": a, "second": b}, {"one": joined, "two": L.Dense(3)(a)})
        )
        inputs = {"first": self.x, "second": self.x[:, :2]}
        self.check(model, inputs, given=inputs)

    def test_operations(self):
        a = L.Input((6,), name="x")
        y = keras.ops.tanh(a * 2.0 + 1.0) / (keras.ops.exp(-a) + 1.0)
        y = y - keras.ops.mean(a, axis=1, keepdims=True) * a[:, :1]
        self.check(keras.Model(a, y), {"x": self.x})

    def test_a_layer_that_is_called_twice(self):
        a, shared = L.Input((6,), name="x"), L.Dense(6, activation="relu")
        report = self.check(filled(keras.Model(a, L.Dense(2)(shared(shared(a))))), {"x": self.x})
        self.assertEqual(len(report.table), 4)


class Faults(KerasTest):
    def test_all_that_is_not_converted_in_one_error(self):
        model = keras.Sequential(
            [L.Input((6, 3)), L.Conv1D(2, 2), L.LSTM(3), L.Dense(2, activation=lambda x: x * 2)]
        )
        words = ("Conv1D", "LSTM", "Dense with the activation <lambda>", "tf2onnx")
        self.assert_error(lambda: convert.keras(model, self.name), *words)

    def test_a_model_without_its_input(self):
        call = lambda: convert.keras(keras.Sequential([L.Dense(3)]), self.name)
        self.assert_error(call, "without its input")

    def test_a_class_of_the_users_own(self):
        class Dense(L.Dense):
            def call(self, x):
                return super().call(x) * 2

        call = lambda: convert.keras(self.sequential(Dense(3)), self.name, verify=False)
        self.assert_error(call, "test_keras.Dense")

    def test_a_sample_of_another_width(self):
        model = self.sequential(L.Dense(3))
        self.assert_error(lambda: convert.keras(model, self.name, sample=self.x[:, :3]), "refuses")

    def test_a_wrong_conversion_is_not_written(self):
        from mlpjit_convert import keras_layers

        model = self.sequential(
            L.Dense(8, name="first"), L.Dense(3, activation="gelu", name="last")
        )
        wrong = {**keras_layers.ACTIVATIONS, "gelu": keras_layers.ACTIVATIONS["silu"]}
        with mock.patch.object(keras_layers, "ACTIVATIONS", wrong):
            with self.assertRaises(convert.VerifyError) as caught:
                convert.keras(model, self.name)
        self.assertIn("The first layer that differs: last:", str(caught.exception))
        self.assertFalse(self.written())


class Files(KerasTest):
    def test_recorded_outputs(self):
        recorded = np.load(MODELS / "keras_sequential_digits.npz")
        for ending in ("keras", "h5"):
            self.command(DATA / f"keras_sequential_digits.{ending}", "-o", self.name)
            for batch in (1, 5, 16):
                actual = self.run_files({"x": recorded[f"b{batch}.in.x"]}, False)
                self.assert_near(actual[0], recorded[f"b{batch}.out.Identity:0"], "f32")

    def test_another_ending(self):
        for ending in ("keras", "h5"):
            shutil.copy(DATA / f"keras_sequential_digits.{ending}", self.folder / "renamed.bin")
            self.command(self.folder / "renamed.bin", "-o", self.name)

    def test_files_that_are_not_models(self):
        self.sequential(L.Dense(3)).save_weights(self.folder / "w.weights.h5")
        (self.folder / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
        for file, words in (
            (DATA / "keras_sequential_digits.arch.json", "without its weights"),
            (self.folder / "w.weights.h5", "weights alone"),
            (self.folder / "damaged.h5", "damaged.h5"),
        ):
            self.assertIn(words, self.command(file, "-o", self.name, status=2))
            self.assertFalse(self.written())

    def test_functional_files(self):
        model = Graphs.functional(self)
        model.save(self.folder / "f.keras")
        np.savez(self.folder / "rows.npz", number=self.x, code=self.codes)
        sample = ("--sample", self.folder / "rows.npz")
        printed = self.command(self.folder / "f.keras", "-o", self.name, *sample)
        self.assertIn("verified on 33 rows of the sample", printed)
        expected = [keras.ops.convert_to_numpy(t) for t in model([self.x, self.codes])]
        actual = self.run_files({"number": self.x, "code": self.codes}, False)
        for mine, tensor in zip(actual, expected):
            self.assert_near(mine, tensor, "f32")


if __name__ == "__main__":
    unittest.main()
