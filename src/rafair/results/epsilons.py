"""The budgets of an audit, ascending, each with the robust rates that were found at it."""

from __future__ import annotations

from collections.abc import Mapping

from rafair.results.audit_record import AuditRecord, CurvePoint
from rafair.results.stored_verdicts import budget_key
from rafair.tabular.schema import Schema


def budgets_of(record: AuditRecord) -> dict[str, CurvePoint]:
    """By epsilon; none where each feature has one of its own, or nothing was attacked."""
    reach = record.options.reach
    if isinstance(reach, Mapping) or not record.attacks:
        return {}
    robust = {name: attack.robust for name, attack in record.attacks.items()}
    largest = CurvePoint(robust, record.groups or {}, record.gaps or {})
    return {**(record.curve or {}), budget_key(reach): largest}


def unit_of_epsilon(schema: Schema) -> str:
    """What epsilon is a share of.

    Example:
        >>> unit_of_epsilon(Schema(features=(), label="y", classes=("no", "yes")))
        'range'
    """
    return "usual spread" if schema.own else "range"
