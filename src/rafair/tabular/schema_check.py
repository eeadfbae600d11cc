"""Whether a table is what its schema says: every value that is not, by row and column."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.derived import agrees, formulas_of
from rafair.tabular.encoding import OFF_GRID, expected_values, value_codes
from rafair.tabular.formulas import Formula
from rafair.tabular.labels import expected_labels, label_codes
from rafair.tabular.plain_values import as_numbers, plain
from rafair.tabular.relations import Relation, parse_all
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import groups
from rafair.tabular.single_precision import TOLD_APART, lost
from rafair.tabular.value_types import shown


@dataclass(frozen=True)
class Misfit:
    """One thing in a table that its schema does not allow.

    Args:
        row: The number of the row, from 0; None if it is of no single row.
        column: The column; or the label, one-hot group or relation, with a word that says so.
        expected: What the schema says.
        found: What is there.

    Example:
        >>> print(Misfit(7, "column 'age'", "a number from 18 to 95", "120"))
        column 'age', row 7: expected a number from 18 to 95, found 120
    """

    row: int | None
    column: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = self.column if self.row is None else f"{self.column}, row {self.row}"
        return f"{where}: expected {self.expected}, found {self.found}"


def misfits(frame: pd.DataFrame, schema: Schema) -> list[Misfit]:
    """All that a schema does not allow in a table: first missing columns, then column by column.

    Args:
        frame: The raw rows, numbered by their position.
        schema: What they should be.

    Returns:
        Columns that are missing; values that are missing where they must not be, out of range, off
        the grid, or no known level; values that single precision does not tell apart, see
        `single_precision.lost`; unknown labels; one-hot groups of which not exactly one is
        true; relations that a row does not satisfy, or no row at all; derived values that are not
        what their formula gives.

    Raises:
        InputError: If a relation or a formula cannot be read.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=18, maximum=95)
        >>> schema = Schema(features=(age,), label="paid", classes=("no", "yes"))
        >>> frame = pd.DataFrame({"age": [20, 120, 30.5], "paid": ["no", "yes", "never"]})
        >>> for misfit in misfits(frame, schema):
        ...     print(misfit)
        column 'age', row 1: expected a number from 18 to 95, found 120.0
        column 'age', row 2: expected a whole number, found 30.5
        label 'paid', row 2: expected one of no, yes, found 'never'
    """
    codes = {f.name: value_codes(frame[f.name], f) for f in schema.features if f.name in frame}
    return list(row_misfits(frame, schema, codes, row_by_row=False))


def missing_column(name: str, columns: Iterable[str]) -> Misfit:
    """What is said of a column that a table lacks.

    Args:
        name: The column.
        columns: Those that it has.

    Example:
        >>> print(missing_column("income", ["Income", "age"]))
        column 'income': expected it in the table, found none, but one called 'Income'
    """
    known = {str(column).lower(): str(column) for column in columns}
    nearest = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f", but one called '{known[nearest[0]]}'" if nearest else ""
    return Misfit(None, f"column '{name}'", "it in the table", f"none{hint}")


def extra_columns(columns: Iterable[str], schema: Schema) -> list[str]:
    """The columns that a schema does not speak of."""
    return [name for name in columns if name not in (*schema.names, schema.label)]


def row_misfits(
    frame: pd.DataFrame,
    schema: Schema,
    codes: Mapping[str, NDArray[np.float64]],
    *,
    row_by_row: bool = True,
) -> Iterator[Misfit]:
    """What is wrong with rows, in the order of `misfits`.

    Args:
        frame: The raw rows.
        schema: What they should be.
        codes: By feature, the values' codes; see `value_codes`.
        row_by_row: Whether to say only what is wrong with single rows: some of the rows of a
            stream tell nothing about a relation that none of them satisfies, or about what
            precision takes.
    """
    for name in schema.names:
        if name not in codes:
            yield missing_column(name, frame.columns)
    if schema.label not in frame.columns:
        found = missing_column(schema.label, frame.columns).found
        yield Misfit(None, f"label '{schema.label}'", "a column of this name", found)
    present = [feature for feature in schema.features if feature.name in codes]
    for feature in present:
        yield from value_misfits(frame[feature.name], feature, codes[feature.name])
        if not row_by_row:
            yield from _lost(frame[feature.name][codes[feature.name] >= 0], feature)
    if schema.label in frame.columns:
        yield from _labels(frame[schema.label], schema)
    yield from misfits_of_several(frame, codes, schema, row_by_row=row_by_row)


def misfits_of_several(
    frame: pd.DataFrame,
    codes: Mapping[str, NDArray[np.float64]],
    schema: Schema,
    *,
    row_by_row: bool,
) -> Iterator[Misfit]:
    """Broken one-hot groups, relations and formulas, of columns that are there.

    Args:
        frame: The raw rows.
        codes: By feature, the values' codes, NaN where one is wrong; shape `(n,)` each.
        schema: What the rows should be.
        row_by_row: Whether to say of each row what none of them satisfies.
    """
    for group in groups(schema):
        names = [feature.name for feature in schema.features if feature.group == group]
        if all(name in codes for name in names):
            yield from _group_misfits(
                group, names, np.stack([codes[name] for name in names], axis=1)
            )
    for relation in parse_all(schema):
        if all(name in codes for name in relation.weights):
            yield from _relation_misfits(relation, frame, codes, row_by_row=row_by_row)
    for name, formula in formulas_of(schema).items():
        if all(part in codes for part in (name, *formula.names)):
            yield from _derived_misfits(formula, schema[name], frame, codes)


def value_misfits(
    series: pd.Series[Any],
    feature: Feature,
    codes: NDArray[np.float64],
    told: Callable[[int, Any], str] = lambda row, value: shown(value),
) -> Iterator[Misfit]:
    """The values of a column that are not as its feature says.

    Args:
        series: The column, as it came.
        feature: What it should be.
        codes: The values' codes, NaN where one is wrong; shape `(n,)`.
        told: Tells of a row's value, in the words of a message.
    """
    wrong = np.isnan(codes)
    off = off_grid(series, feature, wrong | (codes < 0))
    where = f"column '{feature.name}'"
    in_range, on_grid = expected_values(feature), expected_grid(feature)
    for row, value in _picked(series, wrong | off):
        yield Misfit(row, where, in_range if wrong[row] else on_grid, told(row, value))


def _lost(good: pd.Series[Any], feature: Feature) -> Iterator[Misfit]:
    """What single precision would take from the values that are as the schema says."""
    found = lost(plain(good), feature) if len(good) else None
    if found is not None:
        yield Misfit(None, f"column '{feature.name}'", TOLD_APART, found)


def _picked(series: pd.Series[Any], chosen: NDArray[np.bool_]) -> Iterator[tuple[int, Any]]:
    """Some rows' numbers and values."""
    yield from zip(np.flatnonzero(chosen).tolist(), series[chosen].tolist(), strict=True)


