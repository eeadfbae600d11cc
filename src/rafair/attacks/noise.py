"""Random noise inside the perturbation set: what honest bad luck does, the yardstick of attacks.

Every iterate is a draw of its own around the clean row: uniform over the perturbation set at odd
steps, normal with half of epsilon as deviation (and projected) at even ones. It follows nothing, so
what it breaks breaks without an adversary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.attacks.interface import SingleSearch
from rafair.search.category_changes import random_levels
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.queries import Query, VerdictQuery
from rafair.search.seeded_draws import normal, row_keys, uniform
from rafair.tabular.encoding import Rows
from rafair.verdicts import BAD, Verdict

DRAWS = 1_000_000
"""Tells these draws apart from the random starts of other attacks, which count from 0."""

DRAWS_OF_LEVELS = 1_500_000


@dataclass(frozen=True)
class Noise(SingleSearch):
    """Uniform and normal noise in turn.

    Example:
        >>> Noise().name, len(Noise().sought)
        ('noise', 3)
    """

    name: str = "noise"
    sought: frozenset[Verdict] = BAD

    @property
    def aim(self) -> None:
        """Nothing: categories are drawn like all else."""
        return None

    @property
    def needs_gradients(self) -> bool:
        """False."""
        return False

    @property
    def look(self) -> Query:
        """Predictions alone."""
        return VerdictQuery()

    def moves(self, problem: Problem) -> Move:
        """A draw of its own at each step."""
        start, budget = problem.start, problem.budget
        lower, upper = budget.box.bounds(start)
        half = (budget.box.epsilon / 2).astype(np.float32)

        def move(_: Rows, __: Observation, step: int) -> Rows:
            keys = row_keys(start, budget.seed, DRAWS + step)
            moved: Rows = uniform(keys, lower, upper) if step % 2 else start + normal(keys, half)
            return random_levels(budget.box, moved, start, budget.seed, DRAWS_OF_LEVELS + step)

        return move
