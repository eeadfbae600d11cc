"""Which rates fell below the reference, with a bounded chance of any false alarm.

All tests together show an alarm on a stream without drift with a chance of at most alpha, however
long it runs: each of m tests gets alpha / m, and that counts the reference's own error.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Container, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_real
from rafair.metrics.rates import Rate, rate
from rafair.monitoring.alarm_types import Fall
from rafair.monitoring.evidence.sequential_test import Evidence
from rafair.monitoring.evidence.two_samples import Step, last, reached, steps
from rafair.monitoring.watched_rates import TESTED, Watched

History = Mapping[str, NDArray[np.int64]]
"""By name of a rate, at each look how many rows were good, of how many; shape `(T, 2)` each."""

LARGEST_LOG = math.log(sys.float_info.max)


def share_of(alpha: float, tests: int) -> float:
    """The chance of a false alarm that each test gets.

    Example:
        >>> round(1 / share_of(0.05, 6))
        120
    """
    return alpha / max(tests, 1)


def by_name(rates: Mapping[str, Mapping[str, Rate]]) -> dict[str, Rate | None]:
    """The rates that are tested, by name, from those by condition and metric.

    Example:
        >>> good = rate(1, 2)
        >>> list(by_name({"clean": {"accuracy": good, "accurate_fairness": good}}))
        ['clean.accuracy']
    """
    return {
        Watched(condition, metric).name: of_metric[metric]
        for condition, of_metric in rates.items()
        for metric in TESTED
        if metric in of_metric
    }


def bounds(
    reference: Mapping[str, Rate | None], alpha: float, tolerance: float
) -> dict[str, float | None]:
    """What each rate of a stream may be without ever being told, however long it runs.

    That is the lowest bound that the reference gives (`two_samples`), the tolerance taken off.

    Args:
        reference: The reference's rates by name; None where no row was counted.
        alpha: The false-alarm rate of all tests together.
        tolerance: How far a rate may fall without being told.

    Returns:
        The bounds by name, all above 0; None where a rate cannot be tested.

    Raises:
        InputError: If alpha or tolerance is no such share.

    Example:
        >>> rates = {"clean.accuracy": rate(1083, 1274), "noise.accuracy": None}
        >>> {name: b and round(b, 4) for name, b in bounds(rates, 0.05, 0.01).items()}
        {'clean.accuracy': 0.8146, 'noise.accuracy': None}
    """
    found = tested_steps(reference, alpha, tolerance)
    return {name: found[name][-1].bound if name in found else None for name in reference}


def falls(
    reference: Mapping[str, Rate | None],
    history: History,
    alpha: float,
    tolerance: float,
    only: Container[str] | None = None,
) -> list[Fall]:
    """The rates that fell by the evidence up to the last look.

    Args:
        reference: The reference's rates by name; None where no row was counted.
        history: The counts of every look so far; a name for each rate that can be tested.
        alpha: The false-alarm rate of all tests together.
        tolerance: How far a rate may fall without being told.
        only: Names of rates beside which none can have fallen; None if that is not known.

    Returns:
        In the order of `reference`.

    Raises:
        InputError: If alpha or tolerance is no such share.

    Example:
        >>> rates = {"clean.accuracy": rate(850, 1000)}
        >>> history = {"clean.accuracy": np.array([[84, 100], [60, 100], [59, 100]])}
        >>> [fall] = falls(rates, history, alpha=0.05, tolerance=0.01)
        >>> fall.since, fall.now.count, round(fall.fell_by, 3), fall.threshold
        (2, 119, 0.255, 20.0)
    """
    share = share_of(alpha, len(reference))
    found = []
    for name, limits in tested_steps(reference, alpha, tolerance).items():
        looked_at = len(history[name]) and (only is None or name in only)
        evidence = reached(limits, history[name], share) if looked_at else None
        if evidence is not None:
            found.append(_fall(name, reference, limits, history[name], evidence, share))
    return found


def log_evidence(
    reference: Mapping[str, Rate | None], history: History, alpha: float, tolerance: float
) -> dict[str, float]:
    """The logarithm of the evidence of each rate at the last look; only of those with rows.

    Args:
        reference: The reference's rates by name; None where no row was counted.
        history: The counts of every look so far; a name for each rate that can be tested.
        alpha: The false-alarm rate of all tests together.
        tolerance: How far a rate may fall without being told.

    Example:
        >>> rates = {"clean.accuracy": rate(850, 1000)}
        >>> history = {"clean.accuracy": np.array([[84, 100], [80, 100]])}
        >>> {name: round(log_e, 1) for name, log_e in
        ...  log_evidence(rates, history, alpha=0.05, tolerance=0.01).items()}
        {'clean.accuracy': -1.5}
    """
    return {
        name: float(last(limits, history[name]).log_e)
        for name, limits in tested_steps(reference, alpha, tolerance).items()
        if len(history[name])
    }


def tested_steps(
    reference: Mapping[str, Rate | None], alpha: float, tolerance: float
) -> dict[str, list[Step]]:
    """The bounds of the rates that can be tested, by name.

    Args:
        reference: The reference's rates by name; None where no row was counted.
        alpha: The false-alarm rate of all tests together.
        tolerance: How far a rate may fall without being told.

    Raises:
        InputError: If alpha or tolerance is no such share.
    """
    check_real("alpha", alpha, 0, 1)
    check_real("tolerance", tolerance, 0, 1, low_included=True)
    share = share_of(alpha, len(reference))
    found = {
        name: steps(one.count, one.n, share, tolerance) for name, one in reference.items() if one
    }
    return {name: limits for name, limits in found.items() if limits[-1].bound > 0}


def _fall(
    name: str,
    reference: Mapping[str, Rate | None],
    limits: Sequence[Step],
    counts: NDArray[np.int64],
    evidence: Evidence,
    share: float,
) -> Fall:
    log_e, start = float(evidence.log_e), int(evidence.start)
    since = start + int(np.argmax(counts[start - 1 :, 1] > 0))  # looks at no rows tell nothing
    good, n = counts[since - 1 :].sum(axis=0).tolist()
    now, was = rate(good, n), reference[name]
    assert now is not None, "evidence without rows"
    assert was is not None, "a bound without a reference"
    return Fall(
        rate=name,
        reference=was,
        bound=limits[-1].bound,
        since=since,
        now=now,
        fell_by=was.value - now.value,
        e_value=math.exp(log_e) if log_e < LARGEST_LOG else None,
        log_e=log_e,
        threshold=1 / share,
        alpha=share,
    )
