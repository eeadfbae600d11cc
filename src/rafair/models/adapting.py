"""From whatever a caller hands in to a classifier that is known to fit the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from rafair.errors import IncompleteError, ModelError
from rafair.models.classifier import Classifier, Logits, Rows
from rafair.models.function import FunctionClassifier
from rafair.models.torch_module import TorchClassifier

PROBE_ROWS = 2


def as_classifier(model: Any, *, device: str = "cpu") -> Classifier:
    """Wraps a torch module or a Python function; a classifier stays as it is.

    Raises:
        ModelError: If `model` is none of these.
    """
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return TorchClassifier(model, device=device)
    if callable(model) and not isinstance(model, type):
        return FunctionClassifier(model)
    found = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    raise ModelError(
        f"model: expected an instance of a torch module, a Python function or a rafair classifier, "
        f"got {found}"
    )


def check_fits(classifier: Classifier, rows: Rows, n_classes: int) -> None:
    """Asks the classifier about a few rows to see that it fits the table.

    Raises:
        ModelError: If it takes another number of features, gives another number of classes, or
            answers with something that is not a finite number.
    """
    width = rows.shape[1]
    if classifier.n_features is not None and classifier.n_features != width:
        raise ModelError(
            f"model '{classifier.name}': expected rows of {width} features as in the table, it "
            f"takes {classifier.n_features}"
        )
    probe = np.resize(rows, (PROBE_ROWS, width)).astype(np.float32)
    try:
        logits = classifier.logits(probe)
    except (ModelError, IncompleteError):
        raise
    except Exception as error:  # whatever a user's model raises, it does not take these rows
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"model '{classifier.name}': does not take rows of {width} features: {reason}"
        ) from error
    if np.shape(logits) != (PROBE_ROWS, n_classes):
        raise ModelError(
            f"model '{classifier.name}': expected one logit for each of {n_classes} classes, got "
            f"an answer of shape {np.shape(logits)} for {PROBE_ROWS} rows"
        )
    check_finite(logits, classifier.name)


def check_finite(logits: Logits, name: str) -> None:
    """Refuses logits that are NaN or infinite.

    Raises:
        ModelError: If one is.
    """
    if not np.isfinite(logits).all():
        raise ModelError(f"model '{name}': expected finite logits, got NaN or infinity")
