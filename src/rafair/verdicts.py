"""Predictions in, verdicts out: the four cells of the fairness confusion matrix."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_name


class Verdict(IntEnum):
    """One cell of the fairness confusion matrix (Li et al., 2023).

    "True" and "false" say whether the prediction is right; "fair" and "biased" whether every
    counterpart gets the same prediction.

    Example:
        >>> str(Verdict.TRUE_BIASED), Verdict.TRUE_BIASED.short
        ('true biased', 'TB')
    """

    TRUE_FAIR = 0
    TRUE_BIASED = 1
    FALSE_FAIR = 2
    FALSE_BIASED = 3

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")

    @property
    def short(self) -> str:
        """The two capital letters used in tables."""
        return "".join(word[0] for word in self.name.split("_"))

    @classmethod
    def named(cls, name: str | Verdict) -> Verdict:
        """The verdict called `name`: "true biased", "true_biased" or "TB".

        Raises:
            UnknownNameError: If there is no such verdict.
        """
        if isinstance(name, Verdict):
            return name
        by_name = {str(verdict): verdict for verdict in cls}
        by_short = {verdict.short.lower(): str(verdict) for verdict in cls}
        plain = name.lower().replace("_", " ").replace("-", " ").strip()
        return by_name[check_name("verdict", by_short.get(plain, plain), by_name)]


FALSE = frozenset({Verdict.FALSE_FAIR, Verdict.FALSE_BIASED})
"""The verdicts of wrong predictions."""

BIASED = frozenset({Verdict.TRUE_BIASED, Verdict.FALSE_BIASED})
"""The verdicts of predictions that a counterpart does not share."""

BAD = frozenset(Verdict) - {Verdict.TRUE_FAIR}
"""The verdicts of all that is not right and equal."""


def verdicts(accurate: NDArray[np.bool_], fair: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Combines both properties into verdicts, elementwise.

    Args:
        accurate: Whether the prediction equals the label; any shape.
        fair: Whether every counterpart gets the same prediction; the same shape.

    Returns:
        Codes of `Verdict`, of the same shape.

    Example:
        >>> verdicts(np.array([True, False]), np.array([False, True])).tolist()
        [1, 2]
    """
    codes: NDArray[np.int8] = (2 * np.logical_not(accurate) + np.logical_not(fair)).astype(np.int8)
    return codes


def outcome_step(codes: NDArray[np.int8], sought: Collection[Verdict]) -> NDArray[np.int64]:
    """The step that an attack counts by: the first iterate it was after, else the last.

    Args:
        codes: Codes of `Verdict` of shape `(n, T + 1)`: an instance a row, the clean row first.
        sought: The verdicts that count as success.

    Returns:
        Steps from 1 to T; shape `(n,)`.

    Example:
        >>> outcome_step(np.array([[1, 0, 1, 0], [0, 0, 0, 0]]), {Verdict.TRUE_BIASED}).tolist()
        [2, 3]
    """
    reached = np.isin(codes[:, 1:], list(sought))
    first: NDArray[np.int64] = reached.argmax(axis=1) + 1
    return np.where(reached.any(axis=1), first, codes.shape[1] - 1)


def disagrees(
    prediction: NDArray[Any], other: NDArray[Any], distance: NDArray[Any], k: float
) -> NDArray[np.bool_]:
    """Whether a counterpart's prediction differs by more than `k` times its distance allows.

    This is D(ŷ, ŷ') > K · d(v, v') with the 0/1 distance D of predictions.

    Args:
        prediction: Predicted classes of the rows; shape `(n,)`.
        other: Predicted classes of their counterparts; shape `(n,)`.
        distance: Mean squared difference of the encoded rows; shape `(n,)`.
        k: The factor K; zero asks for equal predictions.

    Example:
        >>> disagrees(np.array([0, 0]), np.array([1, 1]), np.array([0.1, 0.9]), k=2.0).tolist()
        [True, False]
    """
    difference = (np.asarray(prediction) != np.asarray(other)).astype(np.float64)
    result: NDArray[np.bool_] = difference > k * np.asarray(distance, np.float64)
    return result
