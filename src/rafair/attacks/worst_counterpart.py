"""Worst counterpart: steps on the loss of whichever counterpart is nearest to a mistake right now.

Robust accurate fairness asks for every perturbed row and every counterpart of it, so both are
sought together. At each step all counterparts are predicted, the row itself among them, and the
step follows the sign of the gradient at the one with the largest loss: the sign steps of A. Madry
et al. (ICLR 2018) with the maximum over counterparts inside. Steps shrink from .41 to .03 of
epsilon in 20 steps. The first run starts at the clean row, others at random corners of the box.

An instance goes on for what still holds of it. While its row is right and alike with all
counterparts, any mistake will do. Once they were treated differently, the row's own loss is raised;
once the row was wrong, the counterpart that is nearest to another prediction is followed. An
instance that has lost both is left alone. Of all runs the first iterates are kept, and where these
do not break a property the first iterate that does, in the place of the last.

A model without gradients is asked for the same by random changes in the place of sign steps
(`search/random_search.py`): what is sought, and when an instance is left alone, is as above. All
runs then share the steps of one, since a look at all counterparts is what costs most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafair.arguments import check_whole
from rafair.attacks.interface import Attack
from rafair.search.broken_properties import Lost
from rafair.search.category_changes import Aim, choices
from rafair.search.loop import Move, Problem, search
from rafair.search.observation import Numbers, Observation
from rafair.search.queries import Extremes, Query
from rafair.search.random_search import RandomSearch, most_queries
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import PROPERTIES
from rafair.tabular.encoding import Rows
from rafair.tabular.perturbation import PerturbationSet
from rafair.verdicts import BAD, Verdict

DRAWS, DRAWS_OF_LEVELS = 100_000, 150_000
"""Tell these draws apart from those of other attacks."""

FIRST, LEAST = 0.4, 0.01
"""Shares of epsilon: what the first step is longer than the last would be, and what stays."""


@dataclass(frozen=True)
class WorstCounterpart(Attack):
    """The search over perturbations and counterparts together.

    Args:
        restarts: How many runs, the first of them from the clean row.
        own: Whether instances that were treated unlike a counterpart go on for a mistake of their
            own row.

    Raises:
        InputError: If `restarts` is out of range.

    Example:
        >>> WorstCounterpart(restarts=2).name
        'worst-counterpart'
    """

    restarts: int = 5
    own: bool = True
    name: str = "worst-counterpart"
    sought: frozenset[Verdict] = BAD

    def __post_init__(self) -> None:
        check_whole("restarts", self.restarts, 1, 1_000)

    @property
    def look(self) -> Query:
        """All counterparts, for those with the largest and the least loss."""
        return Extremes()

    @property
    def aim(self) -> Aim:
        """A mistake of the row, or of the counterpart with the largest loss."""
        return Aim(own=1, other=1, either=True)

    @property
    def needs_gradients(self) -> bool:
        """False: random changes do without."""
        return False

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches in all runs; keeps as many iterates as one of them has."""
        if not problem.sweep.classifier.differentiable:
            blind = RandomSearch(problem, self.restarts, own=self.own)
            return search(problem, look=self.look, move=blind, seen=seen)
        steps = problem.budget.steps
        longer = replace(problem, budget=replace(problem.budget, steps=steps * self.restarts))
        move = _Steps(longer, steps, self)
        return with_witnesses(
            search(longer, look=self.look, move=move, seen=seen, aim=self.aim), steps
        )

    def most_rows(self, counterparts: int, steps: int) -> int:
        """All counterparts and one gradient at every step, and all counterparts at the start."""
        return self.restarts * steps * (counterparts + 1) + counterparts

    def most_choices(self, steps: int) -> int:
        """Those of all runs."""
        return choices(self.restarts * steps)

    def most_queries(
        self, counterparts: int, features: int, steps: int, box: PerturbationSet | None
    ) -> int:
        """What the random search asks about; all runs share its steps."""
        return most_queries(counterparts, steps)

    def moves(self, problem: Problem) -> Move:
        """How rows go from one step to the next in one run from where they are."""
        return _Steps(problem, problem.budget.steps, self)

    def corner(self, problem: Problem, run: int) -> Rows:
        """Where a run, counted from 0, begins; a random corner of each box after the first."""
        return problem.random_corners(DRAWS + run, DRAWS_OF_LEVELS + run)


class _Steps:
    """How rows go on, by what they have lost so far."""

    def __init__(self, problem: Problem, steps: int, attack: WorstCounterpart) -> None:
        self.problem, self.steps, self.attack = problem, steps, attack
        self.lost = Lost(len(problem.start), own=attack.own)
        self.stuck = np.zeros(len(problem.start), bool)  # could not pay for a gradient
        self.own = problem.sweep.counterparts.size  # the index that leaves a row as it is

    def __call__(self, rows: Rows, seen: Observation, step: int) -> Rows:
        """The next rows."""
        self.lost.see(seen, self.problem.labels)
        going = ~self.lost.done & ~self.stuck
        run, place = divmod(step - 1, self.steps)
        if run and not place:
            return np.where(going[:, None], self.attack.corner(self.problem, run), rows)
        where = np.flatnonzero(going)
        paid = self.problem.allowance.spend(where, 1)
        self.stuck[where[~paid]] = True
        return self._along(rows, seen, where[paid], place)

    def _along(self, rows: Rows, seen: Observation, where: Numbers, place: int) -> Rows:
        """Up the loss of the worst counterpart, or down that of the best where all are wrong."""
        problem, moved = self.problem, rows.copy()
        worst, best = seen.leaders[where].T
        alone = self.lost.alone[where]
        up = (seen.prediction == problem.labels)[where] | alone
        followed = np.where(alone, self.own, np.where(up, worst, best))
        at = problem.nearest(rows[where], where).copy()
        problem.sweep.counterparts.substitute(at, followed)
        _, gradient = problem.sweep.differentiate(at, problem.labels[where])
        # x ← Π_Δ(x ± ε (.4 (1 − t/T) + .01) · sign ∇l(u, y))
        share = FIRST * (1 - place / self.steps) + LEAST
        size = np.where(problem.budget.usable, share * problem.budget.box.epsilon, 0)
        moved[where] += np.where(up, 1, -1)[:, None] * size * np.sign(gradient)
        return moved


def with_witnesses(trajectory: Trajectory, steps: int) -> Trajectory:
    """The first `steps` iterates of a longer search, and what they lack of broken properties.

    Where none of them is a mistake of the row itself, or none is unfair, the first iterate of the
    longer search that is takes the place of the last that says nothing new.
    """
    if trajectory.steps <= steps:
        return trajectory
    codes = trajectory.verdicts()[:, 1:]
    rank = np.zeros(codes.shape, np.int8)
    for kinds in PROPERTIES:
        broken = np.isin(codes, list(kinds))
        found = np.flatnonzero(broken.any(axis=1))
        rank[found, broken[found].argmax(axis=1)] = -1
    chosen = 1 + np.sort(np.argsort(rank, axis=1, kind="stable")[:, :steps], axis=1)
    moments = [np.zeros(len(chosen), np.int64), *chosen.T]
    return trajectory.at(moments)
