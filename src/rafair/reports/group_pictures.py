"""Rates by sensitive group as pictures, and the largest gaps as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rafair.blocks.block_types import Cells
from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import rate
from rafair.reports.report_contents import Bar, Chart
from rafair.results.audit_record import AuditRecord, Group
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, leaders
from rafair.results.result_tables import with_unit
from rafair.sanitize import shortened

NOTE = "Accurate fairness: the share that is right and equal."
ROBUST_NOTE = (
    " Robust: no violation found within this budget, neither in the row as it was nor at any step."
)


def group_pictures(record: AuditRecord) -> tuple[list[Chart], list[Chart]]:
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
) -> Chart | None:
    shown = {value: group for value, group in groups.items() if group.n >= least}
    if not shown:
        return None
    stages = [
        (
            heading,
            [
                Bar(value, group.under(attack)[ACCURATE_FAIRNESS], kind)
                for value, group in shown.items()
            ],
        )
        for heading, attack, kind in _stages(record)
    ]
    note = NOTE + (ROBUST_NOTE if record.attacks else "")
    return Chart(with_unit(name, record), [(stage, _at_once(bars)) for stage, bars in stages], note)


def _at_once(bars: Sequence[Bar]) -> Sequence[Bar]:
    """Groups of whom nobody counts, in one line: of each alone it tells no more."""
    rates = [bar.rate for bar in bars if bar.rate]
    none = rate(0, sum(one.n for one in rates))
    if len(rates) < 2 or none is None or any(one.count for one in rates):
        return bars
    return [Bar("each of these groups", none, bars[0].kind)]


def gaps_table(record: AuditRecord) -> Cells | None:
    """The largest difference in accurate fairness between two groups, feature by feature."""
    rows = [
        [
            f"{with_unit(feature, record)}, {stage[0].lower()}{stage[1:]}",
            f"{as_fraction(gap.value)}\n{as_fraction(gap.low, 2)} to {as_fraction(gap.high, 2)}",
            shortened(gap.lowest),
            shortened(gap.highest),
        ]
        for feature, gaps in (record.gaps or {}).items()
        for stage, attack, _ in _stages(record)
        if (gap := gaps.under(attack)[ACCURATE_FAIRNESS]) is not None and gap.value > 0
    ]
    if not rows:
        return None
    note = (
        f"Accurate fairness of groups of at least {LEAST_INSTANCES}. The two groups of each row "
        "were chosen because they differ most, out of many: some differences are large by chance "
        "alone, and the intervals do not allow for that."
    )
    headers = ["", "difference", "lowest", "highest"]
    return Cells("The largest differences between groups", headers, rows, note)


def _stages(record: AuditRecord) -> Iterator[tuple[str, str | None, str]]:
    """A heading, the attack, and how its bars look."""
    yield "As they are", None, ""
    for name in leaders(record):
        yield f"Robust against {name}", name, "robust"
