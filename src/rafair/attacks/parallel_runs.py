"""Runs of one attack side by side, where all that is wanted is a row that breaks a property.

An attack keeps every iterate of every run, each judged. Where one row is enough that is too much:
runs go through one search together, each instance as many times as there are runs, and only those
that still hold go on to the next runs. What may be kept is judged at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rafair.attacks.apgd import APGD
from rafair.attacks.worst_counterpart import WorstCounterpart
from rafair.models.losses import margins
from rafair.search.loop import Problem, elsewhere, search
from rafair.search.observation import Numbers, Observation
from rafair.search.queries import Extremes, Query
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import PROPERTIES
from rafair.tabular.encoding import Rows

EVERY = 5
"""After how many steps worst counterpart looks at all counterparts again. In between it follows
those that led. With two runs more than with a look at every step, counts of single networks moved
by a row either way; this number and that of runs were chosen among seven pairs on the same
networks (three of adult, three of credit)."""


def nearest_to_wrong(problem: Problem, attack: APGD, seen: Observation) -> Trajectory:
    """The row as it came and, of all runs that look at rows alone, one iterate, judged.

    That is one that gets another class, else the one that came nearest to it.
    """
    labels, best = problem.labels, problem.start.copy()
    score = np.full(len(labels), -np.inf)
    for runs in groups(problem, attack.restarts):
        where = np.flatnonzero(score < np.inf)
        if not where.size:
            break
        path = together(problem, attack, attack.look, seen, where, runs)
        each = _scores(problem, path).reshape(len(runs) * path.steps, -1)
        better = np.flatnonzero(each.max(axis=0) > score[where])
        step, run = np.divmod(each.argmax(axis=0), len(runs))
        rows = np.stack(path.rows)[1 + step, run * len(where) + np.arange(len(where))]
        best[where[better]], score[where[better]] = rows[better], each.max(axis=0)[better]
    start = Observation.of_verdicts(problem.start, seen)
    judged = problem.sweep.judge(best, labels)
    return Trajectory(labels, labels, (problem.start, best), (start, judged))


def _scores(problem: Problem, path: Trajectory) -> NDArray[np.float64]:
    """How near each iterate is to another class, infinite where it gets one; `(T, n)`."""
    logits = problem.sweep.predict(np.concatenate(path.rows[1:]))
    labels = np.tile(path.labels, path.steps)
    scores = np.where(logits.argmax(axis=1) == labels, margins(logits, labels), np.inf)
    return scores.reshape(path.steps, -1)


def breaking(problem: Problem, attack: WorstCounterpart, seen: Observation) -> Trajectory:
    """The row as it came and, of all runs, the first iterate that breaks each property, judged.

    Where none does, the row as it came stands in its place. An instance that was treated unlike a
    counterpart is left alone.
    """
    labels, start = problem.labels, Observation.of_verdicts(problem.start, seen)
    rows = [problem.start.copy() for _ in PROPERTIES]
    # for K > 0 it takes a look at all counterparts to know which of them disagree
    every = 1 if problem.sweep.k else EVERY
    broken = np.zeros((len(PROPERTIES), len(labels)), bool)
    for runs in groups(problem, attack.restarts):
        where = np.flatnonzero(start.fair & ~broken[1])
        if not where.size:
            break
        look = Extremes(every=every, clean=not runs[0])
        path = together(problem, attack, look, seen, where, runs)
        for side, (at, found) in enumerate(_first_broken(path, len(runs))):
            new = ~broken[side, where[at]]
            rows[side][where[at[new]]] = found[new]
            broken[side, where[at]] = True
    observations = [start]
    for found, at in zip(rows, broken, strict=True):
        judged, new = start.copy(), np.flatnonzero(at)
        if new.size:
            judged.put(new, problem.sweep.judge(found[new], labels[new]))
        observations.append(judged)
    return Trajectory(labels, labels, (problem.start, *rows), tuple(observations))


def _first_broken(path: Trajectory, runs: int) -> Iterator[tuple[Numbers, Rows]]:
    """Of each property, the instances of which an iterate breaks it, and that iterate."""
    codes = path.verdicts()[:, 1:].reshape(runs, -1, path.steps)
    rows = np.stack(path.rows[1:], axis=1).reshape(*codes.shape, -1)
    for kinds in PROPERTIES:
        lost = np.isin(codes, list(kinds)).transpose(1, 0, 2).reshape(codes.shape[1], -1)
        at = np.flatnonzero(lost.any(axis=1))
        run, step = np.divmod(lost[at].argmax(axis=1), path.steps)
        yield at, rows[run, at, step]


def groups(problem: Problem, runs: int) -> list[range]:
    """Which runs go side by side: the first, which breaks most of all, alone, and then all others.

    Where money is short each goes alone: copies of an instance would spend the same twice.
    """
    if problem.budget.gradient_rows is not None:
        return [range(run, run + 1) for run in range(runs)]
    return [some for some in (range(1), range(1, runs)) if some]


def together(
    problem: Problem,
    attack: APGD | WorstCounterpart,
    look: Query,
    seen: Observation,
    where: Numbers,
    runs: range,
) -> Trajectory:
    """Some runs in one search, which is not judged; the first run of all goes alone.

    Args:
        problem: The rows.
        attack: What moves them.
        look: What it looks at.
        seen: What is known of the rows.
        where: Which of them are searched.
        runs: Which runs.

    Returns:
        The iterates of all these instances in the first of the runs, then in the next.
    """
    part = problem.of(where, judged=False)
    if not runs[0]:
        return search(
            part, look=look, move=attack.moves(part), seen=seen.take(where), aim=attack.aim
        )
    copies = np.tile(where, len(runs))
    every = problem.of(copies, judged=False)
    shorter = replace(every, budget=replace(every.budget, steps=every.budget.steps - 1))
    first = np.concatenate([attack.corner(part, run) for run in runs])
    move = elsewhere(first, attack.moves(shorter))
    return search(every, look=look, move=move, seen=seen.take(copies), aim=attack.aim)
