"""ACG: conjugate directions, sign steps, and APGD's schedule.

Source: K. Yamamura et al., "Diversified Adversarial Attacks based on Conjugate Gradient Method",
ICML 2022. s₀ = g₀, s_k = g_k + β_k·s_{k-1}, x⁺ = P(x + η·sign s_k), with the textbook β of Hestenes
and Stiefel for ascent. Where the step is halved, the best row comes back with its gradient and its
direction.

Departures from public code: the authors' code (and ART's copy) negates β and then clamps it at
zero, so it drops β where the textbook's is positive; on a quadratic only the textbook's sign gives
conjugate directions (`beta="reference"` does as they do). ART also steps along the raw direction
instead of its sign. The gradient here is the margin's, of which the loss's is a positive multiple:
the multiple changes from step to step and would distort β. Where y is 0 or orthogonal to s_{k-1},
up to rounding, β is 0 and the search starts anew: rows that stay in a corner of the box, or swing
between two as the first long steps make them, meet 0 in the denominator, and rounding would decide
the sign of β. Ours starts at the clean row and moves mutable, non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_name
from rafair.attacks.interface import SingleSearch
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.schedules import HalvingSchedule
from rafair.tabular.encoding import Rows

BETAS = ("textbook", "reference")

LEAST_COSINE, LEAST_CHANGE = 1e-4, 1e-5
"""Below this angle between s_{k-1} and y, and below this length of y as a share of the gradient's,
β is rounding noise of single precision."""


@dataclass(frozen=True)
class ACG(SingleSearch):
    """Auto conjugate gradient.

    Args:
        beta: "textbook", or "reference" for the sign and the clamp of the authors' code.

    Raises:
        UnknownNameError: If `beta` is neither.

    Example:
        >>> ACG().name
        'acg'
    """

    beta: str = "textbook"
    name: str = "acg"

    def __post_init__(self) -> None:
        check_name("beta", self.beta, BETAS)

    def moves(self, problem: Problem) -> Move:
        """Sign steps along conjugate directions, halved where they win too little."""
        start, budget = problem.start, problem.budget
        schedule = HalvingSchedule(budget.box.epsilon, budget.steps)
        movable = budget.box.movable
        direction = np.zeros_like(start)
        last = np.zeros_like(start)
        best_direction = np.zeros_like(start)

        def move(current: Rows, seen: Observation, step: int) -> Rows:
            nonlocal direction, last, best_direction
            best = schedule.see(current, seen)
            gradient = np.where(movable, seen.gradient, 0).astype(np.float32)
            beta = hestenes_stiefel(gradient, last, direction)[:, None]
            if self.beta == "reference":
                beta = np.maximum(-beta, 0)
            new = (gradient + beta * direction).astype(np.float32)
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
) -> NDArray[np.float64]:
    """β for ascent: ⟨-g_k, y⟩ / ⟨s_{k-1}, y⟩ with y = g_{k-1} - g_k.

    It is 0 where y is 0 or orthogonal to s_{k-1}, up to rounding.

    Args:
        gradient: g_k of shape `(n, d)`.
        last_gradient: g_{k-1}, of the same shape.
        last_direction: s_{k-1}, of the same shape.

    Returns:
        One β per row; shape `(n,)`.

    Example:
        >>> hestenes_stiefel(np.float32([[0, 1]]), np.float32([[1, 0]]), np.float32([[1, 0]]))
        array([1.])
    """
    # in double precision: products of small gradients would underflow in single
    y = last_gradient.astype(np.float64) - gradient
    above = -(gradient * y).sum(axis=1)
    below = (last_direction.astype(np.float64) * y).sum(axis=1)
    sure = np.abs(below) > LEAST_COSINE * _length(last_direction) * _length(y)
    sure &= _length(y) > LEAST_CHANGE * _length(gradient)
    beta: NDArray[np.float64] = np.divide(above, below, out=np.zeros_like(above), where=sure)
    return beta


def _length(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The Euclidean length of each row."""
    length: NDArray[np.float64] = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1))
    return length
