"""FGSM: one step of the whole budget along the sign of the loss gradient.

Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and Harnessing Adversarial Examples",
ICLR 2015. Later iterates repeat the first. Ours moves mutable, non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.looks import Look
from rafair.search.loop import search
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import FALSE, Verdict


@dataclass(frozen=True)
class FGSM:
    """The fast gradient sign method.

    Example:
        >>> FGSM().name
        'fgsm'
    """

    name: str = "fgsm"
    look: Look = Look.DIFFERENTIATE
    sought: frozenset[Verdict] = FALSE

    def run(
        self,
        sweep: Sweep,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
    ) -> Trajectory:
        """Perturbs rows of shape `(n, d)` once; the other iterates repeat it."""

        def move(current: Rows, observation: Observation, step: int) -> Rows:
            if step > 1:
                return current
            return current + budget.box.epsilon * np.sign(observation.gradient)

        return search(sweep, rows, labels, look=self.look, move=move, budget=budget, seen=seen)
