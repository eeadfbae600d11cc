"""The one loop: look at the rows, move them, project, remember.

An algorithm is the parts it brings: how much it looks at, and how it moves. RAFair towards "false
fair" is

    search(sweep, rows, labels, look=Look.COMPARE, move=towards(Goal.FALSE_FAIR, budget), …)

and the repair is the same with `Goal.TRUE_FAIR`, started from adversarial rows with the box
centred on each of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.goals import Goal
from rafair.search.looks import Look
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows

Move = Callable[[Rows, Observation, int], Rows]
"""From the current rows `(n, d)`, what is seen there, and the step's number to the next rows."""


def search(
    sweep: Sweep,
    start: Rows,
    labels: Labels,
    *,
    look: Look,
    move: Move,
    budget: Budget,
    true_labels: Labels | None = None,
    seen: Observation | None = None,
) -> Trajectory:
    """Moves rows for some steps inside the box around their start.

    A row that a step leaves where it is is not asked about again: its answers are known. The last
    iterate is only judged, since no step follows; the counterpart that it is compared with is the
    one chosen before.

    Args:
        sweep: How rows are looked at.
        start: Encoded rows of shape `(n, d)`.
        labels: The classes that the loss is measured against; shape `(n,)`.
        look: How much is looked at.
        move: Where to go next; the loop projects it.
        budget: How many steps, and the box they stay in, centred on `start`.
        true_labels: The classes that verdicts are given by, where they are not `labels`.
        seen: What is known of `start` already; rows of which it says too little are looked at.

    Returns:
        The start and exactly `budget.steps` iterates of each row.
    """
    rows = start.astype(np.float32)
    observation = _complete(sweep, rows, labels, look, seen)
    path, observations = [rows], [observation]
    for step in range(1, budget.steps + 1):
        moved = budget.box.project(move(rows, observation, step), start)
        changed = np.flatnonzero((moved != rows).any(axis=1))
        rows, observation = moved, observation.copy()
        if changed.size:
            ask, target = rows[changed], labels[changed]
            if step == budget.steps:
                news = look.at_last(sweep, ask, target, observation.take(changed))
            else:
                news = look.at(sweep, ask, target)
            observation.put(changed, news)
        path.append(rows)
        observations.append(observation)
    truth = labels if true_labels is None else true_labels
    return Trajectory(truth, labels, tuple(path), tuple(observations))


def towards(goal: Goal, budget: Budget) -> Move:
    """Steps of fixed length along a goal's direction, on the features that may move."""

    def move(rows: Rows, seen: Observation, step: int) -> Rows:
        wanted = goal.direction(seen.gradient, seen.counterpart_gradient)
        return rows + budget.step_size * np.where(budget.box.movable, wanted, 0)

    return move


def _complete(
    sweep: Sweep, rows: Rows, labels: Labels, look: Look, seen: Observation | None
) -> Observation:
    """Looks at the rows of which too little is known yet."""
    if seen is None:
        return look.at(sweep, rows, labels)
    complete, unknown = look.limited(seen), look.lacks(seen)
    if unknown.size:
        complete.put(unknown, look.at(sweep, rows[unknown], labels[unknown]))
    return complete
