"""What a file is, by its content."""

import json
import zipfile
from pathlib import Path
from typing import Iterator, Optional, Tuple

from .errors import ConvertError

PICKLE, SAFETENSORS, TORCH, TORCHSCRIPT, KERAS, HDF5 = (
    "pickle",
    "safetensors",
    "torch",
    "torchscript",
    "keras",
    "hdf5",
)
COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")
LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number that torch.save began with

OTHER = {
    "onnx": 'an ONNX model: mlpjit reads it by itself, nn::SymbolBlock::imports("{name}")',
    "tflite": "a TensorFlow Lite model: what it was made from, the Keras model, is converted",
    "symbol": "a symbol file of mlpjit: it is converted already, "
    'nn::SymbolBlock::imports("{name}", ...)',
    "architecture": "the architecture of a Keras model, without its weights: "
    "save the model as .keras",
    "npz": "a file of arrays (.npz), not a model; rows to verify with are given by --sample",
    "npy": "an array (.npy), not a model; rows to verify with are given by --sample",
    "lfs": "a pointer of Git LFS, not the file itself: git lfs pull",
    "savedmodel": "a SavedModel of TensorFlow: save the model as .keras, or make ONNX of it with "
    "tf2onnx, which mlpjit reads by itself",
    "html": "a page of HTML, not a model: the download went wrong",
}


def _varint(data: bytes, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _protobuf_fields(data: bytes, size: int) -> Iterator[int]:
    """The numbers of a message's fields, of `size` bytes that `data` begins with."""
    at = 0
    while at < min(size, len(data)):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            _, at = _varint(data, at)
        elif wire == 2:
            length, at = _varint(data, at)
            at += length
            if at > size:
                raise ValueError
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError
        yield number


def is_onnx(data: bytes, size: int) -> bool:
    """ModelProto: ir_version is its field 1, graph its field 7."""
    try:
        numbers = list(_protobuf_fields(data, size))
    except (ValueError, IndexError):
        return False
    known = set(range(1, 9)) | {14, 20, 25, 26}
    return bool(numbers) and set(numbers) <= known and 7 in numbers and 1 in numbers


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        raise ConvertError(f"{path}: a zip file that is damaged or cut off") from None
    if "config.json" in names and any(n.endswith("model.weights.h5") for n in names):
        return KERAS
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        script = any("/code/" in name or name.endswith("/constants.pkl") for name in names)
        return TORCHSCRIPT if script else TORCH
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    raise ConvertError(f"{path}: a zip file, but of neither PyTorch nor Keras")


def _json_kind(path: Path, data: bytes) -> Optional[str]:
    try:
        text = json.loads(data.decode())
    except ValueError:
        return None
    if isinstance(text, dict) and text.get("format") == "mlpjit-symbol":
        return "symbol"
    if isinstance(text, dict) and "class_name" in text and "config" in text:
        return "architecture"
    return None


def _plain_kind(path: Path, data: bytes) -> Optional[str]:
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if data[4:8] == b"TFL3":
        return "tflite"
    if data.startswith(b"\x93NUMPY"):
        return "npy"
    if data.startswith(b"version https://git-lfs"):
        return "lfs"
    if data.lstrip()[:1] == b"<":
        return "html"
    length = int.from_bytes(data[:8], "little")
    if len(data) >= 10 and length <= path.stat().st_size - 8 and data[8:9] == b"{":
        return SAFETENSORS
    if data.lstrip()[:1] == b"{":
        return _json_kind(path, data)
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return TORCH if data[2:].startswith(LEGACY_TORCH) else PICKLE
    if is_onnx(data, path.stat().st_size):
        return "onnx"
    if data.startswith(COMPRESSED):
        return PICKLE  # of joblib, compressed
    return None


def kind_of(path: Path) -> str:
    """One of the kinds that are converted; any other is an error that says what it is."""
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise ConvertError(f"{path}: this is {OTHER['savedmodel']}")
        raise ConvertError(f"{path}: a folder, not a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path}: {error.strerror}") from None
    if not data:
        raise ConvertError(f"{path}: an empty file")
    kind = _zip_kind(path) if data.startswith(b"PK\x03\x04") else _plain_kind(path, data)
    if kind is None:
        raise ConvertError(
            f"{path}: no file of scikit-learn (joblib, pickle), PyTorch (.pt, .safetensors) or "
            "Keras (.keras, .h5)"
        )
    if kind in OTHER:
        raise ConvertError(f"{path}: this is {OTHER[kind].format(name=path.name)}")
    return kind
