"""True classes from a label column: names of classes, or numbers that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.plain_values import plain
from rafair.tabular.schema import Schema
from rafair.tabular.value_lookup import Known, looked_up
from rafair.tabular.value_types import TRUTH, Held, check_held, held_in, number_name, shown


def encode_labels(values: Any, schema: Schema, first_row: int = 0) -> NDArray[np.int64]:
    """The class of each row, as an index into the schema's classes; shape `(n,)`.

    Texts are names of classes. Numbers are names of classes where all names are numbers, else
    codes: 0 is the first class. Truth values are names where two classes are called true and false,
    in capitals or not, else false is 0 and true is 1.

    Args:
        values: The label column.
        schema: Says which classes there are.
        first_row: The number of the first row, for messages.

    Raises:
        InputError: If a label is missing or unknown; says which, and in which row.

    Example:
        >>> schema = Schema(features=(), label="paid", classes=("no", "yes"))
        >>> encode_labels(["yes", "no"], schema).tolist(), encode_labels([1, 0], schema).tolist()
        ([1, 0], [1, 0])
    """
    codes = label_codes(values, schema)
    bad = np.flatnonzero(np.isnan(codes))
    if bad.size:
        raise InputError(
            f"label '{schema.label}', row {first_row + bad[0]}: expected "
            f"{expected_labels(values, schema)}, got "
            f"{shown(pd.Series(values).iloc[bad[0]])}"
        )
    return codes.astype(np.int64)


def label_codes(values: Any, schema: Schema) -> NDArray[np.float64]:
    """The class of each row, NaN for what is none; shape `(n,)`."""
    names = {name: float(code) for code, name in enumerate(schema.classes)}
    stated = class_numbers(schema) or range(len(schema.classes))
    numbers = {float(number): float(code) for code, number in enumerate(stated)}
    truths: dict[bool, float] = {
        TRUTH[name.lower()]: code for name, code in names.items() if name.lower() in TRUTH
    }
    if len(truths) < 2:
        truths = {truth: numbers.get(float(truth), np.nan) for truth in (False, True)}
    known: Known = {Held.TEXTS: names, Held.NUMBERS: numbers, Held.TRUTHS: truths}
    return looked_up(pd.Series(values), known)


def expected_labels(values: Any, schema: Schema) -> str:
    """What a label may be, in the words of an error message."""
    if held_in(plain(pd.Series(values))) is Held.NUMBERS and not class_numbers(schema):
        return f"a number from 0 to {len(schema.classes) - 1}, the code of a class"
    return f"one of {', '.join(schema.classes)}"


def classes_in(values: pd.Series[Any], most: int) -> tuple[tuple[str, ...], pd.Series[Any]]:
    """The classes that a label column shows, and how many rows each has.

    Classes are in the order of their values: numbers by size, texts by their letters. They are
    named the same whatever type held them: 1 and 1.0 are both called 1.

    Args:
        values: The label column.
        most: So many classes are expected at most.

    Returns:
        The names; and how many rows each value has, in the same order.

    Raises:
        InputError: If a label is missing, not finite or no possible class; if labels are of more
            than one kind; if there are fewer than two classes, or too many.

    Example:
        >>> names, counts = classes_in(pd.Series([1.0, 0.0, 1.0], name="paid"), 100)
        >>> names, counts.tolist()
        (('0', '1'), [1, 2])
    """
    where = f"label '{values.name}'"
    values = plain(values)
    absent = np.flatnonzero(values.isna())
    if absent.size:
        raise InputError(f"{where}, row {absent[0]}: expected a class, found a missing value")
    kind = check_held(values, where)
    if kind is Held.NUMBERS:
        endless = np.flatnonzero(~np.isfinite(values.to_numpy(np.float64)))
        if endless.size:
            found = shown(values.iloc[endless[0]])
            raise InputError(f"{where}, row {endless[0]}: expected a class, found {found}")
    counts = values.value_counts().sort_index()
    if len(counts) > most:
        raise InputError(
            f"{where}: expected at most {most} classes, found {len(counts):,} distinct values; is "
            "it a number to be predicted?"
        )
    if len(counts) < 2:
        raise InputError(f"{where}: expected two or more classes, found {len(counts)}")
    name = number_name if kind is Held.NUMBERS else str
    return tuple(map(name, counts.index.tolist())), counts


def class_numbers(schema: Schema) -> list[float] | None:
    """The classes' names as numbers, where all of them are; false and true are 0 and 1.

    Example:
        >>> class_numbers(Schema(features=(), label="y", classes=("False", "True")))
        [0.0, 1.0]
    """
    try:
        return [float(TRUTH.get(name.lower(), name)) for name in schema.classes]
    except ValueError:
        return None
