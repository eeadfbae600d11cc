"""Which sensitive group is hit hardest, in words; and what could not be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from rafair.metrics.group_gaps import LEAST_INSTANCES, Gap, difference_interval
from rafair.results.audit_record import AuditRecord
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, opening
from rafair.results.share_text import share_of
from rafair.sanitize import shortened


class Difference(NamedTuple):
    """Two groups of a sensitive feature that differ."""

    feature: str
    lowest: str
    highest: str
    value: float


def hit_hardest(record: AuditRecord, attack: str | None) -> Iterator[str]:
    """Which groups differ most, of single features, in groups that are large enough.

    Of equals the first counts. Says nothing where no two groups could be compared, or none differ.

    Args:
        record: The audit.
        attack: Whose robust rates are compared; None for the rows as they are.
    """
    the, gaps = opening(record, attack), _gaps(record, attack)
    differ = {name: gap for name, gap in gaps.items() if gap and gap.value > 0}
    if not differ:
        return
    name = max(differ, key=lambda feature: differ[feature].value)
    gap = differ[name]
    largest = Difference(name, gap.lowest, gap.highest, gap.value)
    what = "stayed right and equal" if attack else "were judged rightly and equally"
    if gap.low > 0:
        told = _told(record, attack, largest, what)
        yield f"{the} largest difference is by {shortened(name)}: {told}."
        return
    beyond = max(_beyond_chance(record, attack, differ), key=lambda one: one.value, default=None)
    told = _told(record, attack, beyond or largest, what)
    if beyond:
        yield (
            f"{the} largest difference that is more than chance would make is by "
            f"{shortened(beyond.feature)}: {told}."
        )
        return
    under = f"Under {attack}, no" if attack and the != "The" else "No"
    yield (
        f"{under} two groups of {LEAST_INSTANCES} or more by one sensitive feature differ by more "
        f"than chance may make; the largest measured difference is by {shortened(name)}: {told}."
    )
    if without := not_compared(record, attack):
        yield without


def not_compared(record: AuditRecord, attack: str | None) -> str:
    """Which sensitive features could not be compared; empty where all were."""
    gaps = _gaps(record, attack)
    without = [name for name, gap in gaps.items() if gap is None]
    if not without:
        return ""
    if len(without) == len(gaps):
        return f"Not measured: no feature has two groups of at least {LEAST_INSTANCES} instances."
    names = ", ".join(map(shortened, without))
    return f"Not measured by {names}: no two groups of at least {LEAST_INSTANCES} instances."


def _gaps(record: AuditRecord, attack: str | None) -> dict[str, Gap | None]:
    """The largest gap of each single feature; None where no two groups are large enough."""
    gaps = record.gaps or {}
    names = [name for name in record.dataset.sensitive if name in gaps]
    return {name: gaps[name].under(attack)[ACCURATE_FAIRNESS] for name in names}


def _beyond_chance(
    record: AuditRecord, attack: str | None, features: Iterable[str]
) -> Iterator[Difference]:
    """All pairs of large groups whose difference has an interval above 0."""
    for feature in features:
        rates = {
            name: rate
            for name, group in (record.groups or {})[feature].items()
            if (rate := group.under(attack)[ACCURATE_FAIRNESS]) and rate.n >= LEAST_INSTANCES
        }
        for pair in combinations(rates, 2):
            lowest, highest = sorted(pair, key=lambda name: rates[name].value)
            if difference_interval(rates[highest], rates[lowest])[0] > 0:
                value = rates[highest].value - rates[lowest].value
                yield Difference(feature, lowest, highest, value)


def _told(record: AuditRecord, attack: str | None, difference: Difference, what: str) -> str:
    """The two groups' rates in words."""
    feature, lowest, highest, _ = difference
    return (
        f"{_of_group(record, attack, feature, lowest)} {what}, "
        f"{_of_group(record, attack, feature, highest)}"
    )


def _of_group(record: AuditRecord, attack: str | None, feature: str, group: str) -> str:
    rate = (record.groups or {})[feature][group].under(attack)[ACCURATE_FAIRNESS]
    assert rate is not None  # a gap is of groups that have a rate
    unit = record.dataset.schema[feature].unit
    return f"of the {rate.n:,} in '{_with_unit(unit, group)}' {share_of(rate)}"


def _with_unit(unit: str, group: str) -> str:
    """A group's name as it stands in a sentence: "17.5 years"."""
    is_number = any(character.isdigit() for character in group)
    return shortened(f"{group} {unit}" if unit and is_number else group)
