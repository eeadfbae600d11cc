"""What a reference keeps of each row, as a table of one line a row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.metrics.rates import Rate, share
from rafair.monitoring.judged_rows import JudgedRows
from rafair.monitoring.watched_rates import METRICS
from rafair.results.parquet_columns import numbers


@dataclass(frozen=True)
class ReferenceRows:
    """What is kept of each row.

    Args:
        keys: A number for its encoded values, equal for equal rows; shape `(n,)`, int64.
        labels: Its true class; shape `(n,)`.
        judged: What the model did with it.
    """

    keys: NDArray[np.int64]
    labels: NDArray[np.int64]
    judged: JudgedRows

    def __len__(self) -> int:
        return len(self.labels)

    def to_table(self) -> pa.Table:
        """One line a row: `key`, `label`, `prediction`, `CONDITION.kept`, `CONDITION.fair`."""
        return pa.table({name: pa.array(values) for name, values in self._columns().items()})

    def _columns(self) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {
            "key": self.keys.astype("<i8"),
            "label": self.labels.astype("<i8"),
            "prediction": self.judged.predictions.astype("<i8"),
        }
        for condition in self.judged.conditions:
            columns[f"{condition}.kept"] = self.judged.kept[condition]
            columns[f"{condition}.fair"] = self.judged.fair[condition]
        return columns

    @classmethod
    def of_table(cls, table: pa.Table, conditions: tuple[str, ...]) -> ReferenceRows:
        """From what `to_table` gives.

        Raises:
            KeyError: If a column is missing.
            ValueError: If a column is of another type, or has gaps.
        """
        found = {name: _column(table, name, pa.int64()) for name in ("key", "label", "prediction")}
        kept = {name: _column(table, f"{name}.kept", pa.bool_()) for name in conditions}
        fair = {name: _column(table, f"{name}.fair", pa.bool_()) for name in conditions}
        return cls(found["key"], found["label"], JudgedRows(found["prediction"], kept, fair))

    @property
    def sha256(self) -> str:
        """The hash of all columns, by name and value."""
        digest = hashlib.sha256()
        for name, values in self._columns().items():
            digest.update(f"{name}:{len(self)}\n".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def rates(self) -> dict[str, dict[str, Rate]]:
        """By condition and metric, each rate with its counts and its 95 % interval."""
        found: dict[str, dict[str, Rate]] = {}
        for condition in self.judged.conditions:
            holds = {m: share(self.judged.holds(condition, m, self.labels)) for m in METRICS}
            found[condition] = {m: rate for m, rate in holds.items() if rate}
        return found


def _column(table: pa.Table, name: str, kind: pa.DataType) -> NDArray[Any]:
    if name not in table.column_names:
        raise KeyError(f"expected a column {name}, found none")
    values = table[name]
    if values.type != kind or values.null_count:
        raise ValueError(f"column {name}: expected {kind} without gaps, found {values.type}")
    return numbers(values)
