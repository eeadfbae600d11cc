"""What was proven of an audit's instances, as types: the sections `certified` and `certificate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rafair.metrics.rates import Rate, rate


@dataclass(frozen=True)
class Standings:
    """How one property of `n` instances stands at one epsilon; the four counts add up to `n`.

    Args:
        certified: It is proven to hold.
        refuted: A row was found that breaks it.
        open: Neither.
        near_tie: What is left lies so near to a tie that rounding decides.

    Example:
        >>> some = Standings(*(rate(count, 10) for count in (6, 3, 1, 0)))
        >>> some.bracket
        (0.6, 0.7)
    """

    certified: Rate
    refuted: Rate
    open: Rate
    near_tie: Rate

    @property
    def n(self) -> int:
        """How many instances there are."""
        return self.certified.n

    @property
    def not_refuted(self) -> Rate:
        """The share of instances of which no row was found that breaks it."""
        found = rate(self.n - self.refuted.count, self.n)
        assert found is not None  # a rate of nobody is no rate
        return found

    @property
    def bracket(self) -> tuple[float, float]:
        """What the true robust rate of these instances cannot be below, and not above."""
        return self.certified.value, self.not_refuted.value


@dataclass(frozen=True)
class CertifiedPoint:
    """How the three properties stand at one epsilon.

    Args:
        accurate_fairness: Every perturbation, with any sensitive values, gets the instance's class.
        individual_fairness: All counterparts of every perturbation get one class.
        accuracy: Every perturbation, with its own sensitive values, gets the instance's class.
    """

    accurate_fairness: Standings
    individual_fairness: Standings
    accuracy: Standings

    @property
    def by_property(self) -> Mapping[str, Standings]:
        """By the property's name, in the order of tables."""
        return dict(vars(self))


@dataclass(frozen=True)
class CertificateRecord:
    """How the section `certified` came about: the section `certificate`.

    Args:
        prover: The kind of model, such as "ReLU network", whose classes were proven.
        boxes: The most boxes that an instance was searched with, for one epsilon and region.
        perturbation: "paper" or "feasible".
        epsilons: The budgets, ascending.
        n: How many instances.
        by_construction: Why no counterpart can get another class, where that is so of the model
            itself; None of others.
        attack: The attack between few boxes and many.
        max_category_changes: How many categories a perturbation may change, where it is feasible.
        seconds: How long it took.
        plan: The hash of all that decides the verdicts.
        rafair_version: The version that proved them.
        created: When.
        command: By which command.
    """

    prover: str
    boxes: int
    perturbation: str
    epsilons: list[float]
    n: int
    by_construction: str | None
    attack: str
    max_category_changes: int
    seconds: float
    plan: str
    rafair_version: str
    created: str
    command: str | None
