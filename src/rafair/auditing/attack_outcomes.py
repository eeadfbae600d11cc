"""The one row of each instance that an attack is counted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.engine.atomic_files import copy_file
from rafair.results.attack_runs import sought_by
from rafair.results.audit_result import Audit
from rafair.results.run_files import ADVERSARIAL, CURVE
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema
from rafair.verdicts import Verdict, outcome_step, verdicts


@dataclass(frozen=True)
class Outcomes:
    """The row of each instance that an attack counts by, and what was seen there."""

    rows: Rows
    observation: Observation | None
    cells: NDArray[np.int8]
    reached: NDArray[np.bool_]

    @classmethod
    def of(cls, trajectory: Trajectory, sought: frozenset[Verdict]) -> Outcomes:
        """The first iterate with a verdict in `sought`, else the last."""
        codes = trajectory.verdicts()
        step = outcome_step(codes, sought)
        cells = codes[np.arange(len(step)), step]
        return cls(
            trajectory.rows_at(step),
            trajectory.observation_at(step),
            cells,
            np.isin(cells, list(sought)),
        )


@dataclass(frozen=True)
class Stored:
    """The outcome rows of a finished run, to be repaired without attacking again.

    Args:
        audit: The run.
        adversarial: Its `adversarial.parquet`.
    """

    audit: Audit
    adversarial: pd.DataFrame

    @property
    def instances(self) -> NDArray[np.int64]:
        """The instances of that run, ascending."""
        return np.sort(self.adversarial["instance"].unique()).astype(np.int64)

    @property
    def names(self) -> list[str]:
        """The single attacks of that run, in order."""
        return [str(name) for name in self.adversarial["attack"].unique()]

    def outcomes(self, instances: NDArray[np.int64], schema: Schema) -> dict[str, Outcomes]:
        """The outcome of each attack for some instances, in their order."""
        frame = self.adversarial[self.adversarial["instance"].isin(instances)]
        return {
            str(name): _stored_outcome(sought_by(str(name)), rows, schema)
            for name, rows in frame.groupby("attack", observed=True, sort=False)
        }

    def copy_to(self, folder: Path) -> None:
        """Copies the attacked rows, so that the new run folder is complete."""
        for name in (ADVERSARIAL, CURVE):
            if name in self.audit.record.files:
                copy_file(self.audit.folder / name, folder / name)


def _stored_outcome(sought: frozenset[Verdict], frame: pd.DataFrame, schema: Schema) -> Outcomes:
    frame = frame.sort_values(["instance", "step"])
    moments = int(frame["step"].max()) + 1
    codes = verdicts(frame["accurate"].to_numpy(), frame["fair"].to_numpy()).reshape(-1, moments)
    step = outcome_step(codes, sought)
    each = np.arange(len(codes))
    encoded = frame[[f"encoded.{name}" for name in schema.names]].to_numpy(np.float32)
    cells = codes[each, step]
    return Outcomes(encoded[each * moments + step], None, cells, np.isin(cells, list(sought)))


def first_alike(rows: Rows, others: Sequence[Rows]) -> NDArray[np.int64]:
    """For each instance the first of others' rows that is its own, -1 where none is; shape `(n,)`.

    Example:
        >>> own = np.array([[0.1], [0.2]], np.float32)
        >>> first_alike(own, [own + 1, own[::-1], np.float32([[0.1], [0.3]])]).tolist()
        [2, -1]
    """
    alike = np.stack([np.zeros(len(rows), bool), *((rows == one).all(axis=1) for one in others)])
    first: NDArray[np.int64] = alike.argmax(axis=0) - 1
    return first


def choose_member(outcomes: list[Outcomes]) -> NDArray[np.int64]:
    """For each instance the attack of a union whose outcome row stands for it; shape `(n,)`.

    That is the first whose goal was reached; failing that the first whose outcome is not true
    fair; failing that the first.
    """
    reached = np.stack([outcome.reached for outcome in outcomes])
    broken = np.stack([outcome.cells != Verdict.TRUE_FAIR for outcome in outcomes])
    chosen: NDArray[np.int64] = np.where(
        reached.any(axis=0), reached.argmax(axis=0), broken.argmax(axis=0)
    )
    return chosen
