"""APGD: sign steps with momentum whose size follows the progress of the loss.

Source: F. Croce, M. Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of
Diverse Parameter-free Attacks", ICML 2020, algorithm 1. The step begins at twice the box's
half-width and is halved where a window of steps won too little; the row then goes on from the best
it has seen. The loss is that of the audit: cross-entropy, or the margin, which works for two
classes where the DLR loss does not.

Departures from public code: windows are ⌈pⱼ·N⌉ as in the paper (AutoAttack counts whole windows),
progress is `< ρ` (AutoAttack: `<=`), the first run starts at the clean row, and increases of the
loss are counted (ART counts increases of the best loss). The paper spends a step on the way back to
the best row; like AutoAttack, ours goes on from there at once. The momentum is then that of the way
back, as in the paper (AutoAttack measures it from one row earlier). Ours moves mutable,
non-sensitive features only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.arguments import check_real, check_whole
from rafair.attacks.restarted_attack import Restarted
from rafair.search.loop import Move, Problem
from rafair.search.observation import Observation
from rafair.search.schedules import HalvingSchedule
from rafair.search.seeded_draws import corners, row_keys
from rafair.tabular.encoding import Rows

DRAWS = 300_000
"""Tells these draws apart from those of other attacks."""


@dataclass(frozen=True)
class APGD(Restarted):
    """Auto-PGD.

    Args:
        momentum: α, the weight of the new step against the last move.
        restarts: How many runs, the first of them from the clean row, others from random corners.

    Raises:
        InputError: If `momentum` is not above 0 and up to 1, or `restarts` is out of range.

    Example:
        >>> APGD().momentum
        0.75
    """

    momentum: float = 0.75
    restarts: int = 1
    name: str = "apgd"

    def __post_init__(self) -> None:
        check_real("momentum", self.momentum, 0, 1)
        check_whole("restarts", self.restarts, 1, 1_000)

    def corner(self, problem: Problem, run: int) -> Rows:
        """Where a run after the first, counted from 0, begins: a random corner of each box."""
        keys = row_keys(problem.start, problem.budget.seed, DRAWS + run)
        return problem.project(corners(keys, *problem.bounds))

    def moves(self, problem: Problem, number: int = 0) -> Move:
        """Sign steps with momentum, halved where they win too little.

        Args:
            problem: The rows.
            number: Which run; after the first, a run's first iterate is a random corner.
        """
        start, budget = problem.start, problem.budget
        begun = min(number, 1)
        schedule = HalvingSchedule(budget.box.epsilon, budget.steps - begun)
        before = start.copy()

        def move(current: Rows, seen: Observation, step: int) -> Rows:
            nonlocal before
            if step <= begun:
                before = self.corner(problem, number)
                return before
            schedule.see(current, seen)
            base, gradient = current.copy(), seen.gradient.copy()
            back = schedule.halve(step - 1 - begun)
            base[back], gradient[back] = schedule.best_rows[back], schedule.best_gradient[back]
            # the way back counts as the last move
            before[back] = current[back]
            # z = P(x + η·sign g);  x⁺ = P(x + α(z - x) + (1 - α)(x - x₋))
            alpha = 1.0 if step == 1 + begun else self.momentum
            z = problem.project(base + schedule.size() * np.sign(gradient))
            moved: Rows = base + alpha * (z - base) + (1 - alpha) * (base - before)
            before = base
            # levels have no momentum
            return budget.box.with_levels(moved, base)

        return move
