"""Rows judged by a schema and encoded, wherever they come from: a table, a stream, or a watch.

Every way in gives its columns to one of three functions, which differ in what becomes of a value
that the schema does not allow: it is refused, moved to the end of its range, or told of its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.encoding import Rows, encode, value_codes
from rafair.tabular.labels import encode_labels
from rafair.tabular.mixed_values import NO_COLUMN, read_cells
from rafair.tabular.schema import Schema
from rafair.tabular.schema_check import Misfit, misfits_of_several, row_misfits, value_misfits

NO_LABELS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Batch:
    """Some rows, encoded.

    Args:
        rows: Shape `(n, d)`; those with a fault hold nothing of use.
        labels: Their classes; shape `(n,)`, or empty where labels come otherwise.
        start: The number of the first of them.
        outside: By column, whether a number lay outside its feature's range and was moved to its
            nearest end; only columns with some; shape `(n,)` each.
        faults: What is wrong with single rows, by their place in the batch.
    """

    rows: Rows
    labels: NDArray[np.int64] = field(default_factory=NO_LABELS.copy)
    start: int = 0
    outside: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    faults: Sequence[Misfit] = ()

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The rows' numbers where they come from; shape `(n,)`."""
        return np.arange(self.start, self.start + len(self.rows))


def promised(frame: pd.DataFrame, schema: Schema, start: int = 0) -> Batch:
    """Rows that a schema promises to describe: the first fault refuses them.

    Args:
        frame: Some of the rows, with their labels.
        schema: What they should be.
        start: The number of the first of them.

    Raises:
        InputError: If one is not as the schema says; says which.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="paid", classes=("no", "yes"))
        >>> promised(pd.DataFrame({"age": [20, 40], "paid": ["no", "yes"]}), schema).rows.tolist()
        [[0.0], [1.0]]
    """
    codes = {f.name: value_codes(frame[f.name], f) for f in schema.features if f.name in frame}
    first = next(row_misfits(frame, schema, codes), None)
    if first is not None:
        first = replace(first, row=None if first.row is None else first.row + start)
        raise InputError(f"{first}; rafair schema check names all of these")
    return Batch(_stacked(codes, schema), encode_labels(frame[schema.label], schema), start)


def clipped(frame: pd.DataFrame, schema: Schema, start: int = 0) -> Batch:
    """Rows of which numbers outside their range count as its nearest end, which is told.

    Args:
        frame: Some of the rows, with their labels; numbers as float64, which are moved in place.
        schema: The features that the model was trained on.
        start: The number of the first of them.

    Raises:
        InputError: If a value is missing, unknown or not finite; says which.
    """
    outside = _moved_inside(frame, schema)
    rows = encode(frame, schema, start)
    return Batch(rows, encode_labels(frame[schema.label], schema, start), start, outside)


@np.errstate(over="ignore", invalid="ignore")  # numbers of any size may come
def sorted_out(records: Sequence[Mapping[str, object]], schema: Schema) -> Batch:
    """Rows by column, in any mixture of types; one that does not fit spoils no other.

    Args:
        records: The rows.
        schema: What they should be.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> batch = sorted_out([{"age": "30"}, {"age": 45}, {"age": "old"}, {}], schema)
        >>> batch.rows[:2].tolist(), batch.outside["age"].tolist()
        ([[0.5], [1.0]], [False, True, False, False])
        >>> for fault in batch.faults:
        ...     print(fault)
        column 'age', row 2: expected a number from 20 to 40, found 'old'
        column 'age', row 3: expected a number from 20 to 40, found no such column
    """
    cells = {
        feature.name: read_cells([row.get(feature.name, NO_COLUMN) for row in records], feature)
        for feature in schema.features
    }
    frame = pd.DataFrame({name: column.values for name, column in cells.items()})
    within = frame.copy(deep=False)
    outside = _moved_inside(within, schema)
    codes: dict[str, NDArray[np.float64]] = {}
    faults: list[Misfit] = []
    for feature in schema.features:
        column, of_column = cells[feature.name], cells[feature.name].codes
        if of_column is None:
            of_column = value_codes(within[feature.name], feature)
            of_column[list(column.odd)] = np.nan
        codes[feature.name] = of_column
        faults.extend(value_misfits(column.values, feature, of_column, column.told))
    faults.extend(misfits_of_several(frame, codes, schema, row_by_row=True))
    return Batch(_stacked(codes, schema), outside=outside, faults=faults)


def _moved_inside(frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[np.bool_]]:
    """Moves finite numbers to the nearest end of their range, in place; by column, which."""
    moved = {}
    for feature in schema.features:
        if not feature.kind.is_number:
            continue
        values = frame[feature.name].to_numpy(np.float64)
        kept = np.clip(values, feature.minimum, feature.maximum)
        outside = np.isfinite(values) & (kept != values)
        if outside.any():
            frame[feature.name] = np.where(outside, kept, values)
            moved[feature.name] = outside
    return moved


def _stacked(codes: Mapping[str, NDArray[np.float64]], schema: Schema) -> Rows:
    columns = [codes[name].astype(np.float32) for name in schema.names]
    return np.stack(columns, axis=1) if columns else np.empty((0, 0), np.float32)
