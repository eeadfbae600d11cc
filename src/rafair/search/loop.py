"""The one loop: look at the rows, move them, project, remember.

An algorithm is the parts it brings: how much it looks at, and how it moves. RAFair towards "false
fair" is

    search(problem, look=Compare(), move=towards(Goal.FALSE_FAIR, budget))

and the repair is the same with `Goal.TRUE_FAIR`, started from adversarial rows with the box
centred on each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.category_changes import STEPS_PER_CHOICE, Aim, choose_levels, random_levels
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.goals import Goal
from rafair.search.observation import Numbers, Observation
from rafair.search.queries import Query
from rafair.search.search_budget import Allowance, Budget
from rafair.search.seeded_draws import corners, row_keys
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import Witnesses
from rafair.tabular.encoding import Rows

Move = Callable[[Rows, Observation, int], Rows]
"""From the current rows `(n, d)`, what is seen there, and the step's number to the next rows."""


@dataclass(frozen=True)
class Problem:
    """The rows to be moved, and what may be spent on it.

    Args:
        sweep: How rows are looked at.
        start: Encoded rows of shape `(n, d)`, at the centre of their boxes.
        labels: The classes that the loss is measured against; shape `(n,)`.
        budget: How many steps, and the box they stay in.
        judged: Whether rows that the algorithm did not judge are judged once it is done; without,
            their verdicts stay unknown.
        purse: What is left of a budget that other searches spend from as well; None of its own.
        found: What other attacks have found already; None where nobody looked.
    """

    sweep: CounterpartEvaluator
    start: Rows
    labels: Labels
    budget: Budget
    judged: bool = True
    purse: Allowance | None = None
    found: Witnesses | None = None

    @cached_property
    def allowance(self) -> Allowance:
        """What is left of the budget of each instance, in one run."""
        return self.purse or Allowance(len(self.start), self.budget.gradient_rows)

    def of(self, where: Numbers, **changes: Any) -> Problem:
        """That of some of the instances, which spends from the same budget; other fields change."""
        rows, labels, purse = self.start[where], self.labels[where], self.allowance.of(where)
        return replace(self, start=rows, labels=labels, purse=purse, **changes)

    @cached_property
    def counterparts(self) -> Numbers:
        """How many counterparts each instance has, itself included; shape `(n,)`."""
        return self.sweep.counterparts.counts(self.start)

    @cached_property
    def bounds(self) -> tuple[Rows, Rows]:
        """The least and the largest allowed value of each feature, each of shape `(n, d)`."""
        return self.budget.box.bounds(self.start)

    def project(self, rows: Rows) -> Rows:
        """The nearest allowed rows; shape `(n, d)`."""
        lower, upper = self.bounds
        projected = np.maximum(rows, lower)
        projected = np.minimum(projected, upper, out=projected).astype(np.float32, copy=False)
        return self.budget.box.with_levels(projected, rows)

    def random_corners(self, draw: int, draw_of_levels: int) -> Rows:
        """A random corner of each box, with random levels; shape `(n, d)`.

        Args:
            draw: Tells these corners apart from others.
            draw_of_levels: Likewise the levels.
        """
        box, seed = self.budget.box, self.budget.seed
        drawn = corners(row_keys(self.start, seed, draw), *self.bounds)
        return random_levels(box, drawn, self.start, seed, draw_of_levels)

    def nearest(
        self, rows: Rows, where: Numbers | None = None, instead: Rows | None = None
    ) -> Rows:
        """What is asked about where a search is at `rows`; shape `(m, d)`.

        Feasible rows lie on grids, which steps need not reach: see `FeasibleSet`.

        Args:
            rows: Projected rows.
            where: Of which instances; all if None.
            instead: Feasible rows to take features from that break a relation; the nearest that
                break none are looked for if None.
        """
        centre = self.start if where is None else self.start[where]
        return self.budget.box.nearest(rows, centre, instead)


def search(
    problem: Problem,
    *,
    look: Query,
    move: Move,
    true_labels: Labels | None = None,
    seen: Observation | None = None,
    aim: Aim | None = None,
) -> Trajectory:
    """Moves rows for some steps inside the box around their start.

    A row that a step leaves where it is is not asked about again: its answers are known. The last
    iterate is only judged, since no step follows; the counterpart that it is compared with is the
    one chosen before. A row whose allowance does not pay for another look stays where it is.

    Args:
        problem: The rows, and the budget.
        look: How much is looked at.
        move: Where to go next; the loop projects it.
        true_labels: The classes that verdicts are given by, where they are not the labels.
        seen: What is known of the start already; rows of which it says too little are looked at.
        aim: What changes of category are for, where there are any; None leaves categories to the
            move.

    Returns:
        The start and exactly `budget.steps` iterates of each row.
    """
    if aim is not None and problem.budget.box.categories:
        move = with_categories(problem, move, aim)
    return _Walk(problem, look, move).go(true_labels, seen)


def elsewhere(first: Rows, move: Move) -> Move:
    """Goes to the rows `first`, of shape `(n, d)`, and from there on as `move` does from step 1."""

    def begun(rows: Rows, seen: Observation, step: int) -> Rows:
        return first if step == 1 else move(rows, seen, step - 1)

    return begun


