"""From a file, an address or a folder to a classifier: what `rafair.open_model` is."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import InputError
from rafair.models import models_by_name
from rafair.models.classifier import Classifier
from rafair.models.model_options import ModelOptions
from rafair.sources.user_named import Named, open_classifier
from rafair.tabular.schema import Schema


def open_model(
    source: str | Path,
    schema: Schema | None = None,
    options: ModelOptions = models_by_name.DEFAULTS,
) -> Classifier:
    """Opens a model that was saved: somebody else's, or a folder that rafair wrote.

    Args:
        source: `FILE.py:NAME` (with weights, a factory of a torch module; without, a function), a
            file of TorchScript, ONNX, scikit-learn, XGBoost or LightGBM, an endpoint's address; or
            a folder of `rafair train`, `audit` or `harden` with a `model.json`, wrapper and all.
        schema: The features of the rows that it is to be asked about, and the classes; of a folder
            its own by default.
        options: What the file does not say.

    Raises:
        ModelError: If there is no such model, it is not what its name says, it does not fit the
            schema, it was altered, or it would have to be trusted first.
        InputError: If a library that it needs is not installed, or the schema or an option lacks.

    Example:
        >>> age = {"name": "age", "kind": "integer", "minimum": 18, "maximum": 95}
        >>> schema = Schema(features=(age,), label="default", classes=("no", "yes"))
        >>> open_model("model.docx", schema)
        Traceback (most recent call last):
        rafair.errors.ModelError: model 'model.docx': expected FILE.py:NAME, or a file that ends ...
    """
    named = Named(str(source), opening=options)
    known = named.folder_schema()
    if known is not None:
        return open_classifier(named, schema or known)
    if schema is None:
        raise InputError(
            f"schema: expected with '{source}', which is no folder with a schema of its own"
        )
    return models_by_name.open_model(source, schema, options)
