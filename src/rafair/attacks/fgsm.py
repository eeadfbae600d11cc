"""FGSM: one step of the whole epsilon along the sign of the loss gradient, in parts.

Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and Harnessing Adversarial Examples",
ICLR 2015. The last iterate is the published attack. Those before it lie on the way there: on a
model that is not linear a whole step may go too far, and more room would help the model. All follow
the one gradient at the clean row. Ours moves mutable, non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafair.attacks.interface import SingleSearch
from rafair.search.budget import Budget
from rafair.search.looks import Follow, Look
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows

SLACK = 1e-5
"""Of a quotient of single-precision numbers that should be whole."""


@dataclass(frozen=True)
class FGSM(SingleSearch):
    """The fast gradient sign method.

    Example:
        >>> FGSM().name
        'fgsm'
    """

    name: str = "fgsm"

    @property
    def look(self) -> Look:
        """The row's own gradient; losses play no part."""
        return Follow(losses=False)

    def moves(self, problem: Problem) -> Move:
        """One step to the corner that the gradient points to."""
        epsilon = problem.budget.box.epsilon

        def move(rows: Rows, seen: Observation, step: int) -> Rows:
            return rows + epsilon * np.sign(seen.gradient)

        return move

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Goes to the corner, and looks at points on the way."""
        once = replace(problem, budget=replace(problem.budget, steps=1))
        whole = super().solve(once, seen)
        (start, corner), (clean, last) = whole.rows, whole.observations
        known = clean.differentiated[:, None]
        uphill = np.sign(clean.gradient, out=np.zeros_like(start), where=known)
        between = [
            problem.nearest(problem.project(start + reach * uphill))
            for reach in _parts(problem.budget)
        ]
        if between:
            n, labels = len(start), np.tile(problem.labels, len(between))
            judged = problem.sweep.judge(np.concatenate(between), labels)
            seen_there = [
                judged.take(np.arange(n * part, n * (part + 1))) for part in range(len(between))
            ]
            rows, observations = (start, *between, corner), (clean, *seen_there, last)
            whole = replace(whole, rows=rows, observations=observations)
        return whole.extended(problem.budget.steps)

    def most_rows(self, counterparts: int, steps: int) -> int:
        """One gradient, and as many looks as there are steps."""
        return super().most_rows(counterparts, 1) + (steps - 1) * counterparts

    def most_choices(self, steps: int) -> int:
        """One."""
        return super().most_choices(1)


def _parts(budget: Budget) -> list[Rows]:
    """How far each point before the corner is from the start, by feature."""
    epsilon = budget.box.epsilon
    part = np.maximum(budget.step_size, epsilon / budget.steps)
    most = np.max(np.ceil(epsilon[part > 0] / part[part > 0] - SLACK), initial=1)
    return [np.minimum(number * part, epsilon) for number in range(1, int(most))]
