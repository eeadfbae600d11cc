"""The names of an audit's rates, such as "robust.accurate_fairness" of an attack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.metrics.rates import Rate
from rafair.results.audit_record import AuditRecord
from rafair.results.stored_verdicts import budget_key

PLACES = {
    "clean": None,
    "whole": None,
    "model": None,
    "certified": None,
    "not_refuted": None,
    "repaired": "repairs",
    "corrected": "repairs",
}
"""Where a kind of rate stands in `audit.json`: at the top, among the repairs, else the attacks."""

PROVEN = ("certified", "not_refuted")
"""The two ends of a bracket: kinds of rates of a certificate, each of which names its budget."""

KINDS = ("final", "iterates", "outcome", "robust", "exposed")
"""Of rates of an attack that have a metric, in their order in `audit.json`."""


@dataclass(frozen=True)
class RateName:
    """Which rate of an audit is meant.

    Args:
        kind: "clean", "whole" (all rows of a file), "model"; of a certificate "certified",
            "not_refuted"; of an attack "outcome", "final", "iterates", "robust", "exposed",
            "zero_gradient"; of its repair "repaired", "corrected".
        metric: What is counted, such as "accurate_fairness"; empty for "zero_gradient" and
            "corrected".
        attack: The attack; None for the first five kinds.
        epsilon: A smaller budget than the largest that was audited; None for that. Of a
            certificate always the budget.

    Example:
        >>> print(RateName("robust", "accurate_fairness", "rafair"))
        robust.accurate_fairness of rafair
        >>> RateName("robust", "accurate_fairness", "rafair").short
        'robust.accurate_fairness'
    """

    kind: str
    metric: str = ""
    attack: str | None = None
    epsilon: float | None = None

    @property
    def short(self) -> str:
        """The name without the attack, as a policy writes it."""
        return f"{self.kind}.{self.metric}" if self.metric else self.kind

    def __str__(self) -> str:
        of = f" of {self.attack}" if self.attack else ""
        at = "" if self.epsilon is None else f" at epsilon {self.epsilon:g}"
        return f"{self.short}{of}{at}"


def rates_of(record: AuditRecord) -> dict[RateName, Rate | None]:
    """Every rate of an audit, in the order of its `audit.json`; None where nothing was counted."""
    return dict(_walk(record))


def needs_attack(short: str) -> bool:
    """Whether a rate is one of an attack, or of its repair.

    Example:
        >>> needs_attack("clean.accuracy"), needs_attack("robust.accuracy")
        (False, True)
    """
    kind = short.partition(".")[0]
    return kind not in PLACES or PLACES[kind] is not None


def rate_named(
    record: AuditRecord, short: str, attack: str | None = None, epsilon: float | None = None
) -> RateName:
    """The rate that a person means.

    Args:
        record: The audit.
        short: Kind and metric, such as "robust.accurate_fairness".
        attack: The attack, where the rate is one of an attack or of its repair.
        epsilon: The budget, of a robust rate or a certificate; None is the largest that was audited
            or certified.

    Raises:
        UnknownNameError: If the audit has no such rate or attack; says the nearest.
        InputError: If an attack is given where none belongs, or missing where one does; or if that
            budget was not audited.
    """
    known = list(rates_of(record))
    check_name("rate", short, list(dict.fromkeys(name.short for name in known)))
    attacks = [name.attack for name in known if name.short == short and name.attack]
    if not attacks and attack is not None:
        raise InputError(f"rate '{short}': expected no attack, which it does not depend on")
    if attacks and attack is None:
        raise InputError(f"rate '{short}': expected an attack, one of {', '.join(attacks)}")
    if attack in record.attacks and attacks and attack not in attacks:
        raise InputError(
            f"rate '{short}': expected an attack that has it, one of {', '.join(attacks)}, got "
            f"'{attack}'"
        )
    if attack is not None:
        check_name("attack", attack, attacks)
    kind, _, metric = short.partition(".")
    if kind in PROVEN:
        return RateName(kind, metric, None, _certified(record, epsilon))
    return RateName(kind, metric, attack, _smaller(record, kind, epsilon))


def _certified(record: AuditRecord, epsilon: float | None) -> float:
    """A budget of the certificate; the largest if None."""
    keys = list(record.certified or {})  # some, as the rate's name was found
    if epsilon is None:
        return float(keys[-1])
    if budget_key(epsilon) not in keys:
        raise InputError(
            f"epsilon: expected one that was certified ({', '.join(keys)}), got {epsilon:g}"
        )
    return float(budget_key(epsilon))


def _smaller(record: AuditRecord, kind: str, epsilon: float | None) -> float | None:
    """A budget below the largest; None for the largest."""
    if epsilon is None:
        return None
    largest = record.options.reach
    audited = [*map(float, record.curve or {}), *([largest] if isinstance(largest, float) else [])]
    if epsilon not in audited:
        found = ", ".join(f"{one:g}" for one in audited) or "one for each feature"
        raise InputError(f"epsilon: expected one that was audited ({found}), got {epsilon:g}")
    if epsilon == largest:
        return None
    if kind != "robust":
        raise InputError(
            f"epsilon: expected a robust rate with a smaller one than {largest:g}, the largest; "
            f"others are told at that alone, got '{kind}'"
        )
    return epsilon


def _walk(record: AuditRecord) -> Iterator[tuple[RateName, Rate | None]]:
    for kind, section in (("clean", record.clean), ("whole", record.whole)):
        for metric, rate in (section.rates if section else {}).items():
            yield RateName(kind, metric), rate
    yield RateName("model", "test_accuracy"), record.model.test_accuracy
    for attack, found in record.attacks.items():
        for kind in KINDS:
            for metric, rate in (getattr(found, kind) or {}).items():
                yield RateName(kind, metric, attack), rate
        yield RateName("zero_gradient", "", attack), found.zero_gradient
    for key, point in (record.curve or {}).items():
        for attack, rates in point.robust.items():
            for metric, rate in rates.items():
                yield RateName("robust", metric, attack, float(key)), rate
    for key, certified in (record.certified or {}).items():
        for metric, standings in certified.by_property.items():
            for kind in PROVEN:
                yield RateName(kind, metric, None, float(key)), getattr(standings, kind)
    for attack, repair in record.repairs.items():
        for metric, rate in repair.final.items():
            yield RateName("repaired", metric, attack), rate
        yield RateName("corrected", "", attack), repair.corrected
