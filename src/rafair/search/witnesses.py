"""Witnesses: of each instance the first row seen that breaks each property."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.observation import Numbers, Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import BIASED, FALSE, Verdict

PROPERTIES = FALSE, BIASED
"""The verdicts that break each property: that the row gets its class, and that its counterparts get
the row's prediction. Accurate fairness is broken where one of the two is."""


class Witnesses:
    """What several searches found, each among the instances that still had something to lose.

    Args:
        rows: The rows as they came; shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
        clean: The verdicts of these rows.
    """

    def __init__(self, rows: Rows, labels: Labels, clean: Observation) -> None:
        start = Observation.of_verdicts(rows, clean)
        self._path = Trajectory(labels, labels, (rows,), (start,))
        self._rows = [rows.copy() for _ in PROPERTIES]
        self._seen = [start.copy() for _ in PROPERTIES]
        codes = self._path.verdicts()[:, 0]
        self._broken = np.stack([np.isin(codes, list(kinds)) for kinds in PROPERTIES], axis=1)
        self.tried: set[str] = set()
        """The names of attacks that were run on all instances."""

    def holding(self, sought: Collection[Verdict]) -> Numbers:
        """The instances of which a property still holds that these verdicts would break, ascending.

        Args:
            sought: The verdicts that a search is after. False ones break accuracy, biased ones
                individual fairness.
        """
        broken = [i for i, kinds in enumerate(PROPERTIES) if any(v in kinds for v in sought)]
        return np.flatnonzero(~self._broken[:, broken].all(axis=1))

    @property
    def standing(self) -> NDArray[np.bool_]:
        """Which instances no row was seen of that breaks anything; shape `(n,)`."""
        held: NDArray[np.bool_] = np.logical_not(self._broken.any(axis=1))
        return held

    def add(self, where: Numbers, found: Trajectory) -> None:
        """Takes in a search among the instances at `where`."""
        codes = found.verdicts()
        for side, kinds in enumerate(PROPERTIES):
            broken = np.isin(codes, list(kinds))
            new = np.flatnonzero(broken.any(axis=1) & ~self._broken[where, side])
            if not new.size:
                continue
            step = broken.argmax(axis=1)
            into = where[new]
            self._rows[side][into] = found.rows_at(step)[new]
            self._seen[side].put_verdicts(into, found.observation_at(step).take(new))
            self._broken[into, side] = True

    def trajectory(self, steps: int) -> Trajectory:
        """The rows as they came, then the witnesses of both properties, up to so many steps.

        Where there is none, the row as it came stands in its place.
        """
        path = self._path
        both = Trajectory(
            path.labels,
            path.targets,
            (*path.rows, *self._rows),
            (*path.observations, *self._seen),
        )
        return both.extended(steps)
