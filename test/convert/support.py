"""What the tests of mlpjit-convert share: the package, scratch folders, and files run by themselves."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOL = ROOT / "tools" / "convert"
DATA = HERE / "data"
MODELS = ROOT / "test" / "onnx" / "models"
sys.path.insert(0, str(TOOL))

import mlpjit_convert as convert  # noqa: E402
from mlpjit_convert import library  # noqa: E402

BOUNDS = {"f32": 2e-5, "f64": 1e-11}


def run_files(name: Any, inputs: Dict[str, Any], interpret: bool = False) -> Dict[str, np.ndarray]:
    """The outputs of the two files, read and run by libmlpjit alone."""
    symbol = Path(f"{name}-symbol.json").read_bytes()
    parameters = Path(f"{name}-0000.params").read_bytes()
    with library.Model(library.find(), symbol, parameters, interpret) as model:
        return model.run([np.ascontiguousarray(array) for array in inputs.values()])


class ConvertTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.name = str(self.folder / "model")

    def written(self) -> bool:
        return any(self.folder.glob("model-*"))

    def assert_near(self, actual: np.ndarray, expected: Any, dtype: str = "f64") -> None:
        expected = np.asarray(expected)
        self.assertEqual(actual.shape, expected.shape)
        if expected.dtype.kind in "ib":
            np.testing.assert_array_equal(actual, expected)
            return
        distance = np.abs(actual - expected) / np.maximum(1, np.abs(expected))
        self.assertLessEqual(float(np.max(distance)), BOUNDS[dtype])

    def assert_outputs(self, inputs: Dict[str, Any], expected: Dict[str, Any], dtype="f64") -> None:
        """Both ways of running the files give what the trainer did."""
        for interpret in (False, True):
            actual = run_files(self.name, inputs, interpret)
            self.assertEqual(list(actual), list(expected))
            for name, values in expected.items():
                self.assert_near(actual[name], values, dtype)

    def assert_error(self, call, *words: str) -> str:
        """A ConvertError with these words in it, and nothing written."""
        with self.assertRaises(convert.ConvertError) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertFalse(self.written())
        return str(caught.exception)

    def command(self, *arguments: Any, status: int = 0, cwd: Any = None, **environment: str) -> str:
        """What the command prints, on both streams; it must end with the status."""
        process = subprocess.run(
            [sys.executable, str(TOOL), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            cwd=cwd,
            env={**os.environ, **environment},
        )
        self.assertNotIn("Traceback", process.stdout)
        self.assertEqual(process.returncode, status, process.stdout)
        return process.stdout
