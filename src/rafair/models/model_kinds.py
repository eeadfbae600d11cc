"""The kinds of models: how their names end, what opens them, and whether that runs their code."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from rafair.models.classifier import Classifier
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Args:
        name: What `audit.json` calls it.
        opener: The module below `rafair.models` and the function that opens it, as in `a.b:c`; the
            module is imported when it is needed, with the library that it needs.
        acts: Whether to open it runs code of who made it, or sends rows to an address. Such a model
            is opened only where its user names it.
    """

    name: str
    opener: str
    acts: bool = False

    def opened(self, source: str, schema: Schema, options: ModelOptions) -> Classifier:
        """Opens a model of this kind; `rafair.models.models_by_name` says what comes of it."""
        module, _, function = self.opener.partition(":")
        opener = getattr(import_module(f"rafair.models.{module}"), function)
        return cast(Classifier, opener(source, schema, options))


HTTP = ModelKind("http", "http.http_classifier:open_endpoint", acts=True)
PYTHON = ModelKind("python", "adapters.python_function:open_function", acts=True)
TORCH_FACTORY = ModelKind("torch", "adapters.torch_factory:open_factory", acts=True)
TORCHSCRIPT = ModelKind("torch", "adapters.torchscript:open_torchscript", acts=True)
ONNX = ModelKind("onnx", "adapters.onnx_model:open_onnx")
SKOPS = ModelKind("scikit-learn", "adapters.sklearn_model:open_sklearn")
PICKLE = ModelKind("scikit-learn", "adapters.sklearn_model:open_sklearn", acts=True)
XGBOOST = ModelKind("xgboost", "adapters.xgboost_model:open_xgboost")
LIGHTGBM = ModelKind("lightgbm", "adapters.lightgbm_model:open_lightgbm")

ENDINGS = {
    ".pt": TORCHSCRIPT,
    ".ts": TORCHSCRIPT,
    ".torchscript": TORCHSCRIPT,
    ".onnx": ONNX,
    ".skops": SKOPS,
    ".pkl": PICKLE,
    ".pickle": PICKLE,
    ".joblib": PICKLE,
    ".json": XGBOOST,
    ".ubj": XGBOOST,
    ".txt": LIGHTGBM,
}
"""Kinds of files by how their names end."""


NAMED_AGAIN = (HTTP, PYTHON, TORCH_FACTORY)
"""Code and addresses, which are no file that could be copied whole."""


def kind_of_model(source: str, *, weights: bool = False) -> ModelKind | None:
    """The kind of a model that others made, by its name alone; None where no kind is named so.

    Args:
        source: `FILE.py:NAME`, a file, or an endpoint's address.
        weights: Whether a file of weights is named beside it.

    Example:
        >>> kind_of_model("credit.onnx").name, kind_of_model("credit.pkl").acts
        ('onnx', True)
    """
    if source.startswith(ADDRESSES):
        return HTTP
    if source.endswith(".py") or ".py:" in source:
        return TORCH_FACTORY if weights else PYTHON
    return ENDINGS.get(Path(source).suffix.lower())
