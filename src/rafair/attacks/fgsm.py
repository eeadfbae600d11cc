"""FGSM: one step of the whole budget along the sign of the loss gradient.

Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and Harnessing Adversarial Examples",
ICLR 2015. Later iterates repeat the first. Ours moves mutable, non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafair.attacks.interface import SingleSearch
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.queries import Follow, Query
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows


@dataclass(frozen=True)
class FGSM(SingleSearch):
    """The fast gradient sign method.

    Example:
        >>> FGSM().name
        'fgsm'
    """

    name: str = "fgsm"

    @property
    def look(self) -> Query:
        """The row's own gradient; losses play no part."""
        return Follow(losses=False)

    def moves(self, problem: Problem) -> Move:
        """One step to the corner that the gradient points to."""
        epsilon = problem.budget.box.epsilon

        def move(rows: Rows, seen: Observation, step: int) -> Rows:
            return rows + epsilon * np.sign(seen.gradient)

        return move

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches for one step, and repeats where it led."""
        once = replace(problem, budget=replace(problem.budget, steps=1))
        return super().solve(once, seen).extended(problem.budget.steps)

    def most_rows(self, counterparts: int, steps: int) -> int:
        """Those of one step."""
        return super().most_rows(counterparts, 1)

    def most_choices(self, steps: int) -> int:
        """One."""
        return super().most_choices(1)
