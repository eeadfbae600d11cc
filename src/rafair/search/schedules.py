"""The step-size schedule that APGD and ACG share: halve, and go back to the best row.

Source: F. Croce, M. Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of
Diverse Parameter-free Attacks", ICML 2020, section 3.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rafair.search.observation import Observation
from rafair.tabular.encoding import Rows

ENOUGH = 0.75
"""ρ: the share of steps in a window that must have raised the loss."""


def checkpoints(steps: int) -> list[int]:
    """The steps at which the schedule looks back: wⱼ = ⌈pⱼ·N⌉.

    p₀ = 0, p₁ = .22, pⱼ₊₁ = pⱼ + max(pⱼ - pⱼ₋₁ - .03, .06).

    Example:
        >>> checkpoints(20)
        [5, 9, 12, 14, 16, 18, 19, 20]
    """
    before, now = 0.0, 0.22
    found = []
    while now <= 1 + 1e-9:
        # rounded first: 0.7 · 20 is 14.000000000000002 in floating point
        found.append(math.ceil(round(now * steps, 9)))
        before, now = now, now + max(now - before - 0.03, 0.06)
    return sorted(set(found))


class HalvingSchedule:
    """Step sizes of each row, and the best row it has seen.

    Args:
        reach: The half-width of the box per feature; steps begin with twice that; shape `(d,)`.
        steps: N, the number of steps.
    """

    def __init__(self, reach: NDArray[np.float32], steps: int) -> None:
        self._reach = reach
        self._checkpoints = set(checkpoints(steps))
        self._last_checkpoint = 0
        self._started = False

    def see(self, rows: Rows, seen: Observation) -> NDArray[np.int64]:
        """Takes note of the current rows and their losses.

        Returns:
            The places of the rows that are the best so far; shape `(m,)`.
        """
        if not self._started:
            n = len(rows)
            self.factor = np.full(n, 2.0, np.float32)
            self.best_rows, self.best_gradient = rows.copy(), seen.gradient.copy()
            self.best_loss, self._loss = seen.loss.copy(), seen.loss.copy()
            self._increases = np.zeros(n, np.int64)
            self._best_at_checkpoint, self._halved_at_checkpoint = (
                seen.loss.copy(),
                np.zeros(n, bool),
            )
            self._started = True
            return np.arange(n)
        self._increases += seen.loss > self._loss
        self._loss = seen.loss.copy()
        better = np.flatnonzero(seen.loss > self.best_loss)
        self.best_loss[better] = seen.loss[better]
        self.best_rows[better] = rows[better]
        self.best_gradient[better] = seen.gradient[better]
        return better

    def halve(self, step: int) -> NDArray[np.int64]:
        """Halves step sizes where step `step` is a checkpoint and too little was won.

        Returns:
            The places of the rows that should go on from their best row; shape `(m,)`.
        """
        if step not in self._checkpoints:
            return np.empty(0, np.int64)
        window = step - self._last_checkpoint
        few = self._increases < ENOUGH * window
        stuck = ~self._halved_at_checkpoint & (self.best_loss == self._best_at_checkpoint)
        halved = few | stuck
        self.factor[halved] /= 2
        self._last_checkpoint = step
        self._halved_at_checkpoint, self._best_at_checkpoint = halved, self.best_loss.copy()
        self._increases[:] = 0
        return np.flatnonzero(halved)

    def size(self) -> Rows:
        """The current step of each row and feature; shape `(n, d)`."""
        return self.factor[:, None] * self._reach
