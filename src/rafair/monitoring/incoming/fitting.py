"""Rows of a stream held against a schema: their encoding, and per row why it cannot be one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.monitoring.incoming.cells import NO_COLUMN, Cells, found, read_cells
from rafair.tabular.derived import formulas_of
from rafair.tabular.encoding import Rows, clip_to_ranges, expected_values, value_codes
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_check import (
    Misfit,
    derived_misfits,
    expected_grid,
    group_misfits,
    off_grid,
    relation_misfits,
)
from rafair.tabular.schema_file import groups

Reasons = dict[int, list[str]]


@dataclass(frozen=True)
class FittedRows:
    """Rows and what became of them.

    Args:
        rows: Encoded; shape `(n, d)`. Those with a reason hold nothing of use.
        outside: By column, whether a number lay outside its feature's range, and was moved to its
            nearest end; only columns with some; shape `(n,)` each.
        reasons: By row, what is wrong with it.
    """

    rows: Rows
    outside: Mapping[str, NDArray[np.bool_]]
    reasons: Reasons


@np.errstate(over="ignore", invalid="ignore")  # numbers of any size may come
def fit_rows(records: Sequence[Mapping[str, object]], schema: Schema) -> FittedRows:
    """Encodes rows; one that does not fit spoils no other.

    Args:
        records: Rows by column, in any mixture of types.
        schema: What they should be.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> fitted = fit_rows([{"age": "30"}, {"age": 45}, {"age": "old"}, {}], schema)
        >>> fitted.rows[:2].tolist(), fitted.outside["age"].tolist()
        ([[0.5], [1.0]], [False, True, False, False])
        >>> for reason in fitted.reasons.values():
        ...     print(*reason)
        column 'age': expected a number from 20 to 40, found 'old'
        column 'age': expected a number from 20 to 40, found no such column
    """
    cells = {
        feature.name: read_cells([row.get(feature.name, NO_COLUMN) for row in records], feature)
        for feature in schema.features
    }
    frame = pd.DataFrame({name: column.values for name, column in cells.items()})
    clipped = frame.copy(deep=False)
    outside = {
        name: np.isfinite(frame[name].to_numpy()) & (frame[name] != clipped[name]).to_numpy()
        for name in clip_to_ranges(clipped, schema)
    }
    codes: dict[str, NDArray[np.float64]] = {}
    reasons: defaultdict[int, list[str]] = defaultdict(list)
    for feature in schema.features:
        column = cells[feature.name]
        codes[feature.name] = value_codes(clipped[feature.name], feature)
        codes[feature.name][list(column.odd)] = np.nan
        for row, reason in _odd_values(column, codes[feature.name], feature):
            reasons[row].append(reason)
    for misfit in _of_several(frame, codes, schema):
        assert misfit.row is not None  # asked for row by row
        reasons[misfit.row].append(_sentence(misfit))
    columns = [codes[name].astype(np.float32) for name in schema.names]
    rows = np.stack(columns, axis=1) if len(records) else np.empty((0, len(schema)), np.float32)
    return FittedRows(rows, outside, dict(reasons))


def _odd_values(
    column: Cells, codes: NDArray[np.float64], feature: Feature
) -> Iterator[tuple[int, str]]:
    """What is wrong with single values; a number beyond the range counts as the end of it."""
    wrong = np.isnan(codes)
    off = off_grid(column.values, feature, wrong | (codes < 0))
    where, in_range = f"column '{feature.name}'", expected_values(feature)
    rows = np.flatnonzero(wrong | off)
    for row, value in zip(rows.tolist(), column.values[rows].tolist(), strict=True):
        expected = in_range if wrong[row] else expected_grid(feature)
        there = column.odd[row] if row in column.odd else found(value)
        yield row, _sentence(Misfit(None, where, expected, there))


def _of_several(
    frame: pd.DataFrame, codes: Mapping[str, NDArray[np.float64]], schema: Schema
) -> Iterator[Misfit]:
    """Broken one-hot groups, relations and formulas, which hold of numbers as they came."""
    for group in groups(schema):
        names = [feature.name for feature in schema.features if feature.group == group]
        yield from group_misfits(group, names, np.stack([codes[name] for name in names], axis=1))
    for relation in parse_all(schema):
        yield from relation_misfits(relation, frame, codes, row_by_row=True)
    for name, formula in formulas_of(schema).items():
        yield from derived_misfits(formula, schema[name], frame, codes)


def _sentence(misfit: Misfit) -> str:
    return f"{misfit.column}: expected {misfit.expected}, found {misfit.found}"
