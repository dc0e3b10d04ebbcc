#!/usr/bin/env python3
"""Writes the backend node tests of the installed package `onnx` as folders that run_node_tests reads.

    python3 -m pip install onnx
    python3 test/onnx/write_node_tests.py FOLDER
    build/release/bin/run_node_tests FOLDER
"""
import pathlib
import sys

import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node


def tensor(value, name):
    return value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(value, name)


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = node.collect_testcases(None)
    for case in cases:
        place = folder / case.name
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(case.model.SerializeToString())
        for i, values in enumerate(case.data_sets):
            data = place / f"test_data_set_{i}"
            data.mkdir(exist_ok=True)
            for kind, names, given in zip(
                ("input", "output"), (case.model.graph.input, case.model.graph.output), values
            ):
                for k, value in enumerate(given):
                    # Sequences, maps and optionals are no tensors: those tests are out of scope.
                    if names[k].type.HasField("tensor_type"):
                        (data / f"{kind}_{k}.pb").write_bytes(tensor(value, names[k].name).SerializeToString())
    print(f"{len(cases)} tests of onnx {onnx.__version__} in {folder}")


if __name__ == "__main__":
    main()
