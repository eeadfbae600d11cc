"""Random noise inside the perturbation set: what honest bad luck does, the yardstick of attacks.

Every iterate is a draw of its own around the clean row: uniform over the perturbation set at odd
steps, normal with half of epsilon as deviation (and projected) at even ones. It follows nothing, so
what it breaks breaks without an adversary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.draws import normal, row_generators, uniform
from rafair.search.looks import Look
from rafair.search.loop import search
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import Verdict


@dataclass(frozen=True)
class Noise:
    """Uniform and normal noise in turn.

    Example:
        >>> Noise().name, len(Noise().sought)
        ('noise', 3)
    """

    name: str = "noise"
    look: Look = Look.JUDGE
    sought: frozenset[Verdict] = frozenset(Verdict) - {Verdict.TRUE_FAIR}

    def run(
        self,
        sweep: Sweep,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
    ) -> Trajectory:
        """Draws `budget.steps` perturbations of each row of shape `(n, d)`."""
        generators = row_generators(rows, budget.seed)
        lower, upper = budget.box.bounds(rows)
        half = (budget.box.epsilon / 2).astype(np.float32)

        def move(_: Rows, __: Observation, step: int) -> Rows:
            if step % 2:
                return uniform(generators, lower, upper)
            moved: Rows = rows + normal(generators, half)
            return moved

        return search(sweep, rows, labels, look=self.look, move=move, budget=budget, seen=seen)
