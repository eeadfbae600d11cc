"""Whether a short cut decides as the model that it stands for."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError, RafairWarning
from rafair.models.adapters.score_model import probe_rows
from rafair.models.classifier import Classifier, Logits, Rows
from rafair.tabular.schema import Schema

COMPARED, DRAWN = 2048, 1024
"""How many rows of the table, and how many of the whole box, both are asked about."""

ROUNDING = 1e-4
"""How far from a tie, as a share of the largest logit, rounding may still turn a decision."""


def faithful(classifier: Classifier, rows: Rows, schema: Schema) -> Classifier:
    """The classifier, or where a short cut of it decides otherwise than the model, who does not.

    Both are asked about rows of the table and about random rows of the box. Decisions that differ
    beyond rounding at a tie are told in a warning, and the short cut is not used; ties are told.

    Args:
        classifier: The model, with its short cuts.
        rows: Encoded rows of the table; shape `(n, d)`.
        schema: The features.

    Raises:
        ModelError: If the model takes encoded rows, and a feature is opaque.
    """
    _check_opaque(classifier, schema)
    model = classifier.without_shortcut()
    if model is None or not len(rows):
        return classifier
    some = rows[np.unique(np.linspace(0, len(rows) - 1, COMPARED).astype(np.int64))]
    asked = np.concatenate([some, probe_rows(schema, DRAWN)])
    differs, tied = _compared(classifier.logits(asked), model.logits(asked))
    if tied.any():
        warnings.warn(
            f"model '{classifier.name}': {int(tied.sum()):,} of {len(asked):,} rows lie at a tie, "
            "where our faster arithmetic rounds to another decision than the model's own",
            RafairWarning,
            stacklevel=2,
        )
    if not differs.any():
        return classifier
    warnings.warn(
        f"model '{classifier.name}': our faster arithmetic decides otherwise than the model itself "
        f"for {int(differs.sum()):,} of {len(asked):,} rows; it is not used",
        RafairWarning,
        stacklevel=2,
    )
    return model


def _check_opaque(classifier: Classifier, schema: Schema) -> None:
    """Refuses to give a model the place of a value in a list for the value."""
    name = next((feature.name for feature in schema.features if feature.is_opaque), None)
    if name is not None and classifier.terms.input == "encoded":
        raise ModelError(
            f"model '{classifier.name}': takes encoded rows, in which the opaque feature '{name}' "
            "has no value; expected a model of the table's own values (`model_input='raw'`), or "
            "drop = true for it in the schema"
        )


def _compared(ours: Logits, theirs: Logits) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where decisions differ, and where only because of rounding at a tie."""
    other = ours.argmax(axis=1) != theirs.argmax(axis=1)
    close = _near_a_tie(ours) & _near_a_tie(theirs)
    return other & ~close, other & close


def _near_a_tie(logits: Logits) -> NDArray[np.bool_]:
    first, second = np.sort(logits.astype(np.float64), axis=1)[:, :-3:-1].T
    near: NDArray[np.bool_] = first - second <= ROUNDING * np.maximum(np.abs(first), 1)
    return near
