"""Strongest: a cascade of attacks, each on what those before it left standing.

Whether a property holds of an instance is a matter of every row of its box, so the honest answer is
that of all attacks together. The cheapest come first: worst counterpart with its restarts, then
APGD for rows that still get their class, RAFair's three goals, and a few draws of noise. What one
has broken, no other tries again: an instance that got another class and was treated unlike a
counterpart is left alone. So the rates are those that would be found if all had tried everything.

Of attacks that were run before it on the same rows, it takes over what they have found.

What remains of it is the clean row, and the first row that breaks each property. A row that no
attack's own look has judged is judged before it counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from rafair.attacks.apgd import APGD
from rafair.attacks.interface import Attack
from rafair.attacks.noise import Noise
from rafair.attacks.rafair import FALSE_BIASED, FALSE_FAIR, TRUE_BIASED
from rafair.attacks.restarted import Restarted
from rafair.attacks.worst_counterpart import WorstCounterpart
from rafair.models.losses import margins
from rafair.search.loop import Problem
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import Witnesses
from rafair.verdicts import BAD, Verdict

RUNS, FEW_RUNS = 20, 3
"""Of APGD, which looks at rows alone: one from the clean row, others from random corners; few where
categories are chosen, since all their levels are then tried again and again."""

DRAWN = 5
"""Draws of noise."""


@dataclass(frozen=True)
class Strongest(Attack):
    """The cascade.

    Example:
        >>> Strongest().name
        'strongest'
    """

    name: str = "strongest"
    sought: frozenset[Verdict] = BAD

    @property
    def needs_gradients(self) -> bool:
        """False: the goals of RAFair and noise do without."""
        return False

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """One attack after the other, each on the instances that have something left to lose."""
        clean = seen or problem.sweep.judge(problem.start, problem.labels)
        found = problem.found or Witnesses(problem.start, problem.labels, clean)
        runs = FEW_RUNS if problem.budget.box.categories else RUNS
        for attack in stages(runs, differentiable=problem.sweep.classifier.differentiable):
            where = found.holding(attack.sought)
            if attack.name in found.tried or not where.size:
                continue
            part, known = problem.of(where), clean.take(where)
            found.add(where, tried(attack, part, known))
        return found.trajectory(problem.budget.steps)

    def most_rows(self, counterparts: int, steps: int) -> int:
        """Those of all stages; own rows are predicted besides."""
        each = (attack.most_rows(counterparts, steps) for attack in stages(differentiable=True))
        return sum(each) + RUNS * steps + counterparts

    def most_choices(self, steps: int) -> int:
        """Those of all stages."""
        return sum(attack.most_choices(steps) for attack in stages(FEW_RUNS, differentiable=True))

    def most_probes(self, features: int, steps: int) -> int:
        """Those of all stages."""
        return sum(attack.most_probes(features, steps) for attack in stages(differentiable=False))


@cache
def stages(runs: int = RUNS, *, differentiable: bool) -> tuple[Attack, ...]:
    """The attacks of the cascade, the cheapest first."""
    own = APGD(restarts=runs, name=f"apgd:restarts={runs}")
    every = (WorstCounterpart(own=False), own, TRUE_BIASED, FALSE_FAIR, FALSE_BIASED, Noise())
    return tuple(attack for attack in every if differentiable or not attack.needs_gradients)


def tried(attack: Attack, problem: Problem, seen: Observation) -> Trajectory:
    """What one stage finds."""
    if isinstance(attack, Restarted):
        return likeliest(problem, attack, seen)
    if isinstance(attack, Noise):
        budget = problem.budget
        problem = replace(problem, budget=replace(budget, steps=min(DRAWN, budget.steps)))
    return attack.solve(problem, seen)


def likeliest(problem: Problem, attack: Restarted, seen: Observation) -> Trajectory:
    """The row as it came and, of all runs that look at rows alone, one iterate, judged.

    That is the first that gets another class, else the one that came nearest to it.
    """
    labels, best = problem.labels, problem.start.copy()
    score = np.full(len(labels), -np.inf)
    for path in attack.runs(replace(problem, judged=False), seen):
        steps = path.steps
        logits = problem.sweep.predict(np.concatenate(path.rows[1:]))
        each = margins(logits, np.tile(labels, steps))
        each[logits.argmax(axis=1) != np.tile(labels, steps)] = np.inf
        each = each.reshape(steps, -1)
        better = np.flatnonzero(each.max(axis=0) > score)
        best[better] = path.rows_at(1 + each.argmax(axis=0))[better]
        score[better] = each.max(axis=0)[better]
    start = Observation.of_verdicts(problem.start, seen)
    judged = problem.sweep.judge(best, labels)
    return Trajectory(labels, labels, (problem.start, best), (start, judged))
