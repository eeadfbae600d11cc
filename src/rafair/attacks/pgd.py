"""PGD: steps along the sign of the loss gradient from random points of the perturbation set.

Source: A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR
2018. Each run starts from a uniform draw; its first iterate is one step from there. Of several
runs, each instance keeps the one that reached a false cell first, else the one that ended with the
largest loss. Ours moves mutable, non-sensitive features only, and draws inside their ranges where
public code draws from the full box and clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.arguments import check_whole
from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.draws import row_generators, uniform
from rafair.search.looks import Look
from rafair.search.loop import Move, search
from rafair.search.observation import Observation
from rafair.search.restarts import best_of
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import FALSE, Verdict


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent on the negative loss, in the L∞ sense.

    Args:
        restarts: How many runs from different random points.
        random_start: Whether runs start from random points, or from the clean rows.

    Example:
        >>> PGD(restarts=3).name
        'pgd'
    """

    restarts: int = 1
    random_start: bool = True
    name: str = "pgd"
    look: Look = Look.DIFFERENTIATE
    sought: frozenset[Verdict] = FALSE

    def __post_init__(self) -> None:
        check_whole("restarts", self.restarts, 1, 1_000)

    def run(
        self,
        sweep: Sweep,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
    ) -> Trajectory:
        """Perturbs rows of shape `(n, d)` for exactly `budget.steps` steps."""
        runs: list[Trajectory] = []
        for number in range(self.restarts):
            move = self._move(sweep, rows, labels, budget, number)
            runs.append(
                search(sweep, rows, labels, look=self.look, move=move, budget=budget, seen=seen)
            )
            seen = runs[0].observations[0]
        return best_of(runs, self.sought)

    def _move(self, sweep: Sweep, rows: Rows, labels: Labels, budget: Budget, number: int) -> Move:
        def move(current: Rows, observation: Observation, step: int) -> Rows:
            gradient = observation.gradient
            if step == 1 and self.random_start:
                generators = row_generators(rows, budget.seed, number)
                draw = uniform(generators, *budget.box.bounds(rows))
                current = budget.box.project(draw, rows)
                gradient = sweep.differentiate(current, labels)
            return current + budget.step_size * np.sign(gradient)

        return move
