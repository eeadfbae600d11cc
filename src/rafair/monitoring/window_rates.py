"""Rates of judged rows, and the steps that a window adds to the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import Rate, rate
from rafair.monitoring.judged_rows import UNLABELLED, JudgedRows
from rafair.monitoring.watched_rates import ACCURACY, FAIRNESS, METRICS

Counts = dict[str, tuple[int, int]]
"""By name of a rate, how many rows were good, of how many."""


def steps(judged: JudgedRows, labels: NDArray[np.int64]) -> Counts:
    """What rows that are judged now add to the tests: accuracy counts those with labels.

    Args:
        judged: What the model does with the rows.
        labels: Their classes, `UNLABELLED` where none has come; shape `(n,)`.

    Example:
        >>> seen = JudgedRows(np.array([0, 1, 1]), {"clean": np.ones(3, bool)},
        ...               {"clean": np.array([True, False, True])})
        >>> steps(seen, np.array([0, 0, -1]))
        {'clean.accuracy': (1, 2), 'clean.individual_fairness': (2, 3)}
    """
    found = late_steps(judged, labels)
    for condition in judged.conditions:
        fair = judged.fair[condition]
        found[f"{condition}.{FAIRNESS}"] = (int(np.count_nonzero(fair)), len(fair))
    return {name: found[name] for name in sorted(found, key=_order(judged))}


def late_steps(judged: JudgedRows, labels: NDArray[np.int64]) -> Counts:
    """What labels of rows that were judged before add to the tests: accuracy alone."""
    come = labels != UNLABELLED
    some, labels = judged.take(come), labels[come]
    return {
        f"{condition}.{ACCURACY}": (
            int(np.count_nonzero(some.holds(condition, ACCURACY, labels))),
            len(labels),
        )
        for condition in judged.conditions
    }


def added(first: Mapping[str, tuple[int, int]], second: Mapping[str, tuple[int, int]]) -> Counts:
    """Two steps as one."""
    sums = dict(first)
    for name, (good, n) in second.items():
        before = sums.get(name, (0, 0))
        sums[name] = (before[0] + good, before[1] + n)
    return sums


def rates(judged: JudgedRows, labels: NDArray[np.int64]) -> dict[str, dict[str, Rate | None]]:
    """All rates of some rows, by condition and metric; None where no row counts.

    Individual fairness is that of all rows, the others of those whose label has come.
    """
    come = labels != UNLABELLED
    some = judged.take(come)
    found: dict[str, dict[str, Rate | None]] = {}
    for condition in judged.conditions:
        found[condition] = {}
        for metric in METRICS:
            of = judged if metric == FAIRNESS else some
            good = of.holds(condition, metric, labels if metric == FAIRNESS else labels[come])
            found[condition][metric] = rate(int(np.count_nonzero(good)), len(of))
    return found


def _order(judged: JudgedRows) -> Any:
    places = {condition: place for place, condition in enumerate(judged.conditions)}

    def order(name: str) -> tuple[int, str]:
        condition, _, metric = name.partition(".")
        return places[condition], metric

    return order
