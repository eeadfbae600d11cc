"""Rates by sensitive group as pictures, and the largest gaps as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rafair.metrics.groups import LEAST_INSTANCES, Gap
from rafair.metrics.rounding import as_fraction
from rafair.reports.contents import Bar, Picture
from rafair.results.cells import Cells
from rafair.results.leading import ACCURATE_FAIRNESS, families
from rafair.results.record import AuditRecord, Group
from rafair.results.tables import with_unit
from rafair.visible import shortened

NOTE = "Accurate fairness: the share that is right and equal."
ROBUST_NOTE = (
    " Robust: no violation found within this budget, neither in the row as it was nor at any step."
)


def group_pictures(record: AuditRecord) -> tuple[list[Picture], list[Picture]]:
    """Clean and robust accurate fairness by sensitive value or band.

    Returns:
        A picture for each sensitive feature, and one for each pair of them, in which smaller groups
        are left out.
    """
    groups = record.groups or {}
    features = [name for name in record.dataset.sensitive if name in groups]
    singles = [_picture(record, name, groups[name], 1) for name in features]
    pairs = [
        _picture(record, name, groups[name], LEAST_INSTANCES)
        for name in groups
        if name not in features
    ]
    return [one for one in singles if one], [one for one in pairs if one]


def _picture(
    record: AuditRecord, name: str, groups: Mapping[str, Group], least: int
) -> Picture | None:
    shown = {value: group for value, group in groups.items() if group.n >= least}
    if not shown:
        return None
    clean = [Bar(value, group.clean[ACCURATE_FAIRNESS]) for value, group in shown.items()]
    robust = [
        (
            f"Robust against {attack}",
            [
                Bar(value, group.robust[attack][ACCURATE_FAIRNESS], "robust")
                for value, group in shown.items()
            ],
        )
        for attack in families(record.attacks)
    ]
    note = NOTE + (ROBUST_NOTE if record.attacks else "")
    return Picture(with_unit(name, record), [("As they are", clean), *robust], note)


def gaps_table(record: AuditRecord) -> Cells | None:
    """The largest difference in accurate fairness between two groups, feature by feature."""
    rows = [
        [
            f"{with_unit(feature, record)}, {stage}",
            *_gap_cells((record.groups or {})[feature], gap, attack),
        ]
        for feature, gaps in (record.gaps or {}).items()
        for stage, attack in _stages(record)
        if (gap := gaps.under(attack)[ACCURATE_FAIRNESS]) is not None
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


def _stages(record: AuditRecord) -> Iterator[tuple[str, str | None]]:
    yield "as they are", None
    for name in families(record.attacks):
        yield f"robust against {name}", name


def _gap_cells(groups: Mapping[str, Group], gap: Gap, attack: str | None) -> Iterator[str]:
    low, high = (as_fraction(end, 2) for end in (gap.low, gap.high))
    yield f"{as_fraction(gap.value)}\n{low} to {high}"
    for group in (gap.lowest, gap.highest):
        rate = groups[group].under(attack)[ACCURATE_FAIRNESS]
        assert rate is not None  # a gap is of groups that have a rate
        yield shortened(group)
        yield f"{as_fraction(rate.value)}\nn = {rate.n:,}"
