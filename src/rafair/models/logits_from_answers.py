"""From what models answer, in all the ways they do, to one logit per class that decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError
from rafair.models.classifier import Labels, Logits
from rafair.models.decision import Threshold, settled
from rafair.models.function_classifier import LEAST_PROBABILITY

PROBABILITY_SUM = 1e-3
"""How far a row's probabilities may be from a sum of 1."""


def as_logits(
    scores: Any,
    *,
    probabilities: bool,
    name: str,
    order: Sequence[int] | None = None,
    threshold: Threshold | None = None,
    decided: Labels | None = None,
) -> Logits:
    """Logits of shape `(n, c)`, from one score per class, or of the second class alone.

    Their arg max is the model's decision: `decided` if that is known, what the threshold says of
    the scores, or the class of the largest score; each in the precision in which the scores came.

    Args:
        scores: Of shape `(n, c)`; or `(n,)` or `(n, 1)`, the logit or the probability of the second
            class.
        probabilities: Whether they are probabilities, whose logarithm is then taken, clipped away
            from zero.
        name: What to call the model in messages.
        order: Where among the scores each class of the table stands; None where they are in its
            order.
        threshold: How the model decides, if not for the largest score.
        decided: The classes that the model itself decides for; shape `(n,)`.

    Raises:
        ModelError: If the scores are no numbers, or probabilities are not in [0, 1].

    Example:
        >>> as_logits([0.5, -2], probabilities=False, name="m").tolist()
        [[0.0, 0.5], [0.0, -2.0]]
        >>> as_logits([[0.5]], probabilities=True, name="m").round(2).tolist()
        [[-0.6..., -0.6...]]
    """
    given = as_numbers(scores, name)
    values = by_class(given, probabilities=probabilities)
    if values.ndim != 2:  # whoever asks sees that it is of no good shape
        return values.astype(np.float32)
    if order is not None and values.shape[1] == len(order):
        values = values[:, list(order)]
    if probabilities:
        _check_probabilities(values, name)
    if decided is None:
        decided = _decided(values, threshold, probabilities=probabilities)
    logits = values.astype(np.float64)
    if probabilities:
        logits = np.log(np.maximum(logits, LEAST_PROBABILITY))
    if threshold is not None:
        logits = threshold.steer(logits)
    return settled(logits.astype(np.float32), decided)


def _decided(
    values: NDArray[np.floating[Any]], threshold: Threshold | None, *, probabilities: bool
) -> Labels:
    if threshold is None:
        return np.asarray(values.argmax(axis=1), np.int64)
    if threshold.odds and not probabilities:
        values = chances(values)
    return threshold.decide(values)


def chances(logits: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """The probabilities of logits, in their precision; shape `(n, c)`.

    Example:
        >>> chances(np.array([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.floating[Any]] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def as_numbers(scores: Any, name: str) -> NDArray[np.floating[Any]]:
    """Scores as floating-point numbers, in the precision in which they came.

    Raises:
        ModelError: If they are none.
    """
    try:
        values = np.asarray(scores)
        if values.dtype.kind == "f":
            return values
        return np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        found = np.asarray(scores, object).ravel()
        text = next((str(value) for value in found if isinstance(value, str)), None)
        got = type(scores).__name__ if text is None else f"texts, such as '{text}'"
        raise ModelError(
            f"model '{name}': expected one number per class, probabilities or logits, got {got}"
        ) from error


def by_class(
    values: NDArray[np.floating[Any]], *, probabilities: bool
) -> NDArray[np.floating[Any]]:
    """One score per class, where there may be that of the second class alone; shape `(n, c)`."""
    if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
        second = values.reshape(len(values), 1)
        return np.hstack([1 - second if probabilities else np.zeros_like(second), second])
    return values


def _check_probabilities(values: NDArray[np.floating[Any]], name: str) -> None:
    outside = (values < -PROBABILITY_SUM) | (values > 1 + PROBABILITY_SUM)
    if outside.any():
        raise ModelError(
            f"model '{name}': expected probabilities in [0, 1], got {values[outside][0]:.6g}"
        )


def look_like_probabilities(scores: Any) -> bool:
    """Whether all scores could be probabilities: in [0, 1], and of sum 1 where there are several.

    Example:
        >>> look_like_probabilities([[0.25, 0.75]]), look_like_probabilities([0.2, 1.4])
        (True, False)
    """
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError):
        return False
    if values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        return False
    if values.ndim == 1 or values.shape[-1] == 1:
        return True
    return bool((np.abs(values.sum(axis=-1) - 1) <= PROBABILITY_SUM).all())


def check_stated(scores: Any, outputs: str | None, name: str) -> None:
    """Refuses scores that look like probabilities where nobody said what they are.

    Taken for logits, a probability of class 1 would decide for it always.

    Raises:
        ModelError: If all of them do, and `outputs` is None.
    """
    if outputs is None and look_like_probabilities(scores):
        raise ModelError(
            f"model '{name}': expected logits, got what look like probabilities; "
            "`model_output` says which they are"
        )
