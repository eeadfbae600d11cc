"""Robust rates over epsilon as pictures: of all instances, and by sensitive group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.reports.feature_pictures import METRICS
from rafair.reports.report_contents import PARTS, Bar, Chart
from rafair.results.audit_record import AuditRecord, CurvePoint
from rafair.results.epsilons import budgets_of
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, families, leaders
from rafair.results.result_tables import with_unit

NOTE = (
    "What is broken at one epsilon is broken at every larger one, so no rate rises with epsilon. "
    "Robust: no violation found within these budgets."
)


def budget_pictures(record: AuditRecord) -> list[Chart]:
    """How rates fall with epsilon: one picture of all, then one for each sensitive feature.

    Groups of fewer instances than can be compared are left out. Empty where one budget was audited.
    """
    if not record.curve:
        return []
    found = []
    budgets = budgets_of(record)
    for attack in families(record.attacks):
        whole = [
            (
                title,
                [Bar("as they are", record.clean.rates[metric]), *_bars(budgets, attack, metric)],
            )
            for metric, title in METRICS.items()
        ]
        found.append(Chart(f"{PARTS['budgets']}: {attack}", whole, NOTE))
        if attack in leaders(record):
            found += _by_group(record, budgets, attack)
    return found


def _bars(budgets: Mapping[str, CurvePoint], attack: str, metric: str) -> Iterator[Bar]:
    for epsilon, budget in budgets.items():
        yield Bar(f"epsilon {epsilon}", budget.robust[attack][metric], "robust")


def _by_group(
    record: AuditRecord, budgets: Mapping[str, CurvePoint], attack: str
) -> Iterator[Chart]:
    for feature in record.dataset.sensitive:
        groups = (record.groups or {}).get(feature, {})
        shown = [
            (
                f"{name} ({group.n:,})",
                [
                    Bar("as they are", group.clean[ACCURATE_FAIRNESS]),
                    *(
                        Bar(
                            f"epsilon {epsilon}",
                            budget.groups[feature][name].robust[attack][ACCURATE_FAIRNESS],
                            "robust",
                        )
                        for epsilon, budget in budgets.items()
                    ),
                ],
            )
            for name, group in groups.items()
            if group.n >= LEAST_INSTANCES
        ]
        if shown:
            title = f"Accurate fairness by {with_unit(feature, record)}: {attack}"
            yield Chart(title, shown, NOTE)
