"""What is known of rows once all their counterparts were asked about."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.counterparts import NONE as NONE
from rafair.tabular.encoding import Rows

Numbers = NDArray[np.int64]

VERDICT_FIELDS = (
    "prediction",
    "judged",
    "fair",
    "disagreeing",
    "disagreeing_prediction",
    "consensus",
    "loss",
)
"""What a prediction of all counterparts tells, without any gradient."""


@dataclass
class Observation:
    """One entry per row, each of shape `(n, …)`.

    Args:
        prediction: The predicted class.
        judged: Whether all counterparts were asked, so that the entries from `fair` to `consensus`
            are known.
        fair: Whether no counterpart disagrees.
        disagreeing: The index of the first counterpart that disagrees, else -1.
        disagreeing_prediction: That counterpart's predicted class, else -1.
        consensus: The class predicted most often among the counterparts, ties to the lowest.
        loss: The loss of the row.
        counterpart: The index of the chosen counterpart: the one whose loss has the largest
            gradient, ties to the first.
        counterpart_loss: The loss of the chosen counterpart.
        differentiated: Whether the row's own gradient is known.
        compared: Whether the chosen counterpart and its gradient are known.
        gradient: A positive multiple of the loss's gradient at the row; `(n, d)`.
        counterpart_gradient: The same at the chosen counterpart; `(n, d)`.
        leaders: The indices of two counterparts to steer by, else -1; the row itself may be one of
            them; `(n, 2)`.
        extremes: The indices of two counterparts that are treated most differently; `(n, 2)`.
        reach: How differently those are treated, in bins (or 1 where predictions differ).
        bins: How many bins of probability the counterparts fall into; 0 where not counted.
        entropy: The entropy of their distribution over these bins, in bits.
    """

    prediction: Numbers
    judged: NDArray[np.bool_]
    fair: NDArray[np.bool_]
    disagreeing: Numbers
    disagreeing_prediction: Numbers
    consensus: Numbers
    loss: NDArray[np.float64]
    counterpart: Numbers
    counterpart_loss: NDArray[np.float64]
    differentiated: NDArray[np.bool_]
    compared: NDArray[np.bool_]
    gradient: Rows
    counterpart_gradient: Rows
    leaders: Numbers
    extremes: Numbers
    reach: Numbers
    bins: Numbers
    entropy: NDArray[np.float64]

    @classmethod
    def empty(cls, n: int, n_features: int) -> Observation:
        """An observation of `n` rows of which nothing is known yet."""
        return cls(
            **_no_verdicts(n),
            counterpart=np.full(n, NONE),
            counterpart_loss=np.full(n, np.nan),
            differentiated=np.zeros(n, bool),
            compared=np.zeros(n, bool),
            gradient=np.full((n, n_features), np.nan, np.float32),
            counterpart_gradient=np.full((n, n_features), np.nan, np.float32),
            leaders=np.full((n, 2), NONE),
            extremes=np.full((n, 2), NONE),
            reach=np.zeros(n, np.int64),
            bins=np.zeros(n, np.int64),
            entropy=np.full(n, np.nan),
        )

    @classmethod
    def of_gradients(cls, gradients: Rows) -> Observation:
        """An observation of rows of which only the gradients, of shape `(n, d)`, are known.

        What can be written later is what verdicts rest on; the rest takes no memory.
        """
        n, n_features = gradients.shape
        return cls(gradient=gradients, **_no_verdicts(n), **_unknown(n, n_features))

    @classmethod
    def of_verdicts(cls, rows: Rows, seen: Observation | None) -> Observation:
        """An observation of `rows` with what others know of their verdicts, and no more."""
        known = cls.empty(*rows.shape)
        if seen is not None:
            known.put_verdicts(np.arange(len(rows)), seen)
        return known

    def copy(self) -> Observation:
        """A copy that shares no memory."""
        return Observation(**{name: values.copy() for name, values in self._items()})

    def put(self, where: NDArray[Any], other: Observation) -> None:
        """Replaces the entries at `where` by those of `other`, in order."""
        for name, values in self._items():
            values[where] = getattr(other, name)

    def put_verdicts(self, where: NDArray[Any], other: Observation) -> None:
        """Replaces only what a verdict rests on."""
        for name in VERDICT_FIELDS:
            getattr(self, name)[where] = getattr(other, name)

    def take(self, where: NDArray[Any]) -> Observation:
        """The entries at `where`."""
        return Observation(**{name: values[where] for name, values in self._items()})

    def _items(self) -> list[tuple[str, NDArray[Any]]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def _no_verdicts(n: int) -> dict[str, NDArray[Any]]:
    """What verdicts rest on, not known yet."""
    return {
        "prediction": np.full(n, NONE),
        "judged": np.zeros(n, bool),
        "fair": np.zeros(n, bool),
        "disagreeing": np.full(n, NONE),
        "disagreeing_prediction": np.full(n, NONE),
        "consensus": np.full(n, NONE),
        "loss": np.full(n, np.nan),
    }


@lru_cache(maxsize=8)
def _unknown(n: int, n_features: int) -> dict[str, NDArray[Any]]:
    """What gradients alone do not tell: values that are only read, and so can be shared."""
    none = np.broadcast_to(np.int64(NONE), n)
    zero, nan = np.broadcast_to(np.int64(0), n), np.broadcast_to(np.nan, n)
    return {
        "counterpart": none,
        "counterpart_loss": nan,
        "differentiated": np.broadcast_to(np.True_, n),
        "compared": np.broadcast_to(np.False_, n),
        "counterpart_gradient": np.broadcast_to(np.float32(np.nan), (n, n_features)),
        "leaders": np.broadcast_to(np.int64(NONE), (n, 2)),
        "extremes": np.broadcast_to(np.int64(NONE), (n, 2)),
        "reach": zero,
        "bins": zero,
        "entropy": nan,
    }