def towards(goal: Goal, budget: Budget) -> Move:
    """Steps of fixed length along a goal's direction, on the features that may move."""

    def move(rows: Rows, seen: Observation, step: int) -> Rows:
        wanted = goal.direction(seen.gradient, seen.counterpart_gradient)
        return rows + budget.step_size * np.where(budget.box.movable, wanted, 0)

    return move


def with_categories(problem: Problem, move: Move, aim: Aim) -> Move:
    """The same move, which now and then chooses the levels of categories anew as well."""

    def both(rows: Rows, seen: Observation, step: int) -> Rows:
        wanted = move(rows, seen, step)
        if (step - 1) % STEPS_PER_CHOICE:
            return wanted
        shadow = problem.project(wanted)
        at = problem.nearest(shadow)
        chosen = choose_levels(
            problem.sweep, problem.budget.box, at, problem.start, problem.labels, seen, aim
        )
        return problem.budget.box.with_levels(shadow, chosen)

    return both


class _Walk:
    """One search under way: where the rows are, what is seen there, and the path behind them."""

    def __init__(self, problem: Problem, look: Query, move: Move) -> None:
        self.problem, self.look, self.move = problem, look, move
        self.rows = problem.start.astype(np.float32)
        self.shadow = self.rows  # where the moves have led; the rows are what is feasible there
        self.path: list[Rows] = [self.rows]
        self.observations: list[Observation] = []
        self.changed: list[Numbers] = [np.arange(len(self.rows))]
        self.cost = look.gradient_rows(problem.counterparts)

    def go(self, true_labels: Labels | None, seen: Observation | None) -> Trajectory:
        problem = self.problem
        self.going = self._start(seen)
        for step in range(1, problem.budget.steps + 1):
            self._step(step)
        if problem.judged:
            self._judge()
        truth = problem.labels if true_labels is None else true_labels
        return Trajectory(truth, problem.labels, tuple(self.path), tuple(self.observations))

    def _start(self, seen: Observation | None) -> NDArray[np.bool_]:
        """Looks at the start; says which rows can pay for it, and so may move."""
        problem, each = self.problem, self.changed[0]
        # what others have seen and paid for counts all the same: equal budgets are compared
        cost = self.look.start_gradient_rows(problem.counterparts)
        paid = problem.allowance.spend(each, cost)
        if paid.all():
            start = self.look.at_start(problem.sweep, self.rows, problem.labels, seen)
            self.observations.append(start)
            return paid
        start = Observation.of_verdicts(self.rows, seen)
        where = np.flatnonzero(paid)
        if where.size:
            rows, labels = self.rows[where], problem.labels[where]
            known = None if seen is None else seen.take(where)
            start.put(where, self.look.at_start(problem.sweep, rows, labels, known))
        self.observations.append(start)
        return paid

    def _step(self, step: int) -> None:
        problem, before = self.problem, self.observations[-1]
        with np.errstate(invalid="ignore"):  # rows that are not looked at have no gradient
            wanted = self.move(self.shadow, before, step)
        shadow = problem.project(wanted)
        if not self.going.all():
            shadow = np.where(self.going[:, None], shadow, self.shadow)
        self.shadow, moved = shadow, problem.nearest(shadow)
        # numpy reduces whole rows several times faster than it reduces along short ones
        differs = np.ascontiguousarray((moved != self.rows).T)
        changed = np.flatnonzero(differs.any(axis=0))
        self.rows = moved
        self.observations.append(self._look(changed, before, step))
        self.path.append(moved)
        self.changed.append(changed)

    def _look(self, changed: Numbers, before: Observation, step: int) -> Observation:
        """What is seen after a step, of rows that moved and of those that did not."""
        if step < self.problem.budget.steps:
            paid = self.problem.allowance.spend(changed, self.cost[changed])
        else:
            paid = np.zeros(len(changed), bool)
        sweep, labels = self.problem.sweep, self.problem.labels
        on, off = changed[paid], changed[~paid]
        self.going[off] = False
        if len(on) == len(self.rows):
            return self.look.after(sweep, self.rows, labels, before, on, step)
        if len(off) == len(self.rows):
            return self.look.at_last(sweep, self.rows, labels, before)
        now = before
        if on.size:
            news = self.look.after(sweep, self.rows[on], labels[on], before, on, step)
            now = self.look.merged(before, on, news)
        if off.size or now is before:
            now = now.copy()
        if off.size:
            last = self.look.at_last(sweep, self.rows[off], labels[off], before.take(off))
            now.put(off, last)
        return now

    def _judge(self) -> None:
        """Judges, all together, the rows of which the algorithm did not want to know so much."""
        asked = [
            changed[~seen.judged[changed]]
            for changed, seen in zip(self.changed, self.observations, strict=True)
        ]
        if not any(where.size for where in asked):
            return
        rows = np.concatenate([rows[where] for rows, where in zip(self.path, asked, strict=True)])
        labels = np.concatenate([self.problem.labels[where] for where in asked])
        news = self.problem.sweep.judge(rows, labels)
        begin = 0
        for number, (where, seen) in enumerate(zip(asked, self.observations, strict=True)):
            seen.put_verdicts(where, news.take(np.arange(begin, begin + len(where))))
            begin += len(where)
            still = np.flatnonzero(~seen.judged)
            if still.size:
                seen.put_verdicts(still, self.observations[number - 1].take(still))
