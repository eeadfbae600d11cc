"""The data, the model and the audit in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rafair.metrics.group_gaps import Gap
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.allowed_changes_text import moves_in_words
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_record import AuditRecord, DecisionRule
from rafair.results.immovable_features import still
from rafair.sanitize import shortened

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature


def facts(record: AuditRecord) -> list[tuple[str, str]]:
    """The data, the model and the audit, a line each."""
    data, model = record.dataset, record.model
    variant = f" ({data.variant})" if data.variant else ""
    sensitive = " × ".join(f"{shortened(name)} ({count})" for name, count in data.sensitive.items())
    parameters = f", {model.parameters:,} parameters" if model.parameters else ""
    decides = decision_in_words(model.decision, model.input) if model.decision else None
    return [
        (
            "Data",
            f"{shortened(data.name)}{variant}: {data.rows:,} rows, {len(data.features)} features; "
            f"{data.counterparts_per_instance:,} counterparts each: {sensitive}",
        ),
        (
            "Model",
            f"{shortened(model.name)}{parameters}; accuracy {on_one_line(model.test_accuracy)} "
            f"(n = {model.test_accuracy.n:,}, largest class {as_fraction(model.majority.value)})",
        ),
        *([("Decides", decides)] if decides else []),
        ("Audit", _budget(record)),
        *([("Not moved", at_rest)] if (at_rest := still(record)) else []),
        *([("Moves", f"at most {moves}")] if (moves := _moves(record)) else []),
    ]


def decision_in_words(decision: DecisionRule, takes: str | None) -> str:
    """How a model decides, and of what.

    Args:
        decision: The rule.
        takes: The model's `input`: "raw" or "encoded".

    Example:
        >>> decision_in_words(DecisionRule("threshold", {"yes": 0.2}, ">=", ["no", "yes"]), "raw")
        "for 'yes' where its score is >= 0.2; takes raw values"
    """
    if decision.threshold:
        ((name, at),) = decision.threshold.items()
        rule = f"for '{shortened(name)}' where its score is {decision.comparison} {at:g}"
        more = len(decision.classes) > 2
        rule += ", else for the largest other score" if more else ""
    else:
        own = decision.rule == "own"
        rule = "as its own labels say" if own else "for the largest score"
    return f"{rule}; takes {'raw values' if takes == 'raw' else 'encoded rows'}"


def _moves(record: AuditRecord) -> str:
    return moves_in_words(record.moves or {}, record.dataset.schema)


def _budget(record: AuditRecord) -> str:
    options, instances = record.options, f"{record.clean.n:,} instances"
    if not record.attacks:
        return f"{instances}, clean rows only"
    which = {"feasible": "feasible perturbations, ", "both": "both perturbations, "}
    return (
        f"{instances}, {which.get(options.perturbation, '')}{options.steps} steps{_step(options)}, "
        f"epsilon {_epsilons(options)}, seed {record.seed}"
    )


def on_one_line(rate: Rate | Gap | None) -> str:
    """A rate and its interval."""
    if rate is None:
        return "–"
    value, low, high = map(as_fraction, (rate.value, rate.low, rate.high))
    return f"{value} [{low}, {high}]"


def _step(options: AuditOptions) -> str:
    """The length of steps, where it is one for all budgets."""
    follows = options.smaller and options.step_size == options.following
    return "" if follows else f" of {_sizes(options.step_size)}"


def _epsilons(options: AuditOptions) -> str:
    budgets = options.epsilons or ()
    return ", ".join(f"{one:g}" for one in budgets) or _sizes(options.reach)


def _sizes(value: PerFeature) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {size:g}" for name, size in value.items())
    return f"{value:g}"
