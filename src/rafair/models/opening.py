"""From what a user names on a command line to a classifier of the table's encoded rows."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import ModelError
from rafair.models.classifier import Classifier
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.tabular.schema import Schema

__all__ = ["ModelOptions", "open_model"]

DEFAULTS = ModelOptions()

KINDS = (
    "FILE.py:NAME, or a file that ends in .pt, .ts, .torchscript, .onnx, .skops, .pkl, .pickle, "
    ".joblib, .json, .ubj or .txt, or an address http(s)://"
)


def open_model(source: str | Path, schema: Schema, options: ModelOptions = DEFAULTS) -> Classifier:
    """Opens a model that somebody else trained.

    Args:
        source: `FILE.py:NAME` (with weights, a factory of a torch module; without, a function), a
            file of TorchScript, ONNX, scikit-learn, XGBoost or LightGBM, or an endpoint's address.
        schema: The features of the rows that it is to be asked about, and the classes.
        options: What the file does not say.

    Raises:
        ModelError: If there is no such model, it is not what its name says, it does not fit the
            schema, or it would have to be trusted first.
        InputError: If a library that it needs is not installed.

    Example:
        >>> age = {"name": "age", "kind": "integer", "minimum": 18, "maximum": 95}
        >>> schema = Schema(features=(age,), label="default", classes=("no", "yes"))
        >>> open_model("model.docx", schema)
        Traceback (most recent call last):
        rafair.errors.ModelError: model 'model.docx': expected FILE.py:NAME, or a file that ends ...
    """
    source = str(source)
    if source.startswith(ADDRESSES):
        from rafair.models.http.endpoint import open_endpoint

        return open_endpoint(source, schema, options)
    python = source.endswith(".py") or ".py:" in source
    if options.weights is not None and not python:
        raise ModelError(
            f"model '{source}': expected FILE.py:FACTORY with --weights {options.weights}"
        )
    if python:
        return _open_python(source, schema, options)
    return _open_file(Path(source), schema, options)


def _open_python(source: str, schema: Schema, options: ModelOptions) -> Classifier:
    if options.weights is not None:
        from rafair.models.adapters.torch_factory import open_factory

        return open_factory(source, schema, options)
    from rafair.models.adapters.python_function import open_function

    return open_function(source, schema, options)


def _open_file(path: Path, schema: Schema, options: ModelOptions) -> Classifier:
    match path.suffix.lower():
        case ".pt" | ".ts" | ".torchscript":
            from rafair.models.adapters.torchscript import open_torchscript

            return open_torchscript(path, schema, options)
        case ".onnx":
            from rafair.models.adapters.onnx_model import open_onnx

            return open_onnx(path, schema, options)
        case ".skops" | ".pkl" | ".pickle" | ".joblib":
            from rafair.models.adapters.sklearn_model import open_sklearn

            return open_sklearn(path, schema, options)
        case ".json" | ".ubj":
            from rafair.models.adapters.xgboost_model import open_xgboost

            return open_xgboost(path, schema, options)
        case ".txt":
            from rafair.models.adapters.lightgbm_model import open_lightgbm

            return open_lightgbm(path, schema, options)
        case _:
            raise ModelError(f"model '{path}': expected {KINDS}")
