"""What the model did with each row: its prediction, and whether it stayed right and equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.watched_rates import ACCURACY, FAIRNESS, JOINT

Flags = NDArray[np.bool_]

UNLABELLED = -1
"""Stands for the class of a row whose label has not come."""


@dataclass(frozen=True)
class JudgedRows:
    """Rows' predictions, and what perturbations did to them; labels may come later.

    Searches aim at the model's own prediction. Where it is right, that is the search with the true
    label; where it is wrong, the row is not accurate whatever is found.

    Args:
        predictions: The predicted classes; shape `(n,)`.
        kept: By condition, whether the row's prediction was the same on the clean row and on every
            iterate; all true for "clean"; shape `(n,)` each.
        fair: By condition, whether all counterparts got the row's own prediction, on the clean row
            and on every iterate; shape `(n,)` each.
    """

    predictions: NDArray[np.int64]
    kept: Mapping[str, Flags]
    fair: Mapping[str, Flags]

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under what the rows were looked at."""
        return tuple(self.kept)

    def take(self, where: NDArray[np.int64] | Flags) -> JudgedRows:
        """Some of the rows."""
        return JudgedRows(
            self.predictions[where],
            {name: flags[where] for name, flags in self.kept.items()},
            {name: flags[where] for name, flags in self.fair.items()},
        )

    def holds(self, condition: str, metric: str, labels: NDArray[np.int64]) -> Flags:
        """Whether each row is accurate, fair, or both, under a condition; shape `(n,)`.

        Args:
            condition: One of `conditions`.
            metric: "accuracy", "individual_fairness" or "accurate_fairness".
            labels: The true classes; `UNLABELLED` rows are never accurate, so leave them out.

        Example:
            >>> seen = JudgedRows(np.array([0, 1]), {"clean": np.ones(2, bool)},
            ...               {"clean": np.array([True, False])})
            >>> seen.holds("clean", "accurate_fairness", np.array([0, 1])).tolist()
            [True, False]
        """
        if metric == FAIRNESS:
            return self.fair[condition]
        accurate: Flags = self.kept[condition] & (self.predictions == labels)
        if metric == ACCURACY:
            return accurate
        assert metric == JOINT, metric
        return accurate & self.fair[condition]


def joined(parts: Sequence[JudgedRows], conditions: Sequence[str]) -> JudgedRows:
    """What is known of rows that were judged in parts, one part after the other.

    Args:
        parts: The parts, in order; there may be none.
        conditions: Under what all of them were looked at.
    """

    def flags(each: Sequence[Mapping[str, Flags]]) -> dict[str, Flags]:
        none = np.empty(0, bool)
        return {c: np.concatenate([none, *(part[c] for part in each)]) for c in conditions}

    return JudgedRows(
        np.concatenate([np.empty(0, np.int64), *(part.predictions for part in parts)]),
        flags([part.kept for part in parts]),
        flags([part.fair for part in parts]),
    )
