# Predictions that numpy reads: those of the models' trainers. check_arrays.py MLPJIT-RUN MODELS
import os
import subprocess
import sys
import tempfile

import numpy as np

run, models = sys.argv[1:]
# File of a model, of its arrays, their batch.
CASES = [
    ("torch_mlp_digits.legacy.onnx", "torch_mlp_digits.npz", 16),
    ("torch_mlp_digits.legacy.f64.onnx", "torch_mlp_digits.f64.npz", 16),
    ("torch_deepsets.legacy.onnx", "torch_deepsets.npz", 16),
    ("torch_nerf.legacy.onnx", "torch_nerf.npz", 5),
    ("keras_gelu_diabetes.tf2onnx.onnx", "keras_gelu_diabetes.npz", 16),
    ("skl_columns_logreg_diabetes.onnx", "skl_columns_logreg_diabetes.npz", 30),
    ("skl_logreg_wine_strings.f32.onnx", "skl_logreg_wine_strings.npz", 20),
    ("skl_mlp_multi_digits.f64.onnx", "skl_mlp_multi_digits.f64.npz", 20),
]


def predict(model, inputs, folder):
    rows, out = os.path.join(folder, "rows.npz"), os.path.join(folder, "out.npz")
    np.savez(rows, **inputs)
    command = [run, os.path.join(models, model), rows, "--quiet", "--batch", "7", "-o", out]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return np.load(out)


with tempfile.TemporaryDirectory() as folder:
    for model, file, batch in CASES:
        arrays = np.load(os.path.join(models, file))
        take = lambda side: {n.split(".", 2)[2]: arrays[n] for n in arrays.files if n.startswith(f"b{batch}.{side}.")}
        inputs, wanted = take("in"), take("out")
        found = predict(model, inputs, folder)
        wanted = {name: array for name, array in wanted.items() if name in found.files}
        assert wanted, (model, found.files)
        for name, array in wanted.items():
            got = found[name]
            assert (got.dtype, got.shape) == (array.dtype, array.shape), (model, name, got.dtype, got.shape)
            if array.dtype.kind == "f":
                assert np.allclose(got, array, rtol=2e-5, atol=2e-5), (model, name)
            else:
                assert (got == array).all(), (model, name)
        # Columns that stand one after the other are the same rows.
        again = predict(model, {name: np.asfortranarray(array) for name, array in inputs.items()}, folder)
        assert all((again[name] == found[name]).all() for name in found.files), model
print("all as its trainer says")
