"""From an object or classifier to one that is known to fit the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from rafair.errors import ModelError, RafairError
from rafair.models.classifier import Classifier, Logits, Rows
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.model_file import reason_of
from rafair.models.torch_module import TorchClassifier

PROBE_ROWS = 2
LOOKED_AT = 1000

ROUNDING = 1e-3
"""How far two answers for one row may be apart, as a share of the largest logit; batches of another
size are rounded in another way."""


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
            answers with something that is not a finite number, or otherwise when asked again or
            about a row alone.
    """
    width = rows.shape[1]
    if classifier.n_features is not None and classifier.n_features != width:
        raise ModelError(
            f"model '{classifier.name}': expected rows of {width} features as in the table, it "
            f"takes {classifier.n_features}"
        )
    probe = _probe(rows)
    logits = _asked(classifier, probe)
    if np.shape(logits) != (PROBE_ROWS, n_classes):
        raise ModelError(
            f"model '{classifier.name}': expected one logit for each of {n_classes} classes, got "
            f"an answer of shape {np.shape(logits)} for {PROBE_ROWS} rows"
        )
    check_finite(logits, classifier.name)
    _check_repeats(classifier, probe, logits)


def _probe(rows: Rows) -> Rows:
    """The first row, and of the next ones the one that differs most from it."""
    some = np.asarray(rows[:LOOKED_AT], np.float32)
    far = int(np.abs(some - some[:1]).sum(axis=1).argmax()) if len(some) else 0
    return np.resize(some[[0, far]] if len(some) else some, (PROBE_ROWS, rows.shape[1]))


def _asked(classifier: Classifier, rows: Rows) -> Logits:
    try:
        return classifier.logits(rows)
    except RafairError:
        raise
    except Exception as error:  # whatever a user's model raises, it does not take these rows
        raise ModelError(
            f"model '{classifier.name}': does not take rows of {rows.shape[1]} features: "
            f"{reason_of(error)}"
        ) from error


def _check_repeats(classifier: Classifier, probe: Rows, logits: Logits) -> None:
    """Asks again: the rows in the other order, and one of them alone."""
    far = ROUNDING * max(1.0, float(np.abs(logits).max()))
    for rows, expected, when in (
        (probe[::-1], logits[::-1], "in another order"),
        (probe[:1], logits[:1], "about a row alone"),
    ):
        found = _asked(classifier, np.ascontiguousarray(rows))
        difference = np.abs(found - expected).max() if found.shape == expected.shape else np.nan
        if not difference <= far:
            raise ModelError(
                f"model '{classifier.name}': expected the same answer whenever the same row is "
                f"asked about, got logits that differ by {difference:.3g} when asked again {when}"
            )


def check_finite(logits: Logits, name: str) -> None:
    """Refuses logits that are NaN or infinite.

    Raises:
        ModelError: If one is.
    """
    if not np.isfinite(logits).all():
        raise ModelError(f"model '{name}': expected finite logits, got NaN or infinity")
