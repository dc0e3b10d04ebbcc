"""Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
bound call, which must give the same bits.

    python3 digits.py digits-symbol.json digits-0000.params test.csv
"""

import sys

import numpy as np

import mlpjit


def main(symbol_file, parameter_file, rows_file):
    model = mlpjit.Model(symbol_file, parameter_file)
    (pixels,) = model.inputs
    width = pixels.shape[1]
    rows = np.loadtxt(rows_file, np.float32, delimiter=",", ndmin=2)
    images = rows[:, 1:]  # the first is the answer
    if images.shape[1] != width:
        sys.exit(f"{rows_file}: the model's {pixels.name} has {width} columns")

    (logits,) = model.run(images)
    bound = model.bind((1, width))
    for image, expected in zip(images, logits):
        (alone,) = bound(image[np.newaxis])
        if alone.tobytes() != expected.tobytes():
            sys.exit(f"{rows_file}: a row alone has other bits")

    for row in logits:
        bits = " ".join(f"{number:08X}" for number in row.view(np.uint32))
        print(model.classes[row.argmax()], bits)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: digits.py SYMBOL_FILE PARAMETER_FILE ROWS.csv")
    main(*sys.argv[1:])
