"""Rows of `adversarial.parquet` by number: whose each is, and columns of a few of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.results.attack_runs import sought_by
from rafair.results.parquet_columns import Numbers, columns_of, distinct, numbers
from rafair.results.run_files import ADVERSARIAL, REPAIRED
from rafair.verdicts import Verdict, outcome_step

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["attack", "instance", "step", "verdict"]


@dataclass(frozen=True)
class StoredRows:
    """Which row is whose; each array has shape `(rows,)`, in the file's order.

    Args:
        attacks: The attacks that occur.
        attack: For each row an index into `attacks`.
        instance: The row of the audited table.
        step: The step; 0 is the row as it was.
        verdict: The code of its verdict.
    """

    attacks: Sequence[str]
    attack: Numbers
    instance: Numbers
    step: Numbers
    verdict: NDArray[np.int8]

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> StoredRows:
        """Of the content of `adversarial.parquet` or `repaired.parquet`."""
        return cls.of_table(pa.Table.from_pandas(frame[KEYS], preserve_index=False))

    @classmethod
    def of_table(cls, table: pa.Table) -> StoredRows:
        """Of the columns `KEYS` of either file."""
        attacks, attack = distinct(table["attack"])
        names, known = distinct(table["verdict"])
        codes = np.array([Verdict.named(str(name)) for name in names], np.int8)
        return cls(
            attacks=[str(name) for name in attacks],
            attack=attack,
            instance=numbers(table["instance"]).astype(np.int64),
            step=numbers(table["step"]).astype(np.int64),
            verdict=codes[known] if len(codes) else np.empty(0, np.int8),
        )

    @classmethod
    def read(cls, folder: Path, name: str = ADVERSARIAL) -> StoredRows:
        """Of a run folder; reads nothing but what it holds.

        Raises:
            RunFolderError: If the file cannot be read.
        """
        return cls.of_table(columns_of(folder / name, KEYS))

    def __len__(self) -> int:
        return len(self.instance)

    def of(self, attack: str) -> Numbers:
        """The numbers of an attack's rows: instance by instance, step by step."""
        if attack not in self.attacks:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.attack == self.attacks.index(attack))

    def outcomes(self, attack: str) -> Numbers:
        """The number of each instance's outcome row of a single attack; shape `(n,)`."""
        rows = self.of(attack)
        if not len(rows):
            return rows
        moments = int(self.step[rows].max()) + 1
        grid = rows.reshape(-1, moments)
        step = outcome_step(self.verdict[grid], sought_by(attack))
        found: Numbers = grid[np.arange(len(grid)), step]
        return found


def repaired_rows(folder: Path) -> StoredRows | None:
    """Which row of `repaired.parquet` is whose; None where nothing was repaired."""
    return StoredRows.read(folder, REPAIRED) if (folder / REPAIRED).exists() else None
