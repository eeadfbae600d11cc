"""Opens somebody else's model, whose name alone says what it is; no folder that rafair wrote."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import ModelError
from rafair.models.classifier import Classifier
from rafair.models.model_kinds import ENDINGS, TORCH_FACTORY, kind_of_model
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema

__all__ = ["ModelOptions", "open_model"]

DEFAULTS = ModelOptions()

EXPECTED = f"FILE.py:NAME, or a file that ends in {', '.join(ENDINGS)}, or an address http(s)://"


def open_model(source: str | Path, schema: Schema, options: ModelOptions = DEFAULTS) -> Classifier:
    """Opens a model as `rafair.open_model` does (`sources.opening`), which knows folders too.

    Args:
        source: What it takes, but for a folder.
        schema: The features of the rows, and the classes.
        options: What the file does not say.

    Raises:
        ModelError: As it does.
        InputError: Likewise.

    Example:
        >>> open_model("model.docx", Schema(features=(), label="y", classes=("no", "yes")))
        Traceback (most recent call last):
        rafair.errors.ModelError: model 'model.docx': expected FILE.py:NAME, or a file that ends ...
    """
    source = str(source)
    kind = kind_of_model(source, weights=options.weights is not None)
    if kind is None:
        raise ModelError(f"model '{source}': expected {EXPECTED}")
    if options.weights is not None and kind is not TORCH_FACTORY:
        raise ModelError(
            f"model '{source}': expected FILE.py:FACTORY with `weights={options.weights}`"
        )
    return kind.opened(source, schema, options)
