"""The budgets of an audit, ascending, each with the robust rates that were found at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rafair.results.record import AuditRecord, Group, Rates
from rafair.results.stored_verdicts import budget_key


@dataclass(frozen=True)
class Budget:
    """Robust rates at one epsilon, by attack, and by sensitive feature and group."""

    robust: Mapping[str, Rates]
    groups: Mapping[str, Mapping[str, Group]]


def budgets_of(record: AuditRecord) -> dict[str, Budget]:
    """By epsilon; none where each feature has one of its own, or nothing was attacked."""
    reach = record.options.reach
    if isinstance(reach, Mapping) or not record.attacks:
        return {}
    found = {key: Budget(at.robust, at.groups) for key, at in (record.curve or {}).items()}
    largest = {name: attack.robust for name, attack in record.attacks.items()}
    return found | {budget_key(reach): Budget(largest, record.groups or {})}


def unit_of_epsilon(record: AuditRecord) -> str:
    """What epsilon is a share of.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> unit_of_epsilon(audit.record)
        'range'
    """
    return "usual spread" if record.dataset.schema.own else "range"
