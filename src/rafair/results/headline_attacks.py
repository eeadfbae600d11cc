"""Which attacks speak for an audit: unions, and attacks that belong to none."""

from __future__ import annotations

from collections.abc import Collection

from rafair.results.attack_runs import FEASIBLE, is_union, keeps_witnesses, members_of
from rafair.results.audit_record import AuditRecord

ACCURATE_FAIRNESS = "accurate_fairness"


def families(attacks: Collection[str]) -> list[str]:
    """The unions among an audit's attacks, and the attacks that are in none, in its order.

    Those that keep witnesses alone come first: they took over what all others found.

    Example:
        >>> families(["rafair-tb", "rafair-ff", "rafair-fb", "pgd", "strongest", "rafair"])
        ['strongest', 'pgd', 'rafair']
    """
    inside = {member for name in attacks if is_union(name) for member in members_of(name)}
    outside = [name for name in attacks if name not in inside]
    return sorted(outside, key=lambda name: not keeps_witnesses(name))


def leading_first(attacks: Collection[str]) -> list[str]:
    """All attacks of an audit: the families, then the attacks that are in a union.

    Example:
        >>> leading_first(["rafair-tb", "rafair-ff", "rafair-fb", "strongest", "rafair"])
        ['strongest', 'rafair', 'rafair-tb', 'rafair-ff', 'rafair-fb']
    """
    first = families(attacks)
    return [*first, *(name for name in attacks if name not in first)]


def leaders(record: AuditRecord) -> list[str]:
    """The attack that left fewest instances right and equal, one for each kind of perturbation.

    Of equals one that keeps witnesses, then a union, then the first. Empty where no attack was run.
    """
    names = families(record.attacks)
    kinds = ([n for n in names if not n.startswith(FEASIBLE)], [n for n in names if _twin(n)])
    return [min(kind, key=lambda name: _left(record, name)) for kind in kinds if kind]


def most_telling(record: AuditRecord) -> str | None:
    """The leader that details are told of: of both kinds what could really happen; None of none."""
    return next(reversed(leaders(record)), None)


def opening(record: AuditRecord, attack: str | None) -> str:
    """How a sentence begins: with the attack it is of, where there are two to be told of."""
    return f"Under {attack}, the" if attack and len(leaders(record)) > 1 else "The"


def _twin(name: str) -> bool:
    return name.startswith(FEASIBLE)


def _left(record: AuditRecord, name: str) -> tuple[int, bool, bool]:
    left = record.attacks[name].robust[ACCURATE_FAIRNESS].count
    return left, not keeps_witnesses(name), not is_union(name)
