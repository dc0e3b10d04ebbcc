"""Trained models of scikit-learn, PyTorch and Keras as mlpjit's two files.

    import mlpjit_convert as convert
    convert.sklearn(pipeline, "digits", sample=X)
    convert.torch(module, "policy", sample=x)
    convert.keras(model, "scores", sample=x)

write digits-symbol.json and digits-0000.params, and so on, after they were run by libmlpjit and
compared with the trainer's own outputs. Each takes `dtype` ("f32" or "f64"), `rename` (a list of
"PATTERN=REPLACEMENT"), `sample` (rows; else seeded random ones), `verify`, `tolerance`, `library`
(the file of libmlpjit) and gives a Report.
"""

from typing import Any

from .errors import ConvertError, VerifyError
from .finish import Report, finish
from .weights import Names

__all__ = ["ConvertError", "Report", "VerifyError", "keras", "sklearn", "torch"]


def sklearn(estimator: Any, name: str, sample: Any = None, **options: Any) -> Report:
    """A fitted estimator or pipeline of scikit-learn."""
    from . import from_sklearn

    names = Names(options.pop("rename", ()))
    conversion, table = from_sklearn.convert(estimator, options.pop("dtype", None), names)
    rows = None if sample is None else table(sample)
    return finish(conversion, names, name, rows, **options)


def torch(module: Any, name: str, sample: Any = None, **options: Any) -> Report:
    """A module of PyTorch, as it is in evaluation. `shapes`: of its inputs, by name or in their
    order, without the batch, where neither the sample nor the first layer says it."""
    from . import from_torch

    names = Names(options.pop("rename", ()))
    conversion, read = from_torch.convert(
        module, options.pop("dtype", None), names, sample, options.pop("shapes", None)
    )
    rows = None if sample is None else read(sample)
    return finish(conversion, names, name, rows, **options)


def keras(model: Any, name: str, sample: Any = None, **options: Any) -> Report:
    """A Sequential or functional model of Keras 3."""
    from . import from_keras

    names = Names(options.pop("rename", ()))
    conversion, read = from_keras.convert(model, options.pop("dtype", None), names)
    rows = None if sample is None else read(sample)
    return finish(conversion, names, name, rows, **options)
