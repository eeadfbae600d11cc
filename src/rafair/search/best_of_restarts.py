"""Several runs of one search, of which each instance keeps its best."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.search.observation import Numbers, Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import Verdict, outcome_step


def best_of(runs: Sequence[Trajectory], sought: Collection[Verdict]) -> Trajectory:
    """For each instance the run that reached a verdict in `sought` in the fewest steps.

    Where none did, the one that ended with the largest loss; ties go to the first.
    """
    if len(runs) == 1:
        return runs[0]
    steps = np.stack([_success_step(run, sought) for run in runs])
    losses = np.stack([run.observations[-1].loss for run in runs])
    best = np.where(np.isfinite(steps).any(axis=0), steps.argmin(axis=0), losses.argmax(axis=0))
    rows = [run_rows.copy() for run_rows in runs[0].rows]
    observations = [observation.copy() for observation in runs[0].observations]
    for number in range(1, len(runs)):
        _replace(rows, observations, runs[number], np.flatnonzero(best == number))
    first = runs[0]
    return Trajectory(first.labels, first.targets, tuple(rows), tuple(observations))


def _replace(
    rows: list[Rows], observations: list[Observation], run: Trajectory, where: Numbers
) -> None:
    for step, (into, seen) in enumerate(zip(rows, observations, strict=True)):
        into[where] = run.rows[step][where]
        seen.put(where, run.observations[step].take(where))


def _success_step(run: Trajectory, sought: Collection[Verdict]) -> NDArray[np.float64]:
    codes = run.verdicts()
    step = outcome_step(codes, sought)
    reached = np.isin(codes[np.arange(len(step)), step], list(sought))
    return np.where(reached, step, np.inf)
