"""Gathers what a report says from a finished audit."""

from __future__ import annotations

from dataclasses import replace

from rafair.blocks.block_types import Cells
from rafair.gating.gate_decision import Decision
from rafair.reports.case_columns import case_table
from rafair.reports.certificate_pictures import proven_figures, proven_picture
from rafair.reports.epsilon_pictures import budget_pictures
from rafair.reports.feature_pictures import moved_picture
from rafair.reports.first_half_page import first_of
from rafair.reports.group_pictures import gaps_table, group_pictures
from rafair.reports.how_to_read import reading
from rafair.reports.how_to_repeat import manifest, repeat
from rafair.reports.model_card_figures import NOT_MEASURED, evidence
from rafair.reports.report_contents import Contents
from rafair.reports.violation_concentration import NOTE, Concentrations, concentrations
from rafair.results.adversarial_rows import StoredRows
from rafair.results.audit_record import AuditRecord
from rafair.results.audit_result import Audit
from rafair.results.changed_features import Moved, moved_features
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, families, most_telling
from rafair.results.immovable_features import resting
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName
from rafair.results.rates_by_group import groups_of
from rafair.results.result_tables import (
    attacks_table,
    cost_table,
    moves_table,
    repairs_table,
    robust_table,
)
from rafair.results.run_facts import facts
from rafair.results.stored_verdicts import Verdicts, read_verdicts
from rafair.results.verdict_text import summary
from rafair.sanitize import shortened


def contents_of(
    audit: Audit,
    title: str | None = None,
    decision: Decision | None = None,
    policy: str | None = None,
) -> Contents:
    """What a report of an audit says, whatever its format.

    Args:
        audit: A finished audit, with its run folder.
        title: What it is called; by default by its model and data.
        decision: What became of each rule of a policy.
        policy: What the policy's file is called.

    Raises:
        RunFolderError: If the run's files cannot be read.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> contents_of(audit).title
        'Audit of <lambda> on affairs'
    """
    record = replace(audit.record, **groups_of(audit.record, audit.folder)._asdict())
    stored = StoredRows.read(audit.folder)
    moved = moved_by_attack(audit, stored)
    gathered = read_verdicts(audit.folder)
    features = _features(audit, stored, gathered)
    groups, pairs = group_pictures(record)
    cases = case_table(audit.folder, audit.schema, stored)
    return Contents(
        title=title or _title(audit),
        first=first_of(record, gathered, decision, policy),
        summary=summary(record, moved),
        facts=facts(record),
        warnings=audit.warnings,
        rates=_rates(record),
        budgets=budget_pictures(record),
        proven=proven_picture(record),
        proven_figures=proven_figures(record),
        groups=groups,
        pairs=pairs,
        gaps=gaps_table(record),
        features=features.pictures,
        moved=moved_picture(moved, {attack: resting(record, attack) for attack in moved}),
        tables=[table for table in (moves_table(record), _cost(record)) if table],
        cases=cases,
        manifest=list(manifest(record)),
        repeat=repeat(record),
        reading=reading(record),
        features_note=NOTE,
        features_missing=features.missing,
        evidence=evidence(record, cases, features.features, features.missing),
    )


def moved_by_attack(audit: Audit, stored: StoredRows) -> dict[str, list[Moved]]:
    """Which features were moved, by the attacks that speak for the audit."""
    return {
        name: moved_features(audit.folder, stored, audit.schema, name)
        for name in families(audit.record.attacks)
    }


def _title(audit: Audit) -> str:
    data, model = audit.record.dataset, audit.record.model
    variant = f" ({data.variant})" if data.variant else ""
    return f"Audit of {shortened(model.name)} on {shortened(data.name)}{variant}"


def _rates(record: AuditRecord) -> list[Cells]:
    """Every rate that no picture shows."""
    shown = [robust_table(record)] if record.attacks else []
    shown.append(attacks_table(record))
    return [*shown, repairs_table(record)] if record.repairs else shown


def _cost(record: AuditRecord) -> Cells | None:
    return cost_table(record) if len(record.attacks) > 1 else None


def _features(audit: Audit, stored: StoredRows, gathered: Verdicts) -> Concentrations:
    """Where violations concentrate: under the leading attack, or in the rows as they are."""
    attack = most_telling(audit.record)
    name = RateName("clean", ACCURATE_FAIRNESS)
    title = "Accurate fairness, as they are"
    if attack:
        name = RateName("robust", ACCURATE_FAIRNESS, attack)
        title = f"Accurate fairness, robust against {attack}"
    holds = PerInstance(gathered).holds(name)
    if holds is None:
        return Concentrations([], [], NOT_MEASURED)
    return concentrations(audit.folder, audit.schema, stored, holds, title)
