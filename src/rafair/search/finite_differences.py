"""Signs of gradients without gradients: each feature is moved up and down, and the model asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.goals import Goal
from rafair.search.loop import Move, Problem, towards
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.queries import Compare, Query
from rafair.search.seeded_draws import row_keys, uniform
from rafair.tabular.encoding import Rows
from rafair.verdicts import verdicts

ROUNDS = 5
"""How often the probes of one row may grow at first: doubled so often, a step becomes the box of
20 steps."""

DRAWS = 2_000_000
"""Tells these draws apart from those of other attacks; each goal has as many of its own."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Suspect(Query):
    """The predictions of all counterparts, for the one with the largest loss.

    Signs are probed by the algorithm itself, where it needs them.
    """

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Predicts all counterparts."""
        return sweep.suspect(rows, labels)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Takes over what is known, and looks at the other rows."""
        known = None if seen is None else seen.judged & seen.compared
        return self._at_unknown(sweep, rows, labels, seen, known)

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """Nothing."""
        return np.zeros_like(counterparts)


def steering(problem: Problem, goal: Goal) -> tuple[Query, Move]:
    """What is looked at and how rows move towards a goal, with gradients or without."""
    if problem.sweep.classifier.differentiable:
        return Compare(), towards(goal, problem.budget)
    return Suspect(), Probing(problem, goal)


def most_probes(features: int, steps: int) -> int:
    """The most rows that probing asks about in one search, for an instance.

    Args:
        features: How many features may move.
        steps: How many steps are taken.
    """
    return 4 * features * (2 * steps + ROUNDS)


