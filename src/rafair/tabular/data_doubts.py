"""Warnings about what in a table decides figures although nobody asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.decimal_places import decimals_of
from rafair.tabular.encoding import Rows
from rafair.tabular.keys import mixed
from rafair.tabular.plain_values import as_numbers
from rafair.tabular.schema import Schema
from rafair.tabular.similar_names import alike
from rafair.tabular.single_precision import merged
from rafair.tabular.table import Table
from rafair.tabular.unusual_numbers import stand_ins

FEW_ROWS = 10
"""Of fewer rows, a feature may equal the label by chance."""

LOOKED_AT = 1_000
"""Rows that tell of most columns that there is nothing to tell."""

SEEN_THROUGH = (
    "equals the label: each of its values stands with one class, and each class with one value, in "
    "all {n:,} rows; a model that sees it knows the answer"
)


def doubts(table: Table) -> list[str]:
    """What a reader of an audit's figures should know of the table, in sentences.

    These are: features that equal the label; rows that stand twice; rows with equal features and
    another label; names of classes or levels that differ only in how they are written; numbers with
    few decimals of which single precision makes one.

    Args:
        table: The rows.

    Example:
        >>> frame = pd.DataFrame({"age": range(20, 40), "sex": ["f", "m"] * 10})
        >>> frame["paid"] = ["no", "yes"] * 10
        >>> print(*doubts(Table.from_frame(frame, label="paid", sensitive=["age"])))
        column 'sex' equals the label: each of its values stands with one class, and each class \
with one value, in all 20 rows; a model that sees it knows the answer
    """
    return [
        *_label_given_away(table.rows, table.labels, table.schema),
        *_rows_again(table.rows, table.labels),
        *alike_names(table.schema),
        *_merged_numbers(table),
        *_stand_ins(table),
    ]


def alike_names(schema: Schema) -> list[str]:
    """Sentences about classes and levels that differ only in how they are written.

    Example:
        >>> alike_names(Schema(features=(), label="paid", classes=("no", "No")))
        ["label 'paid': classes 'no', 'No' differ only by spaces, capitals or a dot at the end: \
are they one? then write them alike"]
    """
    found = [f"label '{schema.label}': {said}" for said in alike("classes", schema.classes)]
    for feature in schema.features:
        said = [] if feature.is_opaque else alike("levels", feature.levels or ())
        found += [f"column '{feature.name}': {sentence}" for sentence in said]
    return found


def _label_given_away(rows: Rows, labels: NDArray[np.int64], schema: Schema) -> Iterator[str]:
    places, first = _numbered(labels)
    if len(first) < 2 or len(rows) < FEW_ROWS:
        return
    # what a class has in its first row, it has in all of them, and no other class has it
    of_class = rows[first]
    for column, name in enumerate(schema.names):
        if len(np.unique(of_class[:, column])) < len(first):
            continue
        same = of_class[places[:LOOKED_AT], column] == rows[:LOOKED_AT, column]
        if same.all() and (of_class[places, column] == rows[:, column]).all():
            yield f"column '{name}' {SEEN_THROUGH.format(n=len(rows))}"


def _rows_again(rows: Rows, labels: NDArray[np.int64]) -> Iterator[str]:
    keys = _row_keys(rows)
    person, _ = _numbered(keys)
    _, first = _numbered(mixed(keys ^ labels.astype(np.uint64)))
    again = len(rows) - len(first)
    if again:
        yield (
            f"{again:,} of {len(rows):,} rows {'repeats' if again == 1 else 'repeat'} an earlier "
            "one exactly, label included: every figure counts them again; if they are no other "
            "people, take them out"
        )
    contrary = int((np.bincount(person[first]) > 1)[person].sum())
    if contrary:
        yield (
            f"{contrary:,} of {len(rows):,} rows have the features of another row, but not its "
            "label: no model is right about all of them"
        )


def _numbered(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the different values each is, and where each of these stands first."""
    places, different = pd.factorize(values)
    first = np.empty(len(different), np.intp)
    first[places[::-1]] = np.arange(len(values))[::-1]
    return places, first


def _row_keys(rows: Rows) -> NDArray[np.uint64]:
    """A key for each row: the same for equal rows, and for all practical purposes no others."""
    keys = np.zeros(len(rows), np.uint64)
    bits = np.ascontiguousarray(rows + np.float32(0)).view(np.uint32)  # there, -0 is 0
    for column in bits.T:
        keys = mixed(keys ^ column)
    return keys


def _stand_ins(table: Table) -> Iterator[str]:
    for feature in table.schema.features:
        if feature.kind.is_number:
            values = as_numbers(table.frame[feature.name])
            for said in stand_ins(values[np.isfinite(values)])[1]:
                yield (
                    f"column '{feature.name}': {said}? It moves like any number; left empty in the "
                    "file, with missing = true in a schema, it would not"
                )


def _merged_numbers(table: Table) -> Iterator[str]:
    for feature in table.schema.features:
        if not feature.kind.is_number or feature.sensitive:  # such sensitive values are refused
            continue
        values = table.frame[feature.name]
        first = values.iloc[:LOOKED_AT].to_numpy(np.float64, na_value=np.nan)
        if decimals_of(first[np.isfinite(first)]) is None:
            continue  # nobody looks at the last of many digits
        found = merged(values, feature)
        if found is not None:
            yield (
                f"column '{feature.name}': {found.distinct - found.left:,} of {found.distinct:,} "
                f"different values are lost in single precision, such as {found.second}, which "
                f"becomes one with {found.first}; a step in a schema, or fewer digits, would help"
            )
