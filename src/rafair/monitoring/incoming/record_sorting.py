"""Records sorted: into rows that can be judged, labels that came alone, and a quarantine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.incoming.columns import Columns
from rafair.monitoring.incoming.row_ids import EXPECTED, numbered, read_id
from rafair.monitoring.judged_rows import UNLABELLED
from rafair.monitoring.stream_record import LONGEST_RAW, Record, Refused
from rafair.sanitize import shortened
from rafair.search.seeded_draws import row_keys
from rafair.tabular.encoding import Rows
from rafair.tabular.mixed_values import classes_of, found, is_missing
from rafair.tabular.row_batches import sorted_out
from rafair.tabular.schema import Schema

MOST_REASONS = 3
MOST_IGNORED = 100
"""Names of columns that nobody asked for; a hostile stream could have one in each row."""

Labels = NDArray[np.int64]
Reasons = dict[int, list[str]]


@dataclass(frozen=True)
class Sorted:
    """What a batch of records holds.

    Args:
        rows: The rows that can be judged, encoded; shape `(n, d)`.
        ids: What they are called, each once.
        labels: Their classes, `UNLABELLED` where none has come; shape `(n,)`.
        keys: A number for each row's values, equal for equal rows; shape `(n,)`, int64.
        outside: Whether a number lay outside its feature's range; shape `(n,)`.
        places: Which record each row is, by its place in the batch; shape `(n,)`.
        outside_by: The same by column, for those with any.
        labels_alone: By id, the class of rows that are not in this batch.
        label_places: By id, which record a label that came alone is, by its place in the batch;
            also of those whose row is here.
        alone: Which records are labels alone, by their places in the batch, also if refused.
        refused: The records that are neither, with reasons, in their order.
        duplicates: How many records said what another one of the batch had said.
        ignored: Columns that nobody asked for, spelt visibly; at most `MOST_IGNORED`.
    """

    rows: Rows
    ids: tuple[str, ...]
    labels: Labels
    keys: NDArray[np.int64]
    outside: NDArray[np.bool_]
    places: NDArray[np.int64]
    outside_by: Mapping[str, NDArray[np.bool_]]
    labels_alone: Mapping[str, int]
    label_places: Mapping[str, int]
    alone: tuple[int, ...]
    refused: tuple[Refused, ...]
    duplicates: int
    ignored: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def sort_records(
    records: Sequence[Record],
    schema: Schema,
    columns: Columns,
    *,
    number_rows: bool = False,
    prefix: str | None = None,
) -> Sorted:
    """Sorts a batch of records; every record is a row, a label, a duplicate, or refused.

    Only a row with another label than one that came before it is both: the row is taken with the
    first label, and the record refused for its own.

    A record with an id and a label, and none of the features, is a label alone. If its row is in
    the same batch, before or behind it, the label is given to the row.

    Args:
        records: What was read.
        schema: What rows should be.
        columns: What the columns are called.
        number_rows: Whether rows without an id are called by where they stand (`numbered`), as
            rows of files can be; else they are refused.
        prefix: What such names begin with; None for the name of their file.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="paid", classes=("no", "yes"))
        >>> rows = [{"id": 1, "age": 30}, {"id": 2, "age": "old"}, {"id": 3, "label": "yes"}]
        >>> batch = [Record("-", place, row) for place, row in enumerate(rows)]
        >>> result = sort_records(batch, schema, Columns.of(schema))
        >>> result.ids, result.labels.tolist(), dict(result.labels_alone)
        (('1',), [-1], {'3': 1})
        >>> result.refused[0].reason
        "column 'age': expected a number from 20 to 40, found 'old'"
    """
    reasons: defaultdict[int, list[str]] = defaultdict(list)
    values = {
        place: record.values for place, record in enumerate(records) if record.values is not None
    }
    ids = _ids(values, columns, reasons)
    labels = _labels(values, columns, schema, reasons)
    features = frozenset(columns.features)
    alone = [place for place in labels if features.isdisjoint(values[place])]
    as_rows = sorted(values.keys() - set(alone))
    fitted = sorted_out([values[place] for place in as_rows], schema)
    for fault in fitted.faults:
        assert fault.row is not None  # asked for row by row
        reasons[as_rows[fault.row]].append(str(replace(fault, row=None)))
    if number_rows:
        ids |= {place: numbered(records[place], prefix) for place in as_rows if ids[place] is None}
    for place in values.keys() - reasons.keys():
        if ids[place] is None:
            reasons[place].append(f"id '{columns.id}': expected {EXPECTED}, found none")
    batch = _Batch(reasons)
    row_at = {place: row for row, place in enumerate(as_rows)}
    for place in sorted(values.keys() - reasons.keys()):  # of labels, the first one counts
        name = ids[place] or ""
        if place in row_at:
            content = fitted.rows[row_at[place]].tobytes()
            batch.add_row(place, name, content, row_at[place], labels.get(place))
        else:
            batch.add_label(place, name, labels[place])
    kept = np.array(list(batch.rows.values()), np.int64)
    outside = {name: flags[kept] for name, flags in fitted.outside.items()}
    rows = fitted.rows[kept]
    return Sorted(
        rows=rows,
        ids=tuple(batch.rows),
        labels=np.array([batch.labels.get(name, UNLABELLED) for name in batch.rows], np.int64),
        keys=row_keys(rows, 0).view(np.int64),
        outside=np.any([np.zeros(len(kept), bool), *outside.values()], axis=0),
        places=np.array(as_rows, np.int64)[kept],
        outside_by={name: flags for name, flags in outside.items() if flags.any()},
        labels_alone={n: code for n, code in batch.labels.items() if n not in batch.rows},
        label_places=batch.alone,
        alone=tuple(alone),
        refused=tuple(_refused(records, reasons)),
        duplicates=batch.duplicates,
        ignored=_ignored(values, columns),
    )


class _Batch:
    """Rows and labels by id, the first of each; what contradicts them gets a reason."""

    def __init__(self, reasons: Reasons) -> None:
        self.rows: dict[str, int] = {}
        self.labels: dict[str, int] = {}
        self.alone: dict[str, int] = {}
        self.duplicates = 0
        self._reasons = reasons
        self._contents: dict[str, bytes] = {}

    def add_row(self, place: int, name: str, content: bytes, row: int, label: int | None) -> None:
        """Takes a row, unless one of its id was taken; that may have come without its label."""
        first = self._contents.setdefault(name, content)
        if first != content:
            there = found(name)
            self._reasons[place] = [f"id {there}: expected once, found again with other values"]
        elif name not in self.rows:
            self.rows[name] = row
            if label is not None and self.labels.setdefault(name, label) != label:
                self._contradicts(place, name)
        elif label is None or self.labels.setdefault(name, label) == label:
            self.duplicates += 1
        else:
            self._contradicts(place, name)

    def add_label(self, place: int, name: str, label: int) -> None:
        """Takes a label that came alone."""
        if name not in self.labels:
            self.labels[name], self.alone[name] = label, place
        elif self.labels[name] == label:
            self.duplicates += 1
        else:
            self._contradicts(place, name)

    def _contradicts(self, place: int, name: str) -> None:
        self._reasons[place] = [f"id {found(name)}: expected one label, found two different ones"]


def _ids(
    values: Mapping[int, Mapping[str, object]], columns: Columns, reasons: Reasons
) -> dict[int, str | None]:
    """The id of each record by its place, None where there is none or it cannot be one."""
    ids: dict[int, str | None] = {}
    for place, row in values.items():
        ids[place] = None
        try:
            ids[place] = read_id(row.get(columns.id))
        except ValueError as error:
            reasons[place].append(f"id '{columns.id}': {error}")
    return ids


def _labels(
    values: Mapping[int, Mapping[str, object]], columns: Columns, schema: Schema, reasons: Reasons
) -> dict[int, int]:
    """The class of each record that has a label; `UNLABELLED` if that is no class."""
    given: dict[int, tuple[str, object]] = {}
    for place, row in values.items():
        name = next((name for name in columns.labels if name in row), None)
        value = row[name] if name else None
        if name and not (is_missing(value, schema.classes)):
            given[place] = name, value
    codes = classes_of([value for _, value in given.values()], schema)
    for (place, (name, value)), code in zip(given.items(), codes, strict=True):
        if code is None:
            expected = f"one of {', '.join(schema.classes)}"
            reasons[place].append(f"label '{name}': expected {expected}, found {found(value)}")
    return {p: UNLABELLED if c is None else c for p, c in zip(given, codes, strict=True)}


def _refused(records: Sequence[Record], reasons: Mapping[int, list[str]]) -> Iterator[Refused]:
    for place, record in enumerate(records):
        if record.values is None:
            yield Refused(record.source, record.number, record.problem, record.raw)
        elif why := reasons.get(place):
            more = f"; and {len(why) - MOST_REASONS} more" if len(why) > MOST_REASONS else ""
            raw = record.raw or json.dumps(dict(record.values), default=str, ensure_ascii=False)
            reason = "; ".join(why[:MOST_REASONS]) + more
            content = raw[:LONGEST_RAW]
            yield Refused(record.source, record.number, reason, content, tuple(why))


def _ignored(values: Mapping[int, Mapping[str, object]], columns: Columns) -> tuple[str, ...]:
    names: dict[str, None] = {}
    known = {*columns.features, columns.id, *columns.labels}
    for row in values.values():
        if len(names) < MOST_IGNORED and not row.keys() <= known:
            names |= dict.fromkeys(name for name in row if name not in known)
    return tuple(shortened(name) for name in names)[:MOST_IGNORED]
