"""The one loop: look at the rows, step along a direction, project, remember.

An algorithm is the parts it brings. RAFair towards "false fair" is

    search(sweep, rows, labels, direction=towards(Goal.FALSE_FAIR), budget=budget)

and the repair is the same with `Goal.TRUE_FAIR`, started from adversarial rows with the box
centred on each of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.goals import Goal
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.tabular.perturbation import PerturbationSet

Direction = Callable[[Observation], Rows]
"""From what is seen at the current rows to the direction of the next step, `(n, d)`."""


def search(
    sweep: Sweep,
    start: Rows,
    labels: Labels,
    *,
    direction: Direction,
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
        direction: Where to step.
        budget: How many steps, how long, and the box they stay in, centred on `start`.
        true_labels: The classes that verdicts are given by, where they are not `labels`.
        seen: What is known of `start` already; rows not differentiated are looked at again.

    Returns:
        The start and exactly `budget.steps` iterates of each row.
    """
    rows = start.astype(np.float32)
    observation = _complete(sweep, rows, labels, seen)
    path, observations = [rows], [observation]
    for step in range(1, budget.steps + 1):
        moved = budget.box.project(rows + budget.step_size * direction(observation), start)
        changed = np.flatnonzero((moved != rows).any(axis=1))
        rows, observation = moved, observation.copy()
        if changed.size:
            last = step == budget.steps
            watched = observation.counterpart[changed]
            news = (
                sweep.judge(rows[changed], labels[changed], watched)
                if last
                else sweep.observe(rows[changed], labels[changed])
            )
            observation.put(changed, news)
        path.append(rows)
        observations.append(observation)
    truth = labels if true_labels is None else true_labels
    return Trajectory(truth, labels, tuple(path), tuple(observations))


def towards(goal: Goal, box: PerturbationSet) -> Direction:
    """The direction of a goal on the features that may move."""

    def direction(observation: Observation) -> Rows:
        wanted = goal.direction(observation.gradient, observation.counterpart_gradient)
        return np.where(box.movable, wanted, 0).astype(np.float32)

    return direction


def _complete(sweep: Sweep, rows: Rows, labels: Labels, seen: Observation | None) -> Observation:
    """Looks at the rows whose gradients are not known yet."""
    if seen is None:
        return sweep.observe(rows, labels)
    unknown = np.flatnonzero(~seen.differentiated)
    if not unknown.size:
        return seen
    complete = seen.copy()
    complete.put(unknown, sweep.observe(rows[unknown], labels[unknown]))
    return complete
