"""The rows of `adversarial.parquet` by number: whose each is, and any column of a few of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.auditing.columns import ADVERSARIAL, REPAIRED
from rafair.auditing.twins import attack_of
from rafair.errors import RunFolderError
from rafair.verdicts import Verdict, outcome_step

Numbers = NDArray[np.int64]
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
        attack, attacks = pd.factorize(frame["attack"].astype(str))
        known, names = pd.factorize(frame["verdict"].astype(str))
        codes = np.array([Verdict.named(str(name)) for name in names], np.int8)
        return cls(
            attacks=[str(name) for name in attacks],
            attack=attack.astype(np.int64),
            instance=frame["instance"].to_numpy(np.int64),
            step=frame["step"].to_numpy(np.int64),
            verdict=codes[known] if len(codes) else np.empty(0, np.int8),
        )

    @classmethod
    def read(cls, folder: Path, name: str = ADVERSARIAL) -> StoredRows:
        """Of a run folder; reads nothing but what it holds.

        Raises:
            RunFolderError: If the file cannot be read.
        """
        return cls.of_frame(columns_of(folder / name, KEYS).to_pandas())

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
        step = outcome_step(self.verdict[grid], attack_of(attack).sought)
        found: Numbers = grid[np.arange(len(grid)), step]
        return found


def columns_of(path: Path, names: Sequence[str], rows: Numbers | None = None) -> pa.Table:
    """Some columns of a Parquet file, of all its rows or of those with these numbers.

    Raises:
        RunFolderError: If the file cannot be read, or lacks a column.
    """
    try:
        with pq.ParquetFile(path, read_dictionary=_texts(names)) as file:
            table = file.read(columns=list(names)).select(list(names))
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(f"'{path}': expected a whole Parquet file: {reason}") from error
    return table if rows is None else table.take(pa.array(rows))


def repaired_rows(folder: Path) -> StoredRows | None:
    """Which row of `repaired.parquet` is whose; None where nothing was repaired."""
    return StoredRows.read(folder, REPAIRED) if (folder / REPAIRED).exists() else None


def _texts(names: Sequence[str]) -> list[Any]:
    """Columns that may be texts are read as codes, which takes a tenth of the memory."""
    return [name for name in names if name.startswith(("raw.", "counterpart."))]
