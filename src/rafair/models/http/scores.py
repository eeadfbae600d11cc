"""What servers answer, as logits: one score per class, or the probability of the second class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError
from rafair.models.classifier import Logits
from rafair.models.function import LEAST_PROBABILITY

ROUNDING = 0.01
"""How far probabilities may be from adding up to 1."""


class Malformed(Exception):  # no error of ours: it is asked again
    """An answer that is not what the server should have given; the message says why."""


def logits_from(
    values: Any, n_rows: int, n_classes: int, *, probabilities: bool, name: str
) -> Logits:
    """Logits of shape `(n, c)` from the scores of one answer.

    Args:
        values: Scores of shape `(n, c)`; of two classes also `(n,)` or `(n, 1)`: the probability of
            the second class, or its logit against the first.
        n_rows: How many rows were asked about.
        n_classes: How many classes there are.
        probabilities: Whether they are probabilities; logits otherwise.
        name: What to call the model.

    Raises:
        Malformed: If there are not as many answers as rows, or one is not a finite number.
        ModelError: If there are scores of other classes, or probabilities are none.

    Example:
        >>> even = logits_from([0.5, 0.5], 2, 2, probabilities=True, name="model")
        >>> even.shape, bool((even[:, 0] == even[:, 1]).all())
        ((2, 2), True)
    """
    scores = _numbers(values)
    if scores.ndim not in (1, 2) or len(scores) != n_rows:
        raise Malformed(f"answers of shape {scores.shape} for {n_rows} rows")
    if not np.isfinite(scores).all():
        raise Malformed("answers with NaN or infinity")
    scores = scores.reshape(n_rows, -1)
    if scores.shape[1] == 1 and n_classes == 2:
        first = 1 - scores if probabilities else np.zeros_like(scores)
        scores = np.concatenate([first, scores], axis=1)
    if scores.shape[1] != n_classes:
        raise ModelError(
            f"model '{name}': expected one score for each of {n_classes} classes, got "
            f"{scores.shape[1]}"
        )
    if not probabilities:
        return scores.astype(np.float32)
    return _log(scores, name).astype(np.float32)


def _numbers(values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise Malformed("answers that are no numbers, or not equally many per row") from error


def _log(scores: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    sums = scores.sum(axis=1)
    wrong = (scores < -ROUNDING).any(axis=1) | (np.abs(sums - 1) > ROUNDING)
    if wrong.any():
        found = ", ".join(f"{score:.4g}" for score in scores[wrong][0][:5])
        raise ModelError(
            f"model '{name}': expected probabilities that add up to 1, got {found}; "
            "--model-output logits takes scores as they are"
        )
    logarithms: NDArray[np.float64] = np.log(np.maximum(scores, LEAST_PROBABILITY))
    return logarithms
