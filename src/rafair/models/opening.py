"""From what a user names on a command line to a classifier of the table's encoded rows."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import ModelError
from rafair.models.classifier import Classifier
from rafair.models.kinds import ENDINGS, TORCH_FACTORY, kind_of_model
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema

__all__ = ["ModelOptions", "open_model"]

DEFAULTS = ModelOptions()

EXPECTED = f"FILE.py:NAME, or a file that ends in {', '.join(ENDINGS)}, or an address http(s)://"


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
    kind = kind_of_model(source, weights=options.weights is not None)
    if kind is None:
        raise ModelError(f"model '{source}': expected {EXPECTED}")
    if options.weights is not None and kind is not TORCH_FACTORY:
        raise ModelError(
            f"model '{source}': expected FILE.py:FACTORY with --weights {options.weights}"
        )
    return kind.opened(source, schema, options)
