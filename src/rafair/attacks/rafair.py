"""RAFair (Algorithm 1): perturbations guided by the fairness confusion matrix.

At each step the counterpart with the largest loss gradient is compared with the instance. Features
whose two slopes have the same sign move both losses together (false fair); the others move
them apart (true biased, false biased).

Departures from the authors' public code, which differs from the paper: all counterparts are
enumerated instead of 4 to 12 drawn at random; the one with the largest gradient is taken, not the
last with any; iterates stay inside the features' ranges; gradients do not saturate.
"""

from __future__ import annotations

from dataclasses import dataclass

from rafair.attacks.interface import Attack
from rafair.search.category_changes import Aim
from rafair.search.finite_differences import most_probes, steering
from rafair.search.goals import Goal
from rafair.search.loop import Problem, search
from rafair.search.observation import Observation
from rafair.search.queries import Compare, Query
from rafair.search.trajectory import Trajectory
from rafair.verdicts import Verdict


@dataclass(frozen=True)
class RAFair(Attack):
    """RAFair with one goal.

    Args:
        goal: The cell to drive instances into.

    Example:
        >>> RAFair(Goal.FALSE_FAIR).name
        'rafair-ff'
    """

    goal: Goal

    @property
    def name(self) -> str:
        """`rafair-` and the goal's two letters."""
        return f"rafair-{self.goal.verdict.short.lower()}"

    @property
    def needs_gradients(self) -> bool:
        """False: signs can be probed."""
        return False

    @property
    def look(self) -> Query:
        """All counterparts and their gradients, where the model gives them."""
        return Compare()

    @property
    def sought(self) -> frozenset[Verdict]:
        """The goal's own cell."""
        return frozenset({self.goal.verdict})

    @property
    def aim(self) -> Aim:
        """The goal's own cell, of the row and of the chosen counterpart."""
        return Aim.of(self.goal)

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches by gradients, or by probes where the model has none."""
        look, move = steering(problem, self.goal)
        return search(problem, look=look, move=move, seen=seen, aim=self.aim)

    def most_probes(self, features: int, steps: int) -> int:
        """What probing asks about."""
        return most_probes(features, steps)


TRUE_BIASED = RAFair(Goal.TRUE_BIASED)
FALSE_FAIR = RAFair(Goal.FALSE_FAIR)
FALSE_BIASED = RAFair(Goal.FALSE_BIASED)
