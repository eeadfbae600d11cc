"""The one table that an audit shows first: who stays right and equal, at each budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rafair.blocks.block_types import Cells
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.attack_runs import in_words, kind_of, own_name
from rafair.results.audit_record import AuditRecord, Rates
from rafair.results.certificate_record import CertifiedPoint
from rafair.results.epsilons import budgets_of
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, leaders
from rafair.results.share_text import people
from rafair.results.verdict_text import sensitive_names

METRICS = ("accuracy", "individual_fairness", ACCURATE_FAIRNESS)


def main_table(record: AuditRecord, most: int) -> Cells:
    """Rates as they came, and of the leading attack and what is proven at each budget.

    Args:
        record: The audit.
        most: How many budgets at the most; the largest is always among them.
    """
    robust = "robust " * bool(record.attacks or record.certified)
    headers = ["", *(f"{robust}{metric.replace('_', ' ')}" for metric in METRICS), "people"]
    rows = [_row("all rows", record.whole.rates)] if record.whole else []
    rows.append(_row("as they came", record.clean.rates))
    epsilons = _epsilons(record)
    for epsilon in _some(epsilons, most):
        rows += _at(record, epsilon)
    return Cells("", headers, rows, " ".join(_notes(record, most < len(epsilons))), dense=True)


def _epsilons(record: AuditRecord) -> list[str]:
    """All budgets, ascending; of audits with one for each feature the empty one."""
    attacked = list(budgets_of(record)) or [""] * bool(record.attacks)
    return sorted({*attacked, *(record.certified or {})}, key=lambda key: float(key or 0))


def _some(epsilons: Sequence[str], most: int) -> list[str]:
    """So many of them, from the first to the last; of one alone the last."""
    if len(epsilons) <= most:
        return list(epsilons)
    if most == 1:
        return [epsilons[-1]]
    step = (len(epsilons) - 1) / (most - 1)
    return [epsilons[round(place * step)] for place in range(most)]


def _at(record: AuditRecord, epsilon: str) -> Iterator[list[str]]:
    """The rows of one budget: of each kind of perturbations, and of what is proven."""
    budget = budgets_of(record).get(epsilon)
    attacks = leaders(record) if budget or not epsilon else []
    label = f"up to {epsilon}" if epsilon else "changed"
    for attack in attacks:
        also = attack is not attacks[0]
        rates = budget.robust[attack] if budget else record.attacks[attack].robust
        yield _row("  could happen" if also else label, rates)
    if found := (record.certified or {}).get(epsilon):
        yield _bracket("  certified" if attacks else label, found)


def _row(name: str, rates: Rates) -> list[str]:
    count = rates[ACCURATE_FAIRNESS].count
    return [name, *(_rate(rates[metric]) for metric in METRICS), f"{count:,}"]


def _rate(rate: Rate) -> str:
    low, high = (as_fraction(end, 2) for end in (rate.low, rate.high))
    return f"{as_fraction(rate.value)} {low}–{high}"


def _bracket(name: str, found: CertifiedPoint) -> list[str]:
    """From certified to not refuted."""
    cells, ends = [], found.by_property
    for metric in METRICS:
        low, high = map(as_fraction, ends[metric].bracket)
        cells.append(low if low == high else f"{low} to {high}")
    least, most = (getattr(ends[ACCURATE_FAIRNESS], end) for end in ("certified", "not_refuted"))
    count = f"{least.count:,}" if least.count == most.count else f"{least.count:,}–{most.count:,}"
    return [name, *cells, count]


def _notes(record: AuditRecord, left_out: bool) -> Iterator[str]:
    """What the words of the table mean."""
    attacks, n = leaders(record), record.clean.n
    if attacks:
        by = " and ".join(dict.fromkeys(in_words(own_name(name)) for name in attacks))
        yield f"Robust: as they came and under every change tried, by {by}."
    yield (
        "Accuracy: right. Individual fairness: treated like all counterparts (with another "
        f"{sensitive_names(record)}). Accurate fairness: both; people counts these."
    )
    if len(attacks) > 1:
        yield "Could happen: of changes that could really happen alone."
    if record.certified and record.certificate:
        of = "" if record.certificate.n == n else f", of {people(record.certificate.n)}"
        kind = record.certificate.perturbation
        other = attacks and kind not in [kind_of(name, record.options) for name in attacks]
        under = f" under {kind} perturbations" if other or len(attacks) > 1 else ""
        yield f"Certified: from what is proven{under} to what nothing was found against{of}."
    if record.whole:
        yield f"All rows: the {record.whole.rows:,} of the file as they came."
    if left_out:
        yield "Not all budgets are shown."
