"""What is proven, as a picture of brackets over epsilon and as figures with intervals."""

from __future__ import annotations

from rafair.blocks.block_types import Cells
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.reports.feature_pictures import METRICS
from rafair.reports.report_contents import PARTS, Bar, Chart
from rafair.results.audit_record import AuditRecord
from rafair.results.certificate_record import Standings
from rafair.results.certified_table import how_proven
from rafair.results.rate_headers import COLUMNS

LEGEND = (
    "Each bar goes from certified, the share of which the property is proven, to not refuted, the "
    "share of which no row was found that breaks it. The true robust rate of these instances lies "
    "in the bar; where the bar is a stroke, it is known. Thin lines reach to the far ends of both "
    "95 % intervals."
)
HEADERS = ("", "refuted", "open", "near a tie")


def proven_picture(record: AuditRecord) -> Chart | None:
    """From certified to not refuted, by property and epsilon; None where nothing was tried."""
    if not record.certified:
        return None
    groups = [
        (
            title,
            [
                _band(f"epsilon {epsilon}", point.by_property[name])
                for epsilon, point in record.certified.items()
            ],
        )
        for name, title in reversed(METRICS.items())
    ]
    return Chart(PARTS["proven"], groups, LEGEND)


def proven_figures(record: AuditRecord) -> Cells | None:
    """The verdicts that no bar shows, by epsilon and property, with counts and intervals."""
    certificate = record.certificate
    if certificate is None or not record.certified:
        return None
    rows: list[list[str]] = []
    for epsilon, point in record.certified.items():
        rows.append([f"epsilon {epsilon}", *[""] * (len(HEADERS) - 1)])
        rows += [
            [COLUMNS[name], *map(_cell, _verdicts(standings))]
            for name, standings in point.by_property.items()
        ]
    return Cells("Refuted and open", HEADERS, rows, how_proven(record, certificate))


def _band(label: str, standings: Standings) -> Bar:
    return Bar(label, standings.certified, "proven", upper=standings.not_refuted)


def _verdicts(standings: Standings) -> tuple[Rate, ...]:
    return standings.refuted, standings.open, standings.near_tie


def _cell(rate: Rate) -> str:
    low, high = (as_fraction(end, 2) for end in (rate.low, rate.high))
    return f"{as_fraction(rate.value)} ({rate.count:,})\n{low}–{high}"
