"""The open window: what has come since the last one was closed, each row and label once."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.incoming.record_sorting import Sorted
from rafair.monitoring.judged_rows import UNLABELLED
from rafair.monitoring.store.stored_values import StoredRows
from rafair.monitoring.stream_record import Position, Record, Refused
from rafair.tabular.encoding import Rows
from rafair.wording import few

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

Sort = Callable[[Sequence[Record]], Sorted]

PIPE = "-"
"""What standard input is called as a source."""

MOST_SOURCES = 3
"""How many files a window names as its source."""


@dataclass
class Gathering:
    """Rows, labels and refusals on their way into one window.

    What the store has counted is not counted again: of a record that was counted before only a
    label that is news is kept. The label that came first is the one that counts; another one for
    the same row is refused.

    Args:
        opened: When its first record was read; UTC.
        told_source: Where it comes from, in words; if empty, the names of its files.
    """

    opened: datetime.datetime
    ids: list[str] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    outside_flags: list[bool] = field(default_factory=list)
    blocks: list[Rows] = field(default_factory=list)
    place_of: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    claimed: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    labels_alone: int = 0
    refused_labels: int = 0
    duplicates: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    positions: dict[str, Position] = field(default_factory=dict)
    told_source: str = ""

    def __len__(self) -> int:
        """How many rows and labels it counts."""
        return len(self.ids) + len(self.late) + len(self.waiting)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be stored but positions."""
        return not (self or self.refused or self.duplicates)

    @property
    def came(self) -> dict[str, tuple[int, int]]:
        """Of rows, and of labels that came alone, how many were taken up and how many refused."""
        rows, labels = len(self.refused) - self.refused_labels, self.refused_labels
        return {"rows": (len(self.ids), rows), "labels": (self.labels_alone - labels, labels)}

    @property
    def untouched(self) -> bool:
        """Whether no record has come yet."""
        return self.empty and not self.positions

    def rows(self, width: int) -> Rows:
        """The encoded rows; shape `(n, width)`."""
        return np.concatenate([np.empty((0, width), np.float32), *self.blocks])

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        if self.told_source:
            return self.told_source
        return few(list(self.positions), MOST_SOURCES)

    def add(self, records: Sequence[Record], sort: Sort, store: Store) -> None:
        """Takes up records, as far as they are news.

        Args:
            records: What was read, in order.
            sort: Tells rows, labels and malformed records apart.
            store: Knows what was counted before.
        """
        for record in records:
            self.positions[record.source] = record.after
        found = sort(records)
        before = len(self.refused)
        self.refused += found.refused
        self.duplicates += found.duplicates
        asked = [name for name in (*found.ids, *found.labels_alone) if name not in self.place_of]
        known = store.rows_of(asked)
        waiting = store.waiting_labels([name for name in asked if name not in known.place_of])
        self._add_rows(found, records, known, waiting)
        for name, label in found.labels_alone.items():
            record = records[found.label_places[name]]
            if not self._label(name, label, known, record, waiting):
                self.duplicates += 1
        self.refused[before:] = self._new_refusals(self.refused[before:], store)
        alone = {(records[place].source, records[place].number) for place in found.alone}
        self.labels_alone += len(found.alone)
        refused = self.refused[before:]
        self.refused_labels += sum((one.source, one.number) in alone for one in refused)

    def _new_refusals(self, refused: Sequence[Refused], store: Store) -> list[Refused]:
        """Those that are not what was refused before and comes over a pipe again."""
        piped = [one for one in refused if one.source == PIPE]
        known = store.known_refusals(piped) if piped else set()
        new = [one for one in refused if one not in known]
        self.duplicates += len(refused) - len(new)
        return new

    def _add_rows(
        self,
        found: Sorted,
        records: Sequence[Record],
        known: StoredRows,
        waiting: Mapping[str, int],
    ) -> None:
        new = []
        for row, (name, place) in enumerate(zip(found.ids, found.places.tolist(), strict=True)):
            label, key = int(found.labels[row]), int(found.keys[row])
            alone = found.label_places.get(name)
            label_record = records[place if alone is None else alone]
            before = self._key_before(name, known)
            if before is None:
                new.append(row)
                self._add_row(name, key, label)
                self._claim(name, waiting, label_record, alone is not None)
                continue
            if before != key:
                reason = f"id '{name}': expected the values that were counted before"
                self._refuse(records[place], reason)
                if alone is None:
                    continue
            elif alone is not None:
                self.duplicates += 1  # the row; its label is another record
            if label == UNLABELLED or not self._label(name, label, known, label_record, {}):
                self.duplicates += 1
        self.blocks.append(found.rows[new])
        self.outside_flags += found.outside[new].tolist()
        for column, flags in found.outside_by.items():
            self.outside[column] += int(np.count_nonzero(flags[new]))

    def _key_before(self, name: str, known: StoredRows) -> int | None:
        if name in self.place_of:
            return self.keys[self.place_of[name]]
        place = known.place_of.get(name)
        return None if place is None else int(known.keys[place])

    def _add_row(self, name: str, key: int, label: int) -> None:
        self.place_of[name] = len(self.ids)
        self.ids.append(name)
        self.keys.append(key)
        self.labels.append(label)

    def _claim(self, name: str, waiting: Mapping[str, int], record: Record, is_alone: bool) -> None:
        """Gives a new row the label that came before it.

        Args:
            name: The row's id.
            waiting: Stored labels that wait for their rows.
            record: The one that told the label which came with the row.
            is_alone: Whether that is not the row's own record.
        """
        label = self.waiting.pop(name, None)
        if label is None and name in waiting:
            label = waiting[name]
            self.claimed.append(name)
        if label is None:
            return
        place = self.place_of[name]
        if self.labels[place] not in (UNLABELLED, label):
            self._refuse(record, f"label of id '{name}': expected the one that came before the row")
        elif self.labels[place] == label and is_alone:
            self.duplicates += 1
        self.labels[place] = label

    def _label(
        self,
        name: str,
        label: int,
        known: StoredRows,
        record: Record,
        waiting: Mapping[str, int],
    ) -> bool:
        """Takes up a label; returns whether it is news, or was refused."""
        if name in self.place_of:
            place = self.place_of[name]
            before = self.labels[place]
            if before == UNLABELLED:
                self.labels[place] = label
        elif name in known.place_of:
            before = self.late.get(name, int(known.labels[known.place_of[name]]))
            if before == UNLABELLED:
                self.late[name] = label
        else:
            before = waiting.get(name, self.waiting.get(name, UNLABELLED))
            if before == UNLABELLED:
                self.waiting[name] = label
        if before not in (UNLABELLED, label):
            self._refuse(record, f"label of id '{name}': expected the one that was counted before")
            return True
        return before == UNLABELLED

    def _refuse(self, record: Record, reason: str) -> None:
        self.refused.append(
            Refused(record.source, record.number, f"{reason}, found others", record.raw)
        )

    def label_array(self) -> NDArray[np.int64]:
        """The rows' classes, `UNLABELLED` where none has come; shape `(n,)`."""
        return np.array(self.labels, np.int64)
