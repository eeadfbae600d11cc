"""Of which kind and level the alarms of a window are, and since when they stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from rafair.monitoring.alarm_types import DATA, Alarm, Cases, Counted, Fall, Unjudged
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, TESTED, Watched

KIND_OF = {ACCURACY: "accuracy", FAIRNESS: "fairness"}

MOST_REFUSALS = 3
"""How many reasons of refusals an alarm names."""

Standing = Mapping[tuple[str, str], int]
"""By kind and level, the look since which an alarm stands."""


class Tier(NamedTuple):
    """What fell together.

    Args:
        kind: "accuracy" or "fairness" if one alone, "joint" if both.
        level: "watch", "warn", or "alarm".
        metrics: Which of them it speaks of.
    """

    kind: str
    level: str
    metrics: tuple[str, ...]


def tiers(fallen: Collection[str]) -> list[Tier]:
    """What the names of rates that fell add up to, the graver first; at most two.

    Args:
        fallen: Names such as "clean.accuracy".

    Example:
        >>> [tier[:2] for tier in tiers(["clean.accuracy", "noise.individual_fairness"])]
        [('accuracy', 'warn'), ('fairness', 'watch')]
    """
    rates = [Watched.of(name) for name in fallen]
    as_they_came = {rate.metric for rate in rates if rate.condition == CLEAN}
    only_perturbed = {rate.metric for rate in rates} - as_they_came
    found = []
    for metrics, level in (
        (as_they_came, "alarm" if len(as_they_came) > 1 else "warn"),
        (only_perturbed, "watch"),
    ):
        if metrics:
            kind = "joint" if len(metrics) > 1 else KIND_OF[next(iter(metrics))]
            found.append(Tier(kind, level, tuple(one for one in TESTED if one in metrics)))
    return found


def standing(alarms: Iterable[Alarm]) -> dict[tuple[str, str], int]:
    """Since when the alarms of a result stand.

    Example:
        >>> standing([Alarm("joint", "alarm", opened=7, new=True)])
        {('joint', 'alarm'): 7}
    """
    return {(one.kind, one.level): one.opened for one in alarms}


def no_cases(tier: Tier, falls: Sequence[Fall]) -> Cases | None:
    """No rows are told."""
    return None


def raised(
    falls: Sequence[Fall],
    look: int,
    before: Standing,
    cases: Callable[[Tier, Sequence[Fall]], Cases | None] = no_cases,
) -> list[Alarm]:
    """The alarms of a look.

    An alarm of a kind and level that stood at the look before goes on; any other is new, also where
    a graver one gave way to it.

    Args:
        falls: What fell, by the evidence up to this look.
        look: Its number.
        before: What stood at the look before.
        cases: Tells which rows are behind an alarm, from its tier and its falls.

    Returns:
        The graver first.

    Example:
        >>> from rafair.monitoring.evidence.drift_tests import falls, rate
        >>> import numpy as np
        >>> rates = {"clean.accuracy": rate(850, 1000)}
        >>> history = {"clean.accuracy": np.array([[84, 100], [60, 100]])}
        >>> [alarm] = raised(falls(rates, history, 0.05, 0.01), 2, {})
        >>> alarm.kind, alarm.level, alarm.opened, alarm.new
        ('accuracy', 'warn', 2, True)
    """
    found = []
    for tier in tiers([fall.rate for fall in falls]):
        own = tuple(fall for fall in falls if Watched.of(fall.rate).metric in tier.metrics)
        opened = before.get((tier.kind, tier.level), look)
        new = (tier.kind, tier.level) not in before
        found.append(Alarm(tier.kind, tier.level, opened, new, own, cases(tier, own)))
    return found


def unjudged(
    came: Mapping[str, tuple[int, int]],
    least: float,
    look: int,
    before: Standing,
    refusals: Sequence[Refusal] = (),
) -> list[Alarm]:
    """The alarm that too little of a window could be judged; none if enough could.

    It is counted and not tested: it spends nothing of alpha, and concerns its window alone.

    Args:
        came: Of "rows" and of "labels" that came alone, how many could be judged and how many are
            in quarantine.
        least: The least share of either that is to be judged.
        look: The window's number.
        before: What stood at the window before.
        refusals: Why records were refused, the most frequent reasons first.

    Example:
        >>> [alarm] = unjudged({"rows": (2, 3), "labels": (9, 1)}, 0.5, 7, {})
        >>> alarm.kind, alarm.level, alarm.data.rows
        ('data', 'warn', Counted(judged=2, refused=3))
    """
    if all(judged >= least * (judged + refused) for judged, refused in came.values()):
        return []
    key = DATA, "warn"
    rows, labels = Counted(*came["rows"]), Counted(*came["labels"])
    data = Unjudged(least, rows, labels, list(refusals[:MOST_REFUSALS]))
    return [Alarm(*key, before.get(key, look), key not in before, data=data)]
