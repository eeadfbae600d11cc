"""APGD: sign steps with momentum whose size follows the progress of the loss.

Source: F. Croce, M. Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of
Diverse Parameter-free Attacks", ICML 2020, algorithm 1. The step begins at twice the box's
half-width and is halved where a window of steps won too little; the row then goes on from the best
it has seen. The loss is that of the audit: cross-entropy, or the margin, which works for two
classes where the DLR loss does not.

Departures from public code: windows are ⌈pⱼ·N⌉ as in the paper (AutoAttack counts whole windows),
progress is `< ρ` (AutoAttack: `<=`), the start is the clean row, and increases of the loss are
counted (ART counts increases of the best loss). The paper spends a step on the way back to the best
row; like AutoAttack, ours goes on from there at once. The momentum is then that of the way back, as
in the paper (AutoAttack measures it from one row earlier). Ours moves mutable, non-sensitive
features only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.arguments import check_real
from rafair.attacks.interface import Attack
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.schedules import HalvingSchedule
from rafair.tabular.encoding import Rows


@dataclass(frozen=True)
class APGD(Attack):
    """Auto-PGD.

    Args:
        momentum: α, the weight of the new step against the last move.

    Raises:
        InputError: If `momentum` is not above 0 and up to 1.

    Example:
        >>> APGD().momentum
        0.75
    """

    momentum: float = 0.75
    name: str = "apgd"

    def __post_init__(self) -> None:
        check_real("momentum", self.momentum, 0, 1)

    def moves(self, problem: Problem) -> Move:
        """Sign steps with momentum, halved where they win too little."""
        start, budget = problem.start, problem.budget
        schedule = HalvingSchedule(budget.box.epsilon, budget.steps)
        before = start.copy()

        def move(current: Rows, seen: Observation, step: int) -> Rows:
            nonlocal before
            schedule.see(current, seen)
            base, gradient = current.copy(), seen.gradient.copy()
            back = schedule.halve(step - 1)
            base[back], gradient[back] = schedule.best_rows[back], schedule.best_gradient[back]
            # the way back counts as the last move
            before[back] = current[back]
            # z = P(x + η·sign g);  x⁺ = P(x + α(z - x) + (1 - α)(x - x₋))
            alpha = 1.0 if step == 1 else self.momentum
            z = problem.project(base + schedule.size() * np.sign(gradient))
            moved: Rows = base + alpha * (z - base) + (1 - alpha) * (base - before)
            before = base
            # levels have no momentum
            return budget.box.with_levels(moved, base)

        return move
