"""Which sensitive group is hit hardest, in words; and what could not be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from rafair.metrics.groups import LEAST_INSTANCES, difference_interval
from rafair.metrics.rates import Rate
from rafair.results.leading import ACCURATE_FAIRNESS, opening
from rafair.results.shares import share_of
from rafair.visible import shortened


class Difference(NamedTuple):
    """Two groups of a sensitive feature that differ."""

    feature: str
    lowest: str
    highest: str
    value: float


def hit_hardest(document: Mapping[str, Any], attack: str | None) -> Iterator[str]:
    """Which groups differ most, of single features, in groups that are large enough.

    Of equals the first counts. Says nothing where no two groups could be compared, or none differ.

    Args:
        document: The content of `audit.json`.
        attack: Whose robust rates are compared; None for the rows as they are.
    """
    the, gaps = opening(document, attack), _gaps(document, attack)
    differ = {name: gap for name, gap in gaps.items() if gap and gap["value"] > 0}
    if not differ:
        return
    name = max(differ, key=lambda feature: differ[feature]["value"])
    gap = differ[name]
    largest = Difference(name, gap["lowest"], gap["highest"], gap["value"])
    what = "stayed right and equal" if attack else "were judged rightly and equally"
    if gap["low"] > 0:
        told = _told(document, attack, largest, what)
        yield f"{the} largest difference is by {shortened(name)}: {told}."
        return
    beyond = max(_beyond_chance(document, attack, differ), key=lambda one: one.value, default=None)
    told = _told(document, attack, beyond or largest, what)
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
    if without := not_compared(document, attack):
        yield without


def not_compared(document: Mapping[str, Any], attack: str | None) -> str:
    """Which sensitive features could not be compared; empty where all were."""
    gaps = _gaps(document, attack)
    without = [name for name, gap in gaps.items() if gap is None]
    if not without:
        return ""
    if len(without) == len(gaps):
        return f"Not measured: no feature has two groups of at least {LEAST_INSTANCES} instances."
    names = ", ".join(map(shortened, without))
    return f"Not measured by {names}: no two groups of at least {LEAST_INSTANCES} instances."


def _gaps(document: Mapping[str, Any], attack: str | None) -> dict[str, Any]:
    """The largest gap of each single feature; None where no two groups are large enough."""
    gaps = document.get("gaps", {})
    names = [name for name in document["dataset"]["sensitive"] if name in gaps]
    return {name: _rate(gaps[name], attack) for name in names}


def _rate(section: Mapping[str, Any], attack: str | None) -> Any:
    """A group's rate, or a feature's gap, of accurate fairness."""
    rates = section["robust"][attack] if attack else section["clean"]
    return rates[ACCURATE_FAIRNESS]


def _beyond_chance(
    document: Mapping[str, Any], attack: str | None, features: Mapping[str, Any]
) -> Iterator[Difference]:
    """All pairs of large groups whose difference has an interval above 0."""
    for feature in features:
        rates = {
            name: Rate(**rate)
            for name, group in document["groups"][feature].items()
            if (rate := _rate(group, attack)) and rate["n"] >= LEAST_INSTANCES
        }
        for pair in combinations(rates, 2):
            lowest, highest = sorted(pair, key=lambda name: rates[name].value)
            if difference_interval(rates[highest], rates[lowest])[0] > 0:
                value = rates[highest].value - rates[lowest].value
                yield Difference(feature, lowest, highest, value)


def _told(
    document: Mapping[str, Any], attack: str | None, difference: Difference, what: str
) -> str:
    """The two groups' rates in words."""
    groups = document["groups"][difference.feature]
    lowest, highest = (
        _rate(groups[name], attack) for name in (difference.lowest, difference.highest)
    )
    low, high = (
        f"'{_with_unit(document, difference.feature, name)}'"
        for name in (difference.lowest, difference.highest)
    )
    return (
        f"of the {lowest['n']:,} in {low} {share_of(lowest)} {what}, of the {highest['n']:,} in "
        f"{high} {share_of(highest)}"
    )


def _with_unit(document: Mapping[str, Any], feature: str, group: str) -> str:
    """A group's name as it stands in a sentence: "17.5 years"."""
    features = document["dataset"]["schema"]["features"]
    unit = next((one["unit"] for one in features if one["name"] == feature), "")
    is_number = any(character.isdigit() for character in group)
    return shortened(f"{group} {unit}" if unit and is_number else group)
