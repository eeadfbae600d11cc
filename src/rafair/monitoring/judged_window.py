"""A window that was judged: all that one transaction of the store holds."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.judged_rows import JudgedRows
from rafair.monitoring.stream_record import Position, Refused


@dataclass(frozen=True)
class NewRows:
    """The rows that a window counts.

    Args:
        ids: What they are called in the stream; shape `(n,)`.
        keys: A number for each row's encoded values, equal for equal rows; shape `(n,)`, int64.
        labels: Their classes, `UNLABELLED` where none has come; shape `(n,)`.
        outside: Whether a number lay outside its feature's range; shape `(n,)`.
        judged: What the model does with them.
    """

    ids: Sequence[str]
    keys: NDArray[np.int64]
    labels: NDArray[np.int64]
    outside: NDArray[np.bool_]
    judged: JudgedRows


@dataclass(frozen=True)
class Window:
    """What is stored at once, or not at all.

    Args:
        number: From 1, without gaps.
        key: What tells it from any other window: the same input gives the same key.
        source: Where it was read, for people.
        opened: When its first record was read; UTC.
        closed: When it was judged; UTC.
        rows: The rows it counts.
        late_labels: By id, the class of a row of an earlier window that had none.
        waiting_labels: By id, the class of rows that have not been seen.
        claimed_labels: Ids of waiting labels that rows of this window took up.
        refused: What was put into quarantine.
        duplicates: How many records had an id that was counted before.
        outside: How many numbers lay outside their feature's range, by column.
        positions: How far each source is read with this window.
        counts: By name of a watched rate, how many of how many judged now were good: the step of
            the test.
        evidence: What the tests keep for the next look.
        document: The result as it is printed.
        deliveries: Messages to be sent, of alarms that are new; plain values.
    """

    number: int
    key: str
    source: str
    opened: datetime.datetime
    closed: datetime.datetime
    rows: NewRows
    late_labels: Mapping[str, int] = field(default_factory=dict)
    waiting_labels: Mapping[str, int] = field(default_factory=dict)
    claimed_labels: Sequence[str] = ()
    refused: Sequence[Refused] = ()
    duplicates: int = 0
    outside: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    evidence: bytes = b""
    document: Mapping[str, Any] = field(default_factory=dict)
    deliveries: Sequence[Mapping[str, Any]] = ()
