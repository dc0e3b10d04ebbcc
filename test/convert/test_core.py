"""What needs numpy alone: kinds of files, names, the two files, descriptions of layers, the command."""

import json
import pickle
import struct
import unittest

import numpy as np
from support import DATA, MODELS, ConvertTest, convert, run_files

from mlpjit_convert import described, files, indices, kinds, samples, shapes, torch_files, verify
from mlpjit_convert.graph import Graph
from mlpjit_convert.weights import Names, Row, format_table


class Kinds(ConvertTest):
    def kind(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return kinds.kind_of(path)

    def test_files_are_told_by_their_content(self):
        for name, kind in (
            ("torch_mlp_digits.pt", kinds.TORCH),
            ("torch_mlp_digits.torchscript.pt", kinds.TORCHSCRIPT),
            ("torch_mlp_digits.safetensors", kinds.SAFETENSORS),
            ("keras_sequential_digits.keras", kinds.KERAS),
            ("keras_sequential_digits.h5", kinds.HDF5),
        ):
            self.assertEqual(kinds.kind_of(DATA / name), kind)
            self.assertEqual(self.kind("renamed.bin", (DATA / name).read_bytes()), kind)
        self.assertEqual(self.kind("p.pkl", pickle.dumps({"a": 1})), kinds.PICKLE)

    def test_what_is_not_converted_says_what_it_is(self):
        for name, words in (
            ("torch_mlp_digits.legacy.onnx", 'imports("torch_mlp_digits.legacy.onnx")'),
            ("torch_mlp_digits.dynamo.onnx", "ONNX model: mlpjit reads it by itself"),
            ("skl_mlp_multi_digits.f32.onnx", "ONNX model"),
            ("torch_mlp_digits.npz", "a file of arrays"),
        ):
            self.assert_error(lambda: kinds.kind_of(MODELS / name), words)
        arch = DATA / "keras_sequential_digits.arch.json"
        self.assert_error(lambda: kinds.kind_of(arch), "without its weights")
        symbol = json.dumps({"format": "mlpjit-symbol"}).encode()
        for name, data, words in (
            ("empty", b"", "an empty file"),
            ("a.tflite", b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite"),
            ("b-symbol.json", symbol, "a symbol file of mlpjit"),
            ("c.pt", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            ("d.pt", b"<!DOCTYPE html><html>", "HTML"),
            ("e.pt", b"PK\x03\x04 and no more", "damaged or cut off"),
            ("f.txt", b"hello", "no file of scikit-learn"),
        ):
            self.assert_error(lambda: self.kind(name, data), words)
        self.assert_error(lambda: kinds.kind_of(self.folder / "none"), "No such file")
        self.assert_error(lambda: kinds.kind_of(self.folder), "a folder")


class NamesTest(ConvertTest):
    def test_patterns(self):
        for rule, name, expected in (
            ("net.0=first", "net.0.weight", "first.weight"),
            ("net.0=first", "net.01.weight", "net.01.weight"),
            ("net.0=first", "net.0", "first"),
            ("net.*=body.*", "net.0.weight", "body.0.weight"),
            ("*.w?=*.W?", "a.b.wx", "a.b.Wx"),
            (r"^net\.(\d+)=layer\1", "net.3.bias", "layer3.bias"),
        ):
            self.assertEqual(Names([rule])(name), expected)

    def test_a_pattern_that_matches_nothing_is_an_error(self):
        names = Names(["nett.*=body.*"])
        names("net.0.weight")
        self.assert_error(names.check, "nett.*=body.*", "matches no name", "net.0.weight")

    def test_damaged_rules(self):
        self.assert_error(lambda: Names(["abc"]), "PATTERN=REPLACEMENT")
        self.assert_error(lambda: Names(["(=x"]), "--rename (=x")
        self.assert_error(lambda: Names([r"(a)=\2"])("a"), r"--rename (a)=\2")

    def test_the_table(self):
        rows = [Row("n.weight", (2,), "n.gamma", (2,), "renamed"), Row("n.b", (), what="ignored")]
        lines = format_table(rows).splitlines()
        self.assertEqual(lines[1].split(), ["n.weight", "[2]", "->", "n.gamma", "[2]", "renamed"])
        self.assertEqual(lines[2].split(), ["n.b", "[]", "ignored"])


class Shapes(ConvertTest):
    def test_reshape_keeps_the_batch(self):
        self.assertEqual(shapes.resolve(("B", 4, 2), ["B", -1]), ("B", 8))
        self.assertEqual(shapes.resolve(("B", 4), [-1, 2]), ("2*B", 2))
        self.assertEqual(shapes.resolve(("2*B", 2), ["2*B", -1]), ("2*B", 2))
        for shape in ([7, -1], ["N", -1], [3, -1]):
            self.assert_error(lambda: shapes.resolve(("B", 4), shape), "reshape of [B, 4]")

    def test_broadcast(self):
        self.assertEqual(shapes.broadcast(("B", 1), (4,)), ("B", 4))
        self.assert_error(lambda: shapes.broadcast(("B", 3), (4,)), "[B, 3] and [4]")


class Files(ConvertTest):
    def graph(self):
        g = Graph("f32")
        x = g.input("x", "f32", ("B", 2))
        with g.layer("net.0"):
            w = g.parameter("net.0.weight", np.array([[1, 2], [3, 4], [0.1, -0.0]]))
            y = g.op("dense", x, w)
            y = g.op("maximum", y, g.constant([np.inf, 0.1, -np.inf]))
        g.op("exp", y)  # that nobody asks for
        g.head("y", y)
        return g

    def test_the_files_run(self):
        files.write(self.name, *files.encode(self.graph()))
        x = np.array([[1, 2], [3, 4]], np.float32)
        expected = np.stack([[np.inf] * 2, [11, 25], np.float32(0.1) * x[:, 0]], 1)
        actual = run_files(self.name, {"x": x})["y"]
        np.testing.assert_allclose(actual, expected, rtol=1e-6)

    def test_the_symbol_file(self):
        symbol = json.loads(files.encode(self.graph())[0])
        self.assertEqual(symbol["schema_version"], 1)
        self.assertEqual([node["op"] for node in symbol["nodes"]], ["dense", "constant", "maximum"])
        self.assertEqual(symbol["nodes"][0]["layer"], "net.0")
        self.assertEqual(symbol["nodes"][1]["attributes"]["value"]["data"], ["inf", 0.1, "-inf"])
        self.assertEqual(symbol["inputs"][1]["kind"], "parameter")

    def test_many_elements_are_a_tensor(self):
        g = Graph("f64")
        g.head("y", g.op("add", g.input("x", "f64", ("B", 65)), g.constant(np.arange(65.0))))
        symbol, parameters = files.encode(g)
        self.assertIn('"tensor": "constant.0"', symbol.decode())
        files.write(self.name, symbol, parameters)
        actual = run_files(self.name, {"x": np.ones((1, 65))})["y"]
        np.testing.assert_array_equal(actual, np.arange(65.0)[None] + 1)

    def test_shared_weights_are_stored_once(self):
        g, key = Graph("f32"), object()
        a = g.parameter("a", np.ones(3), key)
        self.assertIs(g.parameter("b", np.ones(3), key), a)
        g.head("y", g.op("add", g.input("x", "f32", (3,)), a))
        symbol = json.loads(files.encode(g)[0])
        self.assertEqual(symbol["inputs"][1]["aliases"], ["b"])

    def test_what_cannot_be_written_leaves_nothing(self):
        missing = str(self.folder / "none" / "model")
        self.assert_error(lambda: files.write(missing, b"{}", b""), "cannot be written")
        (self.folder / "model-symbol.json").mkdir()
        with self.assertRaises(convert.ConvertError):
            files.write(self.name, b"{}", b"")
        self.assertFalse(list(self.folder.glob("*.params?*")))

    def test_faults_name_the_layer(self):
        g = Graph("f32")
        x = g.input("x", "f32", ("B", 5))
        with g.layer("net.2"):
            w = g.parameter("net.2.weight", np.ones((3, 4)))
            self.assert_error(lambda: g.op("dense", x, w), "net.2: dense", "[B, 5]", "[3, 4]")


class Compared(ConvertTest):
    def test_the_difference(self):
        d = verify.difference
        self.assertEqual(d(np.array([100.0, np.nan]), np.array([101.0, np.nan])), 0.01)
        self.assertEqual(d(np.array([0.5]), np.array([0.25])), 0.25)
        for actual in (np.array([np.nan]), np.array([np.inf]), np.array([[1.0]])):
            self.assertEqual(d(np.array([1.0]), actual), np.inf)

    def test_random_places_stay_in_their_tables(self):
        g = Graph("f32")
        x = g.input("x", "i64", ("B", 2))
        table = g.parameter("e", np.ones((3, 4)))
        g.head("y", g.op("gather", table, g.columns(x, [1]), axis=0))
        self.assertEqual(indices.limits(g), {"x": 3})


class Samples(ConvertTest):
    def sample(self, text):
        path = self.folder / "rows.csv"
        path.write_text(text)
        return samples.read(str(path))

    def test_csv(self):
        np.testing.assert_array_equal(self.sample("1,2\n3,4\n"), [[1, 2], [3, 4]])
        table = self.sample("a,sex\n1,m\n,f\n")
        self.assertEqual(list(table), ["a", "sex"])
        self.assertEqual(list(table["sex"]), ["m", "f"])
        self.assertTrue(np.isnan(table["a"][1]))
        self.assert_error(lambda: self.sample("1,2\n3\n"), "rows of 1 and 2")
        self.assert_error(lambda: self.sample("a,b\n"), "no rows")
        self.assert_error(lambda: samples.read("/none.npy"), "No such file")


class Descriptions(ConvertTest):
    """A state_dict of PyTorch, by numpy: its outputs are recorded."""

    def convert(self, file, layers, **options):
        arrays = torch_files.safetensors(DATA / file)
        return described.convert_described(arrays, layers, self.name, file, False, **options)

    def assert_recorded(self, model, output):
        recorded = np.load(MODELS / f"{model}.npz")
        for batch in (1, 5, 16):
            inputs = {"x": recorded[f"b{batch}.in.x"]}
            expected = {"output": recorded[f"b{batch}.out.{output}"]}
            self.assert_outputs(inputs, expected, "f32")

    def test_widths_and_an_activation(self):
        self.convert("torch_mlp_digits.safetensors", "64-32-16-10 relu")
        self.assert_recorded("torch_mlp_digits", "logits")

    def test_layers_by_type(self):
        layers = "Linear(64, 32) ReLU Dropout(0.1) Linear(32, 16) relu Linear(16, out_features=10)"
        self.convert("torch_mlp_digits.safetensors", layers)
        self.assert_recorded("torch_mlp_digits", "logits")

    NORMS = (
        "a=Linear(64,32) bn=BatchNorm1d(32) GELU b=Linear(32,24) ln=LayerNorm(24) SiLU "
        "c=Linear(24,16) ELU d=Linear(16,10) LogSoftmax(1)"
    )

    def test_layers_by_name(self):
        report = self.convert("torch_norms_digits.safetensors", self.NORMS)
        self.assert_recorded("torch_norms_digits", "log_probs")
        rows = {row.trainer: row for row in report.table}
        self.assertEqual((rows["bn.weight"].name, rows["bn.weight"].what), ("bn.gamma", "renamed"))
        self.assertEqual(rows["bn.running_var"].name, "bn.running_var")
        self.assertIn("ignored", rows["bn.num_batches_tracked"].what)

    def test_names_are_compared_before_shapes(self):
        file = "torch_norms_digits.safetensors"
        wrong = self.NORMS.replace("bn=BatchNorm1d(32)", "bm=BatchNorm1d(31)")
        error = self.assert_error(
            lambda: self.convert(file, wrong), "'bm.weight'", "is missing", "near: bn.weight"
        )
        self.assertNotIn("takes", error)
        wrong = self.NORMS.replace("BatchNorm1d(32)", "BatchNorm1d(31)")
        self.assert_error(lambda: self.convert(file, wrong), "'bn.weight' is [32]", "takes [31]")

    def test_renames(self):
        file = "torch_norms_digits.safetensors"
        layers = self.NORMS.replace("a=", "first=")
        self.convert(file, layers, rename=["a=first"])
        self.assert_recorded("torch_norms_digits", "log_probs")
        self.assertIn(b'"first.weight"', (self.folder / "model-0000.params").read_bytes())

    def test_renames_that_match_nothing(self):
        call = lambda: self.convert(
            "torch_mlp_digits.safetensors", "64-32-16-10 relu", rename=["q.*=r.*"]
        )
        self.assert_error(call, "q.*=r.*", "matches no name")

    def test_what_does_not_fit(self):
        for layers, words in (
            ("64-32-16-12 relu", ["'5.weight' is [10, 16]", "takes [12, 16]"]),
            ("64-32-10 relu", ["2 layers with weights", "3: 0, 3, 5"]),
            ("Linear(64,32) Rellu", ["'Rellu' is no layer", "near: ReLU"]),
            ("Linear(64", ["bracket"]),
            ("Linear(64)", ["lacks out_features"]),
            ("Linear(64,32,True,1)", ["Linear takes"]),
            ("Linear(64,open('x'))", ["arguments are numbers"]),
            ("ReLU", ["no layer with weights"]),
            ("64-32-10 relu relu relu", ["expected widths"]),
            ("Linear(64,32,bias=False) Linear(32,16) Linear(16,10)", ["'0.bias' belongs to no"]),
        ):
            self.assert_error(lambda: self.convert("torch_mlp_digits.safetensors", layers), *words)

    def test_letters_do_not_order_layers(self):
        layers = (
            "Linear(64,32) BatchNorm1d(32) Linear(32,24) Linear(24,16) Linear(16,10) LayerNorm(24)"
        )
        call = lambda: self.convert("torch_norms_digits.safetensors", layers)
        self.assert_error(call, "does not keep the order")

    def test_bfloat16_is_widened(self):
        data = np.array([1.5, -2.25], np.float32)
        header = {"0.weight": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]}}
        text = json.dumps(header).encode()
        blob = (data.view(np.uint32) >> 16).astype("<u2").tobytes()
        path = self.folder / "w.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + blob)
        np.testing.assert_array_equal(torch_files.safetensors(path)["0.weight"], [data])


class Command(ConvertTest):
    def test_converts(self):
        file = DATA / "torch_mlp_digits.safetensors"
        printed = self.command(file, "-o", self.name, "--layers", "64-32-16-10 relu")
        self.assertIn("wrote", printed)
        self.assertIn("0.weight  [32, 64]", printed)
        self.assertTrue(self.written())

    def test_status_2_and_no_traceback(self):
        file = DATA / "torch_mlp_digits.safetensors"
        layers = ("--layers", "64-32-16-10 relu")
        for arguments, words in (
            ([MODELS / "torch_mlp_digits.legacy.onnx"], "ONNX model"),
            ([file], 'by --layers "Linear(64,32) ReLU Linear(32,16) ReLU Linear(16,10)"'),
            ([file, "--layers", "64-32"], "layers with weights"),
            ([file, *layers, "--sample", "/none.npy"], "/none.npy"),
            ([file, *layers, "--library", "/none.so"], "--no-verify"),
            ([file, *layers, "--shape", "x"], "--shape x"),
            ([self.folder / "none.py:build"], "no such file"),
            ([__file__], "FUNCTION"),
        ):
            printed = self.command(*arguments, "-o", self.name, status=2)
            self.assertIn(words, printed)
            self.assertFalse(self.written())
        self.command(status=2)

    def test_damaged_pickles(self):
        for data in (b"\x80\x04nonsense", pickle.dumps({"a": 1}), b"\x80\x04\x95"):
            path = self.folder / "damaged.pkl"
            path.write_bytes(data)
            self.command(path, "-o", self.name, status=2)

    def test_help(self):
        printed = self.command("--help")
        self.assertIn("RUNS CODE", printed)
        self.assertIn("exit status", printed)

    def test_without_a_library(self):
        file = DATA / "torch_mlp_digits.safetensors"
        arguments = [file, "-o", self.name, "--layers", "64-32-16-10 relu"]
        printed = self.command(*arguments, status=2, MLPJIT_LIBRARY="/none.so")
        self.assertIn("cannot be opened", printed)
        printed = self.command(*arguments, "--no-verify", MLPJIT_LIBRARY="/none.so")
        self.assertIn("not verified", printed)


if __name__ == "__main__":
    unittest.main()
