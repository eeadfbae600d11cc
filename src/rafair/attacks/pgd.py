"""PGD: steps along the sign of the loss gradient from random points of the perturbation set.

Source: A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR
2018. Each run starts from a uniform draw; its first iterate is one step from there. Of several
runs, each instance keeps the one that reached a false cell first, else the one that ended with the
largest loss. Steps grow with epsilon, as in the source, so that they cross the box from any start.
Ours moves mutable, non-sensitive features only, and draws inside their ranges where
public code draws from the full box and clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.arguments import check_whole
from rafair.attacks.restarted_attack import Restarted
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.queries import Follow, Query
from rafair.search.seeded_draws import row_keys, uniform
from rafair.tabular.encoding import Rows


@dataclass(frozen=True)
class PGD(Restarted):
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

    def __post_init__(self) -> None:
        check_whole("restarts", self.restarts, 1, 1_000)

    @property
    def look(self) -> Query:
        """The row's own gradient; the clean row's is not needed where runs start elsewhere."""
        return Follow(losses=False, clean=not self.random_start)

    def moves(self, problem: Problem, number: int = 0) -> Move:
        """Steps along the gradient's sign; the first one from a random point."""
        size, seed = problem.budget.crossing_step, problem.budget.seed

        def jump() -> Rows:
            """One step from a random point; rows that cannot pay for the gradient there stay."""
            start, each = problem.start, np.arange(len(problem.start))
            paid = np.flatnonzero(problem.allowance.spend(each, 1))
            keys = row_keys(start, seed, number)
            drawn = problem.project(uniform(keys, *problem.bounds))[paid]
            at = problem.nearest(drawn, paid)
            _, gradient = problem.sweep.differentiate(at, problem.labels[paid])
            landed = start.copy()
            landed[paid] = drawn + size * np.sign(gradient)
            return landed

        def move(rows: Rows, seen: Observation, step: int) -> Rows:
            if step == 1 and self.random_start:
                return jump()
            moved: Rows = np.sign(seen.gradient)
            moved *= size
            moved += rows
            if not seen.differentiated.all():
                moved = np.where(seen.differentiated[:, None], moved, rows)
            return moved

        return move