def off_grid(
    series: pd.Series[Any], feature: Feature, skipped: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which numbers lie between two points of the feature's grid; shape `(n,)`.

    Args:
        series: The values.
        feature: What they are values of.
        skipped: Which of them not to look at: what is missing or no number; shape `(n,)`.
    """
    if feature.grid is None or not feature.kind.is_number or skipped.all():
        return np.zeros(len(series), bool)
    assert feature.minimum is not None  # held by the schema; for the type checker
    values = np.where(skipped, feature.minimum, as_numbers(series))
    kind = np.float32 if series.dtype in (np.float32, np.float16) else np.float64
    steps = (values - feature.minimum) / feature.grid
    largest = np.maximum(np.abs(values), abs(feature.minimum))
    slack = OFF_GRID + 4 * float(np.finfo(kind).eps) * largest / feature.grid
    off: NDArray[np.bool_] = np.abs(steps - np.rint(steps)) > slack
    return off


def expected_grid(feature: Feature) -> str:
    """Which numbers are on a feature's grid, in the words of an error message."""
    if feature.grid is None:
        return ""
    if feature.grid == 1 and float(feature.minimum or 0).is_integer():
        return "a whole number"
    return f"{feature.minimum:.10g} plus a multiple of {feature.grid:.10g}"


def _labels(series: pd.Series[Any], schema: Schema) -> Iterator[Misfit]:
    expected = expected_labels(series, schema)
    for row, value in _picked(series, np.isnan(label_codes(series, schema))):
        yield Misfit(row, f"label '{schema.label}'", expected, shown(value))


def _group_misfits(group: str, names: list[str], codes: NDArray[np.float64]) -> Iterator[Misfit]:
    """The rows in which not exactly one feature of a one-hot group is true."""
    known = (codes >= 0).all(axis=1)  # not where a value is missing or wrong
    for row in np.flatnonzero(known & ((codes == 1).sum(axis=1) != 1)).tolist():
        true = [name for name, code in zip(names, codes[row], strict=True) if code == 1]
        yield Misfit(
            row,
            f"group '{group}'",
            f"exactly one true of {', '.join(names)}",
            " and ".join(true) or "none",
        )


def _relation_misfits(
    relation: Relation,
    frame: pd.DataFrame,
    codes: Mapping[str, NDArray[np.float64]],
    *,
    row_by_row: bool = False,
) -> Iterator[Misfit]:
    """The rows that break a relation; one misfit for all, unless asked otherwise, if none holds."""
    names = list(relation.weights)
    known = np.all([codes[name] >= 0 for name in names], axis=0)
    values = {name: np.where(known, as_numbers(frame[name]), np.nan) for name in names}
    broken = ~relation.holds(values)
    where = f"relation '{relation.text}'"
    if not row_by_row and known.any() and broken[known].all():
        yield Misfit(None, where, "a row that satisfies it", f"none among {known.sum():,}")
        return
    for row in np.flatnonzero(broken).tolist():
        found = ", ".join(f"{name} = {values[name][row]:.10g}" for name in names)
        yield Misfit(row, where, "it to hold", found)


def _derived_misfits(
    formula: Formula,
    feature: Feature,
    frame: pd.DataFrame,
    codes: Mapping[str, NDArray[np.float64]],
) -> Iterator[Misfit]:
    """The rows in which a derived value is another than its formula gives."""
    names = (feature.name, *formula.names)
    right = np.all([~np.isnan(codes[name]) for name in names], axis=0)
    values = {n: np.where(codes[n] >= 0, as_numbers(frame[n]), np.nan) for n in names}
    given, there = formula.of(values), values[feature.name]
    for row in np.flatnonzero(right & ~agrees(formula, feature, values)).tolist():
        expected = "a missing value" if np.isnan(given[row]) else f"{given[row]:.10g}"
        found = "a missing value" if np.isnan(there[row]) else f"{there[row]:.10g}"
        told = f"{' '.join(formula.text.split())} = {expected}"
        yield Misfit(row, f"column '{feature.name}'", told, found)