class Probing:
    """Moves along signs that are probed: each feature a little up and down, at row and counterpart.

    A probe that changes nothing grows, as it must where a model is flat, and its size is kept for
    the next step; a feature whose probe had to grow moves as far as that. A row that no sign moves
    any more, and that is not yet where it should be, goes to a random point of its box.

    Under feasible perturbations probes start from a feasible row and go to values of the feature's
    grid: a model behind a typed interface takes no others. Derived columns follow. Relations need
    not hold there: a probe moves one feature, and what follows from it, alone.

    Args:
        problem: The rows and the budget.
        goal: Where to.
    """

    def __init__(self, problem: Problem, goal: Goal) -> None:
        self.problem, self.goal = problem, goal
        budget = problem.budget
        self._columns = np.flatnonzero(budget.usable)
        n, m = len(problem.start), len(self._columns)
        self._first = budget.single_step[self._columns]
        self._sizes = np.tile(self._first, (2, n, 1))
        self._rounds = np.full(n, budget.steps + ROUNDS)
        self._before = problem.start
        self._step = np.broadcast_to(budget.step_size[self._columns], (n, m))

    def __call__(self, rows: Rows, seen: Observation, step: int) -> Rows:
        """The next rows; what is probed is written into `seen`."""
        unknown = np.flatnonzero(~seen.differentiated & (seen.counterpart != NONE))
        if unknown.size:
            # shadows lie between the rows that a person may have: probes start from those
            self._probe(unknown, self.problem.nearest(rows), seen)
        columns, moved = self._columns, rows.copy()
        wanted = self.goal.direction(seen.gradient, seen.counterpart_gradient)[:, columns]
        signs = np.stack([seen.gradient, seen.counterpart_gradient])[:, :, columns]
        grown = np.where((signs != 0) & (self._sizes > self._first), self._sizes, 0).max(axis=0)
        length = np.where(grown > 0, grown, self._step)
        moved[:, columns] += length * np.nan_to_num(wanted)
        moved = self.problem.project(moved)
        idle = (moved == rows).all(axis=1) | (moved == self._before).all(axis=1)
        cell = verdicts(seen.prediction == self.problem.labels, seen.fair)
        lost = np.flatnonzero(idle & (cell != self.goal.verdict))
        moved[lost] = self._draw(lost, seen, step)
        self._before = rows
        return moved

    def _draw(self, where: Numbers, seen: Observation, step: int) -> Rows:
        """A random point of the boxes at `where`, half of it at the end that a sign points to.

        Where the row's own prediction should stay right, signs are the counterpart's.
        """
        run = DRAWS * (1 + list(Goal).index(self.goal)) + 2 * step
        lower, upper = (bound[where] for bound in self.problem.bounds)
        start, seed = self.problem.start[where], self.problem.budget.seed
        drawn = uniform(row_keys(start, seed, run), lower, upper)
        apart = self.goal is Goal.TRUE_BIASED
        signs = seen.counterpart_gradient if apart else self.goal.uphill * seen.gradient
        signs = np.nan_to_num(signs[where])
        coins = uniform(row_keys(start, seed, run + 1), np.zeros_like(start), np.ones_like(start))
        guided = (coins < 0.5) & (signs != 0)
        return np.where(guided, np.where(signs > 0, upper, lower), drawn)

    def _probe(self, where: Numbers, rows: Rows, seen: Observation) -> None:
        """Writes signs of the loss's slopes at rows and their counterparts into `seen`."""
        others = rows[where].copy()
        self.problem.sweep.counterparts.substitute(others, seen.counterpart[where])
        points = np.concatenate([rows[where], others])
        losses = np.concatenate([seen.loss[where], seen.counterpart_loss[where]])
        signs = self._signs(where, points, losses)
        for values, found in zip(
            (seen.gradient, seen.counterpart_gradient), np.split(signs, 2), strict=True
        ):
            values[where] = 0
            values[np.ix_(where, self._columns)] = found
        seen.differentiated[where] = True

    def _signs(self, where: Numbers, points: Rows, losses: Values) -> Rows:
        """Signs at the rows `points` and, behind them, at their counterparts; `(2k, m)`.

        Args:
            where: Which instances; shape `(k,)`.
            points: Shape `(2k, d)`.
            losses: The losses there; shape `(2k,)`.
        """
        k, both = len(where), np.concatenate([where, where])
        labels = self.problem.labels[both]
        reached = self.problem.budget.box.reached
        lower, upper = (bound[both] for bound in self.problem.bounds)
        # a sensitive feature that may move is probed around the counterpart's own value
        lower, upper = np.minimum(lower, points), np.maximum(upper, points)
        # the last values that may be asked about
        lower, upper = (reached(end, points, lower, upper) for end in (lower, upper))
        widest = np.maximum(upper - points, points - lower)[:, self._columns]
        sizes = np.minimum(self._sizes[:, where].reshape(2 * k, -1), widest)
        signs: Rows = np.zeros_like(widest)
        open_ = widest > 0
        while open_.any():
            point, place = np.nonzero(open_)
            change = np.zeros_like(points)
            change[:, self._columns] = sizes
            ends = [
                reached(wanted, points, lower, upper)[point, self._columns[place]]
                for wanted in (points + change, points - change)
            ]
            asked = self._losses(points, labels, losses, point, place, np.concatenate(ends))
            signs[point, place] = np.sign(asked[0] - asked[1])
            open_ &= (signs == 0) & (sizes < widest)
            growing = open_.any(axis=1).reshape(2, k).any(axis=0) & (self._rounds[where] > 0)
            open_ &= np.concatenate([growing, growing])[:, None]
            sizes = np.where(open_, np.minimum(2 * sizes, widest), sizes)
            self._rounds[where[growing]] -= 1
        # what is flat as far as the box goes is probed so far at once next time
        sizes = np.where((signs == 0) & (sizes >= widest), 1, np.maximum(sizes, self._first))
        self._sizes[:, where] = sizes.reshape(2, k, -1)
        return signs

    def _losses(
        self,
        points: Rows,
        labels: Labels,
        losses: Values,
        point: Numbers,
        place: Numbers,
        value: NDArray[np.float32],
    ) -> Values:
        """Losses with feature `place` of each `point` at both its ends, `(2q,)`; `(2, q)`."""
        moved = points[np.concatenate([point, point])]
        column = self._columns[np.concatenate([place, place])]
        each = np.arange(len(moved))
        known = np.tile(losses[point], 2)
        asked = np.flatnonzero(moved[each, column] != value)
        moved[each, column] = value
        moved = self.problem.budget.box.following(moved, points[np.concatenate([point, point])])
        which = np.concatenate([point, point])[asked]
        known[asked] = self.problem.sweep.losses(moved[asked], labels[which])
        return known.reshape(2, -1)
