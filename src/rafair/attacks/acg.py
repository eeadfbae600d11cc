"""ACG: conjugate directions, sign steps, and APGD's schedule.

Source: K. Yamamura et al., "Diversified Adversarial Attacks based on Conjugate Gradient Method",
ICML 2022. s₀ = g₀, s_k = g_k + β_k·s_{k-1}, x⁺ = P(x + η·sign s_k), with the textbook β of Hestenes
and Stiefel for ascent. Where the step is halved, the best row comes back with its gradient and its
direction.

Departures from public code: the authors' code (and ART's copy) negates β and then clamps it at
zero, so it drops β where the textbook's is positive; on a quadratic only the textbook's sign gives
conjugate directions. ART also steps along the raw direction instead of its sign. The gradient here
is the margin's, of which the loss's is a positive multiple: the multiple changes from step to step
and would distort β. Ours starts at the clean row and moves mutable, non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.looks import Look
from rafair.search.loop import Move, search
from rafair.search.observation import Observation
from rafair.search.schedules import HalvingSchedule
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import FALSE, Verdict


@dataclass(frozen=True)
class ACG:
    """Auto conjugate gradient.

    Example:
        >>> ACG().name
        'acg'
    """

    name: str = "acg"
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
        """Perturbs rows of shape `(n, d)` for exactly `budget.steps` steps."""
        move = self._move(rows, budget)
        return search(sweep, rows, labels, look=self.look, move=move, budget=budget, seen=seen)

    def _move(self, start: Rows, budget: Budget) -> Move:
        schedule = HalvingSchedule(budget.box.epsilon, budget.steps)
        movable = budget.box.movable
        direction = np.zeros_like(start)
        last = np.zeros_like(start)
        best_direction = np.zeros_like(start)

        def move(current: Rows, seen: Observation, step: int) -> Rows:
            nonlocal direction, last, best_direction
            schedule.see(current, seen)
            gradient = np.where(movable, seen.gradient, 0).astype(np.float32)
            new = gradient + hestenes_stiefel(gradient, last, direction)[:, None] * direction
            best = (current == schedule.best_rows).all(axis=1)
            best_direction[best] = new[best]
            base = current.copy()
            back = schedule.halve(step - 1)
            base[back] = schedule.best_rows[back]
            gradient[back] = np.where(movable, schedule.best_gradient[back], 0)
            new[back] = best_direction[back]
            direction, last = new, gradient
            return np.add(base, schedule.size() * np.sign(direction), dtype=np.float32)

        return move


def hestenes_stiefel(
    gradient: Rows, last_gradient: Rows, last_direction: Rows
) -> NDArray[np.float32]:
    """β for ascent: ⟨-g_k, y⟩ / ⟨s_{k-1}, y⟩ with y = g_{k-1} - g_k; 0 where that is 0/0.

    Args:
        gradient: g_k of shape `(n, d)`.
        last_gradient: g_{k-1}, of the same shape.
        last_direction: s_{k-1}, of the same shape.

    Returns:
        One β per row; shape `(n,)`.

    Example:
        >>> hestenes_stiefel(np.float32([[0, 1]]), np.float32([[1, 0]]), np.float32([[1, 0]]))
        array([1.], dtype=float32)
    """
    y = last_gradient - gradient
    above = -(gradient * y).sum(axis=1, dtype=np.float64)
    below = (last_direction * y).sum(axis=1, dtype=np.float64)
    beta = np.divide(above, below, out=np.zeros_like(above), where=below != 0)
    result: NDArray[np.float32] = beta.astype(np.float32)
    return result
