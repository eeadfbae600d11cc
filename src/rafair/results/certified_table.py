"""The table of what is proven, for the terminal and every other format."""

from __future__ import annotations

from collections.abc import Iterator

from rafair.blocks.block_types import Cells
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.audit_record import AuditRecord
from rafair.results.certificate_record import CertificateRecord, Standings
from rafair.results.epsilons import unit_of_epsilon
from rafair.results.rate_headers import COLUMNS

HEADERS = ("", "certified", "not refuted", "open", "near a tie")
BETWEEN = "The true robust rate of these instances lies between the first two."


def certified_table(record: AuditRecord) -> Cells | None:
    """What is proven, by epsilon and property; None where nothing was tried."""
    certificate = record.certificate
    if certificate is None or not record.certified:
        return None
    rows = [
        [f"{epsilon} {COLUMNS[name]}", *_cells(standings)]
        for epsilon, point in record.certified.items()
        for name, standings in point.by_property.items()
    ]
    note = f"{how_proven(record, certificate)} {BETWEEN}"
    return Cells("What is proven", HEADERS, rows, note, dense=True)


def _cells(standings: Standings) -> list[str]:
    bracket = standings.certified, standings.not_refuted
    return [*map(_rate, bracket), f"{standings.open.count:,}", f"{standings.near_tie.count:,}"]


def _rate(rate: Rate) -> str:
    return f"{as_fraction(rate.value)} ({rate.count:,})"


def how_proven(record: AuditRecord, certificate: CertificateRecord) -> str:
    """What the verdicts mean, and how they came about."""
    return " ".join(_notes(record, certificate))


def _notes(record: AuditRecord, certificate: CertificateRecord) -> Iterator[str]:
    yield (
        f"Of {certificate.n:,} instances, under {certificate.perturbation} perturbations of at "
        f"most epsilon, a share of each feature's {unit_of_epsilon(record.dataset.schema)}. "
        "Certified: proven for every perturbation, and for every counterpart where fairness is "
        "meant. Refuted: a row was found that breaks it. Proven by bounds of the "
        f"{certificate.prover}, at most {certificate.boxes:,} boxes an instance."
    )
    if any(
        standings.near_tie.count
        for point in (record.certified or {}).values()
        for standings in point.by_property.values()
    ):
        yield "Near a tie: what is left is decided by rounding."
    if certificate.by_construction:
        yield (
            "Individual fairness holds of the model itself, and was not searched: "
            f"{certificate.by_construction}."
        )
