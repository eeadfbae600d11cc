"""Whether a model says the same when it is asked the same again."""

from __future__ import annotations

import numpy as np

from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Logits, Rows
from rafair.models.fit_to_table import check_finite

ASKED = 64
"""Rows that are asked about twice."""

TOLERANCE = 1e-4
"""How far two answers may lie apart: servers that batch requests round differently."""


def check_steady(classifier: Classifier, again: Classifier, rows: Rows) -> None:
    """Asks about a few rows twice, the second time in other company; answers must not change.

    Args:
        classifier: The model; it may remember what it was asked.
        again: Who is asked the second time: the model itself, which does not.
        rows: Rows to take some from, evenly spread; shape `(n, d)`.

    Raises:
        ModelError: If an answer changes, or is not finite.

    Example:
        >>> from rafair.models.function_classifier import FunctionClassifier
        >>> generator = np.random.default_rng(0)
        >>> drunk = FunctionClassifier(lambda rows: generator.random((len(rows), 2)), name="drunk")
        >>> check_steady(drunk, drunk, np.zeros((1, 3), np.float32))
        Traceback (most recent call last):
        rafair.errors.ModelError: model 'drunk': expected the same answer to the same row, got ...
    """
    some = rows[np.unique(np.linspace(0, len(rows) - 1, ASKED).astype(np.int64))]
    first, second = np.asarray(classifier.logits(some)), _in_other_company(again, some)
    for answer in (first, second):
        check_finite(answer, classifier.name)
    close = np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE).all(axis=1)
    # at a tie, rounding may turn a decision in other company
    tied = np.ptp(np.sort(first, axis=1)[:, -2:], axis=1) <= TOLERANCE
    same = close & (tied | (first.argmax(axis=1) == second.argmax(axis=1)))
    if not same.all():
        worst = int(np.argmin(same))
        shown = [", ".join(f"{value:.4g}" for value in answer[worst]) for answer in (first, second)]
        raise ModelError(
            f"model '{classifier.name}': expected the same answer to the same row, got logits "
            f"{shown[0]} and, asked again, {shown[1]}; switch off what is drawn at random in it"
        )


def _in_other_company(classifier: Classifier, rows: Rows) -> Logits:
    """The answers to the rows in their order, asked in the opposite one and in two batches."""
    turned, cut = rows[::-1], len(rows) // 3
    batches = [np.ascontiguousarray(part) for part in (turned[:cut], turned[cut:]) if len(part)]
    answers: Logits = np.concatenate([classifier.logits(part) for part in batches])[::-1]
    return answers
