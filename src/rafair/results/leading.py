"""Which of an audit's attacks speak for it: the unions, and those that belong to none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rafair.results.twins import FEASIBLE, is_union, members_of

ACCURATE_FAIRNESS = "accurate_fairness"


def families(document: Mapping[str, Any]) -> list[str]:
    """The unions of an audit, and the attacks that are in none, in its order.

    Example:
        >>> families({"attacks": dict.fromkeys(["rafair-tb", "rafair-ff", "rafair-fb", "pgd",
        ...                                     "rafair"])})
        ['pgd', 'rafair']
    """
    names = list(document["attacks"])
    inside = {member for name in names if is_union(name) for member in members_of(name)}
    return [name for name in names if name not in inside]


def leaders(document: Mapping[str, Any]) -> list[str]:
    """The attack that left fewest instances right and equal, one for each kind of perturbation.

    Of equals a union, then the first. Empty where no attack was run.
    """
    names = families(document)
    kinds = ([n for n in names if not n.startswith(FEASIBLE)], [n for n in names if _twin(n)])
    return [min(kind, key=lambda name: _left(document, name)) for kind in kinds if kind]


def most_telling(document: Mapping[str, Any]) -> str | None:
    """The leader that details are told of: of both kinds what could really happen; None of none."""
    return next(reversed(leaders(document)), None)


def opening(document: Mapping[str, Any], attack: str | None) -> str:
    """How a sentence begins: with the attack it is of, where there are two to be told of."""
    return f"Under {attack}, the" if len(leaders(document)) > 1 else "The"


def _twin(name: str) -> bool:
    return name.startswith(FEASIBLE)


def _left(document: Mapping[str, Any], name: str) -> tuple[int, bool]:
    robust = document["attacks"][name]["robust"][ACCURATE_FAIRNESS]
    return (robust["count"] if robust else 0), not is_union(name)
