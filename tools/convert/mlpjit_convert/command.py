"""The command line."""

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from . import ConvertError, Report, VerifyError
from . import keras as convert_keras
from . import sklearn as convert_sklearn
from . import torch as convert_torch
from . import kinds, samples

EPILOG = """\
INPUT is told by its content:
  scikit-learn   a fitted estimator or pipeline, by joblib or pickle
  PyTorch        a whole module (torch.save(module)), FILE.py:FACTORY (a function that gives the
                 module, or the module itself), or a state_dict (.pt, .safetensors) with --layers
  Keras          .keras, or .h5 of a whole model
Reading a pickle, a whole module, or FILE.py RUNS CODE of that file: take none from strangers.
safetensors, and a state_dict in .pt, are data only.

examples:
  mlpjit-convert digits.joblib -o digits --sample rows.csv
  mlpjit-convert policy.pt -o policy --dtype f64
  mlpjit-convert net.py:build -o net --shape 3,8
  mlpjit-convert weights.safetensors -o net --layers "64-48-48-10 relu"
  mlpjit-convert weights.pt -o net --layers "Linear(64,48) BatchNorm1d(48) GELU Linear(48,10)"
  mlpjit-convert model.keras -o model --rename 'dense_*=fc*'

exit status: 0 done; 1 the converted model differs from its trainer's, nothing was written; 2 the
input or the command line is wrong.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlpjit-convert",
        description="Trained models of scikit-learn, PyTorch and Keras as mlpjit's two files, "
        "NAME-symbol.json and NAME-0000.params, verified against the trainer's own outputs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("input", metavar="INPUT", help="the trained model")
    add("-o", "--out", metavar="NAME", required=True, help="of the two files, with their folder")
    add("--dtype", choices=("f32", "f64"), help="of the floats; default: the trainer's")
    add("--sample", metavar="FILE", help="rows to verify with: .npy, .npz or .csv; default: random")
    add(
        "--layers",
        metavar="TEXT",
        help="of a state_dict: layers in their order, 'fc1=Linear(64,48) ReLU Linear(48,10)', or "
        "widths and an activation, '64-48-10 relu'",
    )
    add(
        "--shape",
        metavar="[NAME=]SIZES",
        action="append",
        default=[],
        help="PyTorch: of an input, without the batch, '64' or 'x=8,8'; where it is not told by "
        "the sample or the first layer",
    )
    add(
        "--rename",
        metavar="PATTERN=REPLACEMENT",
        action="append",
        default=[],
        help="of weights: leading parts of names ('net.0=first'), a glob ('net.*=body.*') or a "
        "regular expression ('^net\\.(\\d)=layer\\1')",
    )
    add("--tolerance", type=float, help="|difference| / max(1, |value|); f32 2e-5, f64 1e-11")
    add("--no-verify", action="store_true", help="do not run and compare the converted model")
    add("--library", metavar="FILE", help="libmlpjit.so; default: MLPJIT_LIBRARY, else found")
    add("--traceback", action="store_true", help="of an error that is not foreseen, for a report")
    add("--quiet", action="store_true", help="print nothing but errors")
    return parser


def _shapes(given: List[str]) -> Optional[Dict[Any, Any]]:
    """Sizes by the name of the input, or by its place."""
    shapes: Dict[Any, Any] = {}
    for place, text in enumerate(given):
        name, equals, sizes = text.rpartition("=")
        try:
            shapes[name if equals else place] = tuple(int(n) for n in sizes.split(",") if n)
        except ValueError:
            raise ConvertError(f"--shape {text}: expected sizes, '64' or 'x=8,8'") from None
    return shapes or None


def _convert(arguments: argparse.Namespace) -> Report:
    options: Dict[str, Any] = {
        "dtype": arguments.dtype,
        "rename": arguments.rename,
        "verify": not arguments.no_verify,
        "tolerance": arguments.tolerance,
        "library": arguments.library,
        "sample": samples.read(arguments.sample) if arguments.sample else None,
    }
    shapes = _shapes(arguments.shape)
    path, colon, factory = arguments.input.rpartition(":")
    if colon and path.endswith(".py"):
        from . import torch_files

        return convert_torch(
            torch_files.build(Path(path), factory), arguments.out, shapes=shapes, **options
        )
    path = Path(arguments.input)
    if path.suffix == ".py":
        raise ConvertError(f"{path}: which function gives the module? {path}:FUNCTION")
    kind = kinds.kind_of(path)
    if kind == kinds.PICKLE:
        return _object(_unpickled(path), arguments, shapes, options)
    if kind in (kinds.KERAS, kinds.HDF5):
        from . import keras_files

        return convert_keras(keras_files.load(path, kind), arguments.out, **options)
    from . import torch_files

    loaded = torch_files.load(path, kind, arguments.layers is not None)
    if arguments.layers is None and not isinstance(loaded, dict):
        return convert_torch(loaded, arguments.out, shapes=shapes, **options)
    from .described import convert_described

    kept_order = kind != kinds.SAFETENSORS
    return convert_described(
        loaded, arguments.layers, arguments.out, path.name, kept_order, **options
    )


def _unpickled(path: Path) -> Any:
    """By joblib, which reads plain pickles, too."""
    try:
        import joblib
    except ImportError:
        raise ConvertError(f"{path}: reading a pickle takes joblib and scikit-learn") from None
    try:
        return joblib.load(path)
    except Exception as error:  # whatever the code in it raises
        raise ConvertError(
            f"{path}: cannot be unpickled: {type(error).__name__}: {error}"
        ) from None


def _object(model: Any, arguments, shapes, options: Dict[str, Any]) -> Report:
    """What a pickle holds, by the package that its class comes from."""
    packages = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "sklearn" in packages:
        return convert_sklearn(model, arguments.out, **options)
    if "torch" in packages:
        return convert_torch(model, arguments.out, shapes=shapes, **options)
    if "keras" in packages:
        return convert_keras(model, arguments.out, **options)
    kind = f"{type(model).__module__}.{type(model).__name__}"
    raise ConvertError(f"{arguments.input}: holds a {kind}, no model of scikit-learn")


def main(argv: Optional[List[str]] = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        report = _convert(arguments)
    except (ConvertError, VerifyError) as error:
        print(f"mlpjit-convert: {error}", file=sys.stderr)
        return 1 if isinstance(error, VerifyError) else 2
    except ImportError as error:
        print(f"mlpjit-convert: {error}; is the trainer's package installed?", file=sys.stderr)
        return 2
    except Exception as error:  # a case that nobody has thought of
        if arguments.traceback:
            raise
        print(
            f"mlpjit-convert: {type(error).__name__}: {error}\n"
            "This is not foreseen: --traceback says where it comes from.",
            file=sys.stderr,
        )
        return 2
    if not arguments.quiet:
        print(report)
    return 0
