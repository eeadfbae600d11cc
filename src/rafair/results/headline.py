"""The one sentence that an audit says first: how many people stay right and equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rafair.metrics.rate_format import as_per_cent
from rafair.metrics.rates import Rate
from rafair.results.attack_runs import kind_of
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import AuditRecord
from rafair.results.epsilons import unit_of_epsilon
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, leaders
from rafair.results.share_text import people, share_of, were
from rafair.results.stored_verdicts import budget_key
from rafair.tabular.schema import Kind

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

EQUAL = "right and treated like their counterparts"
RIGHT = f"{EQUAL}, and stayed so under"
AGAIN = "did under"
"""The same of other perturbations."""


def headline(record: AuditRecord) -> str:
    """How many were right and treated like their counterparts, and stayed so.

    Where all that was attacked was to be proven as well, from how many it is proven to how many
    there may be; else with the interval.

    Args:
        record: The audit.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> print(headline(audit.record))
        Of 50 people drawn from 1,274 rows, 10 (20 %, 11 to 33 %) were right and treated like \
their counterparts as they came; what happens once they change was not tried.
    """
    attacks = leaders(record)
    if not attacks and record.certified and record.certificate:
        epsilon = list(record.certified)[-1]
        change = changes(record, record.certificate.perturbation, float(epsilon))
        proven = _proven(record, None, f"{RIGHT} every {change}")
        return f"Of {_drawn(record, record.certificate.n)}, {proven}."
    first = f"Of {_drawn(record, record.clean.n)}, "
    if not attacks:
        clean = record.clean.rates[ACCURATE_FAIRNESS]
        return (
            f"{first}{share_of(clean)} {were(clean)} {EQUAL} as they came; what happens once they "
            "change was not tried."
        )
    said = [_stayed(record, attack, again=attack != attacks[0]) for attack in attacks]
    return f"{first}{'; '.join(said)}."


def _drawn(record: AuditRecord, n: int) -> str:
    """How many people, and from how many rows they were drawn."""
    rows = record.whole.rows if record.whole else record.dataset.audited_rows
    return f"{people(n)} drawn from {rows:,} rows" if n < rows else people(n)


def bracketed(record: AuditRecord, attack: str) -> str | None:
    """The budget at which of all that an attack tried it is known of how many it is proven.

    Args:
        record: The audit.
        attack: An attack.

    Returns:
        The key of `certified`; None where fewer instances, other perturbations or other budgets
        were certified than attacked.
    """
    certificate, reach = record.certificate, record.options.reach
    if certificate is None or isinstance(reach, Mapping) or certificate.n != record.clean.n:
        return None
    key = budget_key(reach)
    same = certificate.perturbation == kind_of(attack, record.options)
    return key if same and key in (record.certified or {}) else None


def ends(record: AuditRecord, attack: str | None) -> tuple[Rate, Rate]:
    """How many stay right and equal: from so many on, up to so many; the same where it is known.

    Args:
        record: The audit.
        attack: One of its `leaders`; None where there is none.
    """
    proven = record.certified or {}
    key = bracketed(record, attack) if attack else next(reversed(list(proven)), None)
    rates = record.attacks[attack].robust if attack else record.clean.rates
    left = rates[ACCURATE_FAIRNESS]
    if key is None:
        return left, left
    found = proven[key].accurate_fairness
    most = min(found.not_refuted, left, key=lambda one: one.count) if attack else found.not_refuted
    return found.certified, most


def changes(
    record: AuditRecord, perturbation: str, epsilon: PerFeature, tried: bool = False
) -> str:
    """Which changes are meant, as in "change up to 0.2 of each feature's range".

    Args:
        record: The audit.
        perturbation: "paper" or "feasible".
        epsilon: The largest change.
        tried: Whether those alone are meant that an attack tried.
    """
    possible = perturbation == Perturbation.FEASIBLE
    which = ["could really happen"] * possible + ["was tried"] * tried
    kind = f"change that {' and '.join(which)}," if which else "change"
    size = _size(epsilon, unit_of_epsilon(record.dataset.schema))
    return f"{kind} up to {size}{_besides(record, possible)}"


def _stayed(record: AuditRecord, attack: str, again: bool) -> str:
    """Of how many one attack, or what is proven beside it, broke nothing; or again of another."""
    kind, reach = kind_of(attack, record.options), record.options.reach
    under = AGAIN if again else RIGHT
    if bracketed(record, attack):
        return _proven(record, attack, f"{under} every {changes(record, kind, reach)}")
    robust = record.attacks[attack].robust[ACCURATE_FAIRNESS]
    change = changes(record, kind, reach, tried=True)
    return f"{share_of(robust)} {_verb(robust, under)}{under} every {change}"


def _proven(record: AuditRecord, attack: str | None, did: str) -> str:
    """The bracket: from how many it is proven to how many no violation was found for."""
    least, most = ends(record, attack)
    proven = f"proven for {least.count:,} of {people(least.n)}"
    if least.count == most.count:
        others = "all others" if least.count else "all of them"
        clean = record.clean.rates[ACCURATE_FAIRNESS]
        came = least.n - clean.count if clean.n == least.n else 0
        others += f", {came:,} of them as they came" if 0 < came < least.n - least.count else ""
        told = f"{proven}; a violation was found for {others}"
        told = "proven for all of them" if least.count == least.n else told
        return f"{share_of(least)} {_verb(least, did)}{did}: {told}"
    shares = f"{_per_cent(least.value)} to {_per_cent(most.value)} %"
    return (
        f"{least.count:,} to {most.count:,} ({shares}, interval "
        f"{_per_cent(least.low)} to {_per_cent(most.high)} %) "
        f"{_verb(most, did)}{did}: {proven}; no violation found for {most.count:,}"
    )


def _verb(rate: Rate, did: str) -> str:
    return "" if did.startswith(AGAIN) else f"{were(rate)} "


def _per_cent(share: float) -> str:
    return as_per_cent(share, 0)


def _besides(record: AuditRecord, possible: bool) -> str:
    """What may change besides, however small epsilon is."""
    schema, most = record.dataset.schema, record.options.max_category_changes
    wide = record.options.perturb_sensitive
    usable = [each for each in schema.features if each.mutable and (wide or not each.sensitive)]
    found = []
    if schema.own and any(each.grid or each.kind is Kind.ORDINAL for each in usable):
        found.append("(at least one step)")
    if possible and most and any(each.is_nominal for each in usable):
        found.append("and 1 category" if most == 1 else f"and {most} categories")
    return f" {' '.join(found)}" if found else ""


def _size(epsilon: PerFeature, unit: str) -> str:
    if not isinstance(epsilon, Mapping):
        return f"{epsilon:g} of each feature's {unit}"
    least, most = min(epsilon.values()), max(epsilon.values())
    if least == most:
        return f"{least:g} of some features' {unit}s"
    return f"{least:g} to {most:g} of a feature's {unit}"
