"""Rates by sensitive group as pictures, and the largest gaps as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rafair.metrics.groups import LEAST_INSTANCES
from rafair.metrics.rounding import as_fraction
from rafair.reports.contents import Bar, Picture
from rafair.results.leading import ACCURATE_FAIRNESS, families
from rafair.results.tables import Cells, with_unit
from rafair.visible import shortened

NOTE = "Accurate fairness: the share that is right and equal."
ROBUST_NOTE = (
    " Robust: no violation found within this budget, neither in the row as it was nor at any step."
)


def group_pictures(document: Mapping[str, Any]) -> tuple[list[Picture], list[Picture]]:
    """Clean and robust accurate fairness by sensitive value or band.

    Returns:
        A picture for each sensitive feature, and one for each pair of them, in which smaller groups
        are left out.
    """
    groups = document["groups"]
    features = [name for name in document["dataset"]["sensitive"] if name in groups]
    singles = [_picture(document, name, groups[name], 1) for name in features]
    pairs = [
        _picture(document, name, groups[name], LEAST_INSTANCES)
        for name in groups
        if name not in features
    ]
    return [one for one in singles if one], [one for one in pairs if one]


def _picture(
    document: Mapping[str, Any], name: str, groups: Mapping[str, Any], least: int
) -> Picture | None:
    shown = {value: group for value, group in groups.items() if group["n"] >= least}
    if not shown:
        return None
    clean = [Bar(value, group["clean"][ACCURATE_FAIRNESS]) for value, group in shown.items()]
    robust = [
        (
            f"Robust against {attack}",
            [
                Bar(value, group["robust"][attack][ACCURATE_FAIRNESS], "robust")
                for value, group in shown.items()
            ],
        )
        for attack in families(document)
    ]
    note = NOTE + (ROBUST_NOTE if document["attacks"] else "")
    return Picture(with_unit(name, document), [("As they are", clean), *robust], note)


def gaps_table(document: Mapping[str, Any]) -> Cells | None:
    """The largest difference in accurate fairness between two groups, feature by feature."""
    rows = [
        [
            f"{with_unit(feature, document)}, {stage}",
            *_gap_cells(document, feature, gap, kind, attack),
        ]
        for feature, gaps in document.get("gaps", {}).items()
        for stage, kind, attack in _stages(document)
        if (gap := _of(gaps, kind, attack)) is not None
    ]
    if not rows:
        return None
    note = (
        f"Accurate fairness of groups of at least {LEAST_INSTANCES}. The two groups of each row "
        "were chosen because they differ most, out of many: some differences are large by chance "
        "alone, and the intervals do not allow for that."
    )
    headers = ["", "difference", "lowest", "its rate", "highest", "its rate"]
    return Cells("The largest differences between groups", headers, rows, note)


def _stages(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    yield "as they are", "clean", None
    for name in families(document):
        yield f"robust against {name}", "robust", name


def _of(section: Mapping[str, Any], kind: str, attack: str | None) -> Mapping[str, Any] | None:
    rates = section[kind] if attack is None else section[kind][attack]
    found: Mapping[str, Any] | None = rates[ACCURATE_FAIRNESS]
    return found


def _gap_cells(
    document: Mapping[str, Any],
    feature: str,
    gap: Mapping[str, Any],
    kind: str,
    attack: str | None,
) -> Iterator[str]:
    low, high = (as_fraction(gap[key], 2) for key in ("low", "high"))
    yield f"{as_fraction(gap['value'])}\n{low} to {high}"
    for group in (gap["lowest"], gap["highest"]):
        rate = _of(document["groups"][feature][group], kind, attack)
        assert rate is not None  # a gap is of groups that have a rate
        yield shortened(group)
        yield f"{as_fraction(rate['value'])}\nn = {rate['n']:,}"
