#!/usr/bin/env python3
"""Runs what ExportOnnx wrote by ONNX's checker and by ONNX Runtime.

    python3 -m pip install numpy onnx onnxruntime safetensors
    MLPJIT_ONNX_KEEP=FOLDER build/release/bin/test_onnx --gtest_filter='ExportOnnx*'
    python3 test/onnx/check_exports.py FOLDER
"""
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file


def difference(actual, expected):
    actual, expected = numpy.asarray(actual, numpy.float64), numpy.asarray(expected, numpy.float64)
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if actual.size == 0:
        return ""
    off = numpy.max(numpy.abs(actual - expected) / numpy.maximum(1, numpy.abs(expected)))
    return "" if off <= 2e-5 else f"off by {off}"


def check(path):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    for values in sorted(path.parent.glob(path.name + ".*.safetensors")):
        data = load_file(values)
        results = session.run(None, {name: data[f"in{i}"] for i, name in enumerate(names)})
        for i, result in enumerate(results):
            why = difference(result, data[f"out{i}"])
            if why:
                raise ValueError(f"output {i} for {values.name}: {why}")


def main():
    failed = 0
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    for path in files:
        try:
            check(path)
        except Exception as error:  # each file is judged by itself
            failed += 1
            print(f"{path.name}: {str(error)[:300]}")
    print(f"{len(files) - failed} of {len(files)} files pass onnx {onnx.__version__}'s checker and give the same "
          f"in ONNX Runtime {onnxruntime.__version__}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
