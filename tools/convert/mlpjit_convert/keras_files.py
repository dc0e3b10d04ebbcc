"""Files of Keras, read by Keras."""

import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from . import kinds
from .errors import ConvertError

BACKENDS = ("torch", "tensorflow", "jax", "numpy")  # those that start soon first


def choose_backend() -> None:
    """A backend that is installed, unless the user has said which. Keras itself writes
    TensorFlow into its configuration, whether it is there or not."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "KERAS_BACKEND" in os.environ:
        return
    config = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    try:
        configured = json.loads(config.read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        configured = None
    for name in ([configured] if configured in BACKENDS else []) + list(BACKENDS):
        if importlib.util.find_spec(name):
            os.environ["KERAS_BACKEND"] = name
            return


def load(path: Path, kind: str) -> Any:
    """A model, under whatever name its file goes. No code of it is run."""
    choose_backend()
    try:
        import keras
    except ImportError as error:
        raise ConvertError(
            f"{path}: reading it takes Keras 3 (pip install keras): {error}"
        ) from None
    ending = ".keras" if kind == kinds.KERAS else ".h5"
    with tempfile.TemporaryDirectory() as folder:
        name = path
        if path.suffix not in (ending, ".hdf5"):
            name = Path(folder) / ("model" + ending)
            name.symlink_to(path.resolve())
        try:
            return keras.saving.load_model(str(name), compile=False)
        except Exception as error:  # Keras has many for a file that it cannot read
            raise ConvertError(_explained(path, str(error))) from None


def _explained(path: Path, reason: str) -> str:
    first = reason.strip().split("\n")[0]
    if "No model config found" in reason or "No model found" in reason:
        return f"{path}: weights alone, without their model: save the model itself as .keras"
    if "Lambda" in reason or "lambda" in reason:
        return f"{path}: has a Lambda layer, which is code and not converted"
    if "custom" in reason or "register_keras_serializable" in reason:
        return (
            f"{path}: has a class of its own, which Keras does not know: {first}\n"
            "Load it in Python, and call mlpjit_convert.keras(model, NAME)."
        )
    return f"{path}: Keras cannot read it: {first}"
