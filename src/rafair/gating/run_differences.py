"""What changed between two audits of the same data, rate by rate (`rafair.diff`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rafair.gating.audit_conditions import Condition, check_same_data, conditions
from rafair.gating.group_differences import group_changes
from rafair.gating.pairing import Pairing, of_both, pair
from rafair.gating.rate_change import Change, compared, of_counts
from rafair.results.audit_result import Audit
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import PROVEN, rates_of
from rafair.results.run_files import AUDIT
from rafair.results.verification import understanding, verified_run

OF_OTHER_ROWS = ("whole", "model")
"""Kinds of rates that do not count the audited instances."""


@dataclass(frozen=True)
class Comparison:
    """What changed between two audits; printed, it shows its tables.

    Args:
        first: The first audit.
        second: The second.
        conditions: What differs apart from rates: data, model, options, versions.
        pairing: Which instances are compared.
        changes: Every rate that both audits have, in the first one's order.
        groups: Clean and robust accurate fairness of each group of people that both audits tell.
        only_first: Attacks that only the first audit ran.
        only_second: Attacks that only the second ran.
    """

    first: Audit
    second: Audit
    conditions: Sequence[Condition]
    pairing: Pairing
    changes: Sequence[Change]
    groups: Sequence[Change]
    only_first: Sequence[str]
    only_second: Sequence[str]

    @property
    def same_question(self) -> bool:
        """Whether both audits asked the same, so that no option explains a difference."""
        return not any(condition.another_question for condition in self.conditions)

    def to_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return {
            "first": _audit(self.first),
            "second": _audit(self.second),
            "same_question": self.same_question,
            "conditions": [condition.to_dict() for condition in self.conditions],
            "instances": self.pairing.to_dict(),
            "rates": [change.to_dict() for change in self.changes],
            "groups": [change.to_dict() for change in self.groups],
            "attacks_only_first": list(self.only_first),
            "attacks_only_second": list(self.only_second),
        }

    def __str__(self) -> str:
        from rafair.blocks.terminal import as_text
        from rafair.gating.difference_tables import blocks

        return as_text(blocks(self))


def diff(first: Audit | str | Path, second: Audit | str | Path) -> Comparison:
    """Shows what changed between two finished audits of the same data, rate by rate.

    Figures of both are derived again from their files. Instances are paired by their number; where
    the audits drew other samples, those that both have are compared if there are at least 30, else
    the rates are compared as of independent samples.

    Args:
        first: A run folder, or the audit itself.
        second: Another; differences are the second's rate minus the first's.

    Returns:
        The comparison; print it, or ask for `changes`, `conditions`, `to_dict()`.

    Raises:
        RunFolderError: If one is no finished run, was altered, or is of other data.
        UnfinishedRunError: If an audit was not carried to its end.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> audits = [
        ...     rafair.audit(
        ...         rafair.train(data.train, rafair.TrainConfig(epochs=epochs)),
        ...         data.test, instances=60, steps=2,
        ...     )
        ...     for epochs in (1, 3)
        ... ]
        >>> comparison = rafair.diff(*audits)
        >>> print(comparison.pairing)
        the same 60 instances, one by one
        >>> [condition.name for condition in comparison.conditions]
        ['sha256']
    """
    one, other = (verified_run(_folder(run)) for run in (first, second))
    with understanding(one.folder / AUDIT):
        check_same_data(one, other)
    sides = PerInstance.read(one.folder), PerInstance.read(other.folder)
    pairing = pair(sides[0].instances, sides[1].instances)
    changes = _changes(one, other, sides, pairing)
    attacks = [list(audit.record.attacks) for audit in (one, other)]
    return Comparison(
        one,
        other,
        conditions(one.record, other.record),
        pairing,
        changes,
        group_changes((one, sides[0]), (other, sides[1]), pairing),
        [name for name in attacks[0] if name not in attacks[1]],
        [name for name in attacks[1] if name not in attacks[0]],
    )


def _changes(
    one: Audit, other: Audit, sides: tuple[PerInstance, PerInstance], pairing: Pairing
) -> list[Change]:
    first, second = rates_of(one.record), rates_of(other.record)
    found = []
    for name in first:
        if name not in second:
            continue
        if name.kind in OF_OTHER_ROWS:
            change = of_counts(name, first[name], second[name])
        else:
            held = [side.holds(name) for side in sides]
            members = of_both(pairing, *held) if name.kind in PROVEN else pairing
            change = compared(name, held[0], held[1], members)
        found += [change] if change else []
    return found


def _folder(run: Audit | str | Path) -> Path:
    return run.folder if isinstance(run, Audit) else Path(run)


def _audit(audit: Audit) -> dict[str, object]:
    record = audit.record
    return {
        "folder": str(audit.folder),
        "created": record.created,
        "command": record.command,
        "dataset": record.dataset.name,
        "model": record.model.name,
        "model_sha256": record.model.sha256,
        "instances": record.clean.n,
    }
