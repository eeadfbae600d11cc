"""Strongest: a cascade of attacks, each on what those before it left standing.

Whether a property holds of an instance is a matter of every row of its box, so the honest answer is
that of all attacks together. The cheapest come first: worst counterpart with its restarts, then
APGD for rows that still get their class, and a few draws of noise. RAFair's three goals take their
place where a model has no gradients, and help them where categories are chosen; elsewhere, on five
data sets at three epsilons, they broke nothing that the others had left. What one has broken, no
other tries again: an instance that got another class and was treated unlike a counterpart is left
alone. So the rates are close to those that would be found if all had tried everything.

Of each search one row that breaks a property is wanted, not every iterate: see `side_by_side`.

Of a model without gradients, the worst counterpart is sought by random changes, for the row's own
mistake as well; RAFair's goals, by probes, and noise follow.

Where queries are limited, all stages take fewer steps, so that none starves.

Of attacks that were run before it on the same rows, it takes over what they have found.

What remains of it is the clean row, and the first row that breaks each property. A row that no
attack's own look has judged is judged before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from rafair.attacks.apgd import APGD
from rafair.attacks.interface import Attack
from rafair.attacks.noise import Noise
from rafair.attacks.parallel_runs import breaking, nearest_to_wrong
from rafair.attacks.rafair import FALSE_BIASED, FALSE_FAIR, TRUE_BIASED, RAFair
from rafair.attacks.worst_counterpart import WorstCounterpart
from rafair.search.loop import Problem
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import Witnesses
from rafair.tabular.perturbation import PerturbationSet
from rafair.verdicts import BAD, Verdict

RUNS, FEW_RUNS = 20, 3
"""Of APGD, which looks at rows alone: one from the clean row, others from random corners; few where
categories are chosen, since all their levels are then tried again and again."""

WORST_RUNS, FEW_WORST_RUNS = 7, 5
"""Likewise of worst counterpart; few without gradients too, where all runs share the steps."""

DRAWN, DRAWN_BLIND = 2, 5
"""Draws of noise, uniform and normal in turn; more where there are no gradients to follow."""

SHORTER, SHORTER_BLIND = 4, 2
"""How many times fewer, and longer, steps RAFair's goals take where no categories are chosen, and
where the model gives no gradients: there they cost most, and find next to nothing that is left."""


@dataclass(frozen=True)
class Strongest(Attack):
    """The cascade.

    Args:
        skipped: Attacks that are known to run before it on the same rows, so that it does not.

    Example:
        >>> Strongest().name
        'strongest'
        >>> Strongest().most_rows(24, 20) > Strongest().after({"rafair-ff"}).most_rows(24, 20)
        True
    """

    name: str = "strongest"
    sought: frozenset[Verdict] = BAD
    skipped: frozenset[str] = frozenset()

    @property
    def needs_gradients(self) -> bool:
        """False: all stages but APGD do without."""
        return False

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """One attack after the other, each on the instances that have something left to lose."""
        clean = seen or problem.sweep.judge(problem.start, problem.labels)
        found = problem.found or Witnesses(problem.start, problem.labels, clean)
        levels = bool(problem.budget.box.categories)
        steps = self.affordable(problem)
        for attack in stages(problem.sweep.classifier.differentiable, levels):
            where = found.holding(attack.sought)
            if attack.name in found.tried or not where.size:
                continue
            part, known = problem.of(where), clean.take(where)
            found.add(where, tried(attack, part, known, steps))
        return found.trajectory(problem.budget.steps)

    def after(self, names: Iterable[str]) -> Strongest:
        """The same without the stages that are run before it."""
        return replace(self, skipped=frozenset(names))

    def _stages(self, differentiable: bool, levels: bool) -> Iterator[Attack]:
        """Those that are not run before it."""
        every = stages(differentiable, levels)
        return (attack for attack in every if attack.name not in self.skipped)

    def affordable(self, problem: Problem) -> int:
        """How many steps its budget of queries pays for; each stage takes as many, or its share."""
        budget, limit = problem.budget, problem.budget.queries
        size = problem.sweep.counterparts.size + 1  # a row's own values may be new
        features = int(budget.usable.sum())
        steps = budget.steps
        while limit is not None and steps > 1:
            if self.most_queries(size, features, steps, budget.box) <= limit:
                break
            steps -= 1
        return steps

    def most_rows(self, counterparts: int, steps: int) -> int:
        """Those of all stages; of the first, what is kept is judged besides."""
        each = (
            sum(_most_rows(attack, counterparts, steps, levels) for attack in every)
            for levels in (False, True)
            for every in [self._stages(True, levels)]
        )
        return max(each) + 2 * counterparts

    def most_choices(self, steps: int) -> int:
        """Those of all stages."""
        return sum(attack.most_choices(steps) for attack in self._stages(True, True))

    def most_queries(
        self, counterparts: int, features: int, steps: int, box: PerturbationSet | None
    ) -> int:
        """Those of all stages that need no gradients."""
        return sum(
            attack.most_queries(counterparts, features, length(attack, steps, False, True), box)
            for attack in self._stages(False, False)
        )


@cache
def stages(differentiable: bool, levels: bool) -> tuple[Attack, ...]:
    """The attacks of the cascade, the cheapest first.

    Args:
        differentiable: Whether the model has gradients.
        levels: Whether categories are chosen.
    """
    short = levels or not differentiable
    runs, worst = (FEW_RUNS, FEW_WORST_RUNS) if short else (RUNS, WORST_RUNS)
    own = APGD(restarts=runs, name=f"apgd:restarts={runs}")
    # without gradients there is no APGD to seek mistakes of rows alone
    first = WorstCounterpart(restarts=worst, own=not differentiable)
    every = (first, own, TRUE_BIASED, FALSE_FAIR, FALSE_BIASED, Noise())
    return tuple(attack for attack in every if differentiable or not attack.needs_gradients)


def tried(attack: Attack, problem: Problem, seen: Observation, steps: int) -> Trajectory:
    """What one stage finds where the cascade takes so many steps."""
    differentiable = problem.sweep.classifier.differentiable
    levels = bool(problem.budget.box.categories)
    if isinstance(attack, APGD):
        return nearest_to_wrong(problem, attack, seen)
    if isinstance(attack, WorstCounterpart) and differentiable and not levels:
        return breaking(problem, attack, seen)
    budget = problem.budget
    steps = length(attack, steps, differentiable, levels)
    # fewer steps are longer, so that they lead as far
    size = budget.step_size * np.float32(budget.steps / steps)
    budget = replace(budget, steps=steps, step_size=size)
    return attack.solve(replace(problem, budget=budget), seen)


def length(attack: Attack, steps: int, differentiable: bool, levels: bool) -> int:
    """How many of so many steps a stage takes."""
    if isinstance(attack, Noise):
        return min(DRAWN if differentiable else DRAWN_BLIND, steps)
    if not isinstance(attack, RAFair):
        return steps
    if not differentiable:
        return -(-steps // SHORTER_BLIND)
    return steps if levels else -(-steps // SHORTER)


def _most_rows(attack: Attack, counterparts: int, steps: int, levels: bool) -> int:
    """The most rows that a stage can need of an instance, where the model gives gradients."""
    if isinstance(attack, APGD):  # a gradient and a prediction of each iterate; one is judged
        return attack.restarts * 2 * steps + counterparts
    return attack.most_rows(counterparts, length(attack, steps, True, levels))
