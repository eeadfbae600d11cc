"""What a store holds of rows and windows, as values for those who ask."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.judged_rows import UNLABELLED, JudgedRows
from rafair.monitoring.watched_rates import CLEAN


@dataclass(frozen=True)
class StoredRows:
    """Rows as they are stored.

    Args:
        ids: What they are called; shape `(n,)`.
        windows: The windows that counted them; shape `(n,)`, int64.
        keys: A number for each row's encoded values; shape `(n,)`, int64.
        labels: Their classes, `UNLABELLED` where none has come; shape `(n,)`, int64.
        label_windows: The windows that counted these, 0 where none has come; shape `(n,)`, int64.
        judged: What the model did with them.
    """

    ids: Sequence[str]
    windows: NDArray[np.int64]
    keys: NDArray[np.int64]
    labels: NDArray[np.int64]
    label_windows: NDArray[np.int64]
    judged: JudgedRows

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """Where each id stands."""
        return {id_: place for place, id_ in enumerate(self.ids)}


@dataclass(frozen=True)
class Violations:
    """Rows that are behind the fall of rates.

    Args:
        count: How many there are.
        rows: The newest of them.
    """

    count: int
    rows: StoredRows


@dataclass(frozen=True)
class StoredWindow:
    """A window, with the labels that have come since.

    Args:
        number: From 1.
        key: What tells it from any other.
        source: Where it was read.
        opened: When its first record was read; UTC.
        closed: When it was judged; UTC.
        n: How many rows it counts.
        labelled: How many of them have a label now.
        quarantined: How many records were put into quarantine.
        duplicates: How many records had an id that was counted before.
        counts: By condition and metric, how many of how many rows are good now.
        document: The result as it was printed.
    """

    number: int
    key: str
    source: str
    opened: datetime.datetime
    closed: datetime.datetime
    n: int
    labelled: int
    quarantined: int
    duplicates: int
    counts: Mapping[str, Mapping[str, tuple[int, int]]]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Totals:
    """What a monitor has seen.

    Args:
        windows: How many windows.
        rows: How many rows they count.
        labelled: How many of these have a label.
        waiting_labels: How many labels wait for their row.
        quarantined: How many records were put into quarantine.
        duplicates: How many records had an id that was counted before.
        outside: How many numbers lay outside their feature's range, by column.
    """

    windows: int
    rows: int
    labelled: int
    waiting_labels: int
    quarantined: int
    duplicates: int
    outside: Mapping[str, int]


@dataclass(frozen=True)
class Delivery:
    """A message that is to be sent.

    Args:
        window: The window that it is about.
        place: Its place among the messages of that window.
        message: What to send.
        attempts: How often that was tried.
        due: When to try next; UTC.
    """

    window: int
    place: int
    message: Mapping[str, Any]
    attempts: int
    due: datetime.datetime


def stored_rows(found: Sequence[Any], conditions: tuple[str, ...]) -> StoredRows:
    """Puts rows of the database together."""

    def column(name: str, kind: Any, missing: Any = None) -> Any:
        values = [getattr(row, name) for row in found]
        return np.array([missing if value is None else value for value in values], kind)

    everywhere = np.ones(len(found), bool)
    kept = {
        name: everywhere if name == CLEAN else column(f"{name}_kept", bool) for name in conditions
    }
    fair = {name: column(f"{name}_fair", bool) for name in conditions}
    return StoredRows(
        [row.id for row in found],
        column("window", np.int64),
        column("key", np.int64),
        column("label", np.int64, UNLABELLED),
        column("label_window", np.int64, 0),
        JudgedRows(column("prediction", np.int64), kept, fair),
    )
