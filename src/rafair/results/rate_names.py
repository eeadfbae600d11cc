"""The names of an audit's rates, such as "robust.accurate_fairness" of an attack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rafair.arguments import check_name
from rafair.errors import InputError

PLACES = {
    "clean": None,
    "whole": None,
    "model": None,
    "repaired": "repairs",
    "corrected": "repairs",
}
"""Where a kind of rate stands in `audit.json`: at the top, among the repairs, else the attacks."""

ATTACKS = "attacks"
FINAL = "final"


@dataclass(frozen=True)
class RateName:
    """Which rate of an audit is meant.

    Args:
        kind: "clean", "whole" (all rows of a file), "model"; of an attack "outcome", "final",
            "iterates", "robust", "exposed", "zero_gradient"; of its repair "repaired", "corrected".
        metric: What is counted, such as "accurate_fairness"; empty for "zero_gradient" and
            "corrected".
        attack: The attack; None for the first three kinds.

    Example:
        >>> print(RateName("robust", "accurate_fairness", "rafair"))
        robust.accurate_fairness of rafair
        >>> RateName("robust", "accurate_fairness", "rafair").short
        'robust.accurate_fairness'
    """

    kind: str
    metric: str = ""
    attack: str | None = None

    @property
    def short(self) -> str:
        """The name without the attack, as a policy writes it."""
        return f"{self.kind}.{self.metric}" if self.metric else self.kind

    def __str__(self) -> str:
        return f"{self.short} of {self.attack}" if self.attack else self.short


def rates_of(document: Mapping[str, Any]) -> dict[RateName, Mapping[str, Any] | None]:
    """Every rate of an `audit.json`, in its order; None where nothing was counted."""
    return dict(_walk(document))


def needs_attack(short: str) -> bool:
    """Whether a rate is one of an attack, or of its repair.

    Example:
        >>> needs_attack("clean.accuracy"), needs_attack("robust.accuracy")
        (False, True)
    """
    kind = short.partition(".")[0]
    return kind not in PLACES or PLACES[kind] is not None


def rate_named(document: Mapping[str, Any], short: str, attack: str | None = None) -> RateName:
    """The rate that a person means.

    Args:
        document: The content of `audit.json`.
        short: Kind and metric, such as "robust.accurate_fairness".
        attack: The attack, where the rate is one of an attack or of its repair.

    Raises:
        UnknownNameError: If the audit has no such rate or attack; says the nearest.
        InputError: If an attack is given where none belongs, or missing where one does.
    """
    known = list(rates_of(document))
    check_name("rate", short, list(dict.fromkeys(name.short for name in known)))
    attacks = [name.attack for name in known if name.short == short and name.attack]
    if not attacks and attack is not None:
        raise InputError(f"rate '{short}': expected no attack, which it does not depend on")
    if attacks and attack is None:
        raise InputError(f"rate '{short}': expected an attack, one of {', '.join(attacks)}")
    if attack is not None:
        check_name("attack", attack, attacks)
    kind, _, metric = short.partition(".")
    return RateName(kind, metric, attack)


def _walk(document: Mapping[str, Any]) -> Iterator[tuple[RateName, Mapping[str, Any] | None]]:
    for kind in ("clean", "whole"):
        for metric, value in document.get(kind, {}).items():
            if _is_rate(value):
                yield RateName(kind, metric), value
    yield RateName("model", "test_accuracy"), document["model"]["test_accuracy"]
    for attack, section in document[ATTACKS].items():
        yield from _of_section(section, attack)
    for attack, section in document["repairs"].items():
        for name, value in _of_section(section, attack):
            kind = "repaired" if name.kind == FINAL else name.kind
            yield RateName(kind, name.metric, attack), value


def _of_section(
    section: Mapping[str, Any], attack: str
) -> Iterator[tuple[RateName, Mapping[str, Any] | None]]:
    for key, value in section.items():
        if value is None or _is_rate(value):
            yield RateName(key, "", attack), value
        elif isinstance(value, Mapping):
            for metric, rate in value.items():
                if rate is None or _is_rate(rate):
                    yield RateName(key, metric, attack), rate


def _is_rate(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "count", "n"} <= set(value)
