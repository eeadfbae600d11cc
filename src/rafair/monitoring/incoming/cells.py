"""Raw values of one column, as CSV texts or as JSON and Parquet have them, read for a feature.

A text means the same wherever it comes from: "35" is a number where one is expected, and the words
that stand for a missing value in CSV files do so in all formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from rafair.sanitize import shortened
from rafair.tabular.csv_frame import ABSENT
from rafair.tabular.schema import Feature
from rafair.tabular.schema_check import numbers
from rafair.tabular.value_types import TRUTH

NO_COLUMN = object()
"""Stands where a record has no such column."""

MISSING_WORDS = frozenset(ABSENT)
LONGEST_FOUND = 60


@dataclass(frozen=True)
class Cells:
    """The values of a column.

    Args:
        values: Numbers, or levels of the feature; NaN or None where one is missing or odd.
        odd: By row, what is there that cannot be read, in the words of a message.
    """

    values: pd.Series[Any]
    odd: dict[int, str]


def read_cells(values: Sequence[Any], feature: Feature) -> Cells:
    """The values of one feature; one odd value spoils no other.

    Args:
        values: As they were read, `NO_COLUMN` where there is none.
        feature: What they are values of.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> cells = read_cells([20, "30", None, "old"], age)
        >>> cells.values.tolist(), cells.odd
        ([20.0, 30.0, nan, nan], {3: "'old'"})
    """
    return _numbers(values) if feature.kind.is_number else _levels(values, feature.levels or ())


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: null, not a number, or one of the words for it."""
    if isinstance(value, str):
        return value in MISSING_WORDS
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def found(value: Any) -> str:
    """A value in the words of a message, cut where it is long.

    Example:
        >>> found("abc"), found([1, 2]), found(True), found("")
        ("'abc'", 'a list', 'true', 'a missing value')
    """
    if value is NO_COLUMN:
        return "no such column"
    if is_missing(value):
        return "a missing value"
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, str | bytes):
        return shortened(repr(value[: LONGEST_FOUND + 1]), LONGEST_FOUND)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float | Decimal):
        return shortened(repr(value), LONGEST_FOUND)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"a value of the type {type(value).__name__}"


def _numbers(values: Sequence[Any]) -> Cells:
    odd: dict[int, str] = {}
    kinds = set(map(type, values))
    if kinds <= {np.float32, type(None)}:
        return Cells(pd.Series(values, dtype=np.float32), odd)
    if not kinds <= {float, str, type(None)}:
        values = [_number_or_text(value, row, odd) for row, value in enumerate(values)]
    if str in kinds:
        values = [None if value in MISSING_WORDS else value for value in values]
    read = numbers(pd.Series(values, dtype=object))
    for row in np.flatnonzero(np.isnan(read)).tolist():
        if isinstance(values[row], str):
            odd[row] = found(values[row])
    return Cells(pd.Series(read), odd)


def _number_or_text(value: Any, row: int, odd: dict[int, str]) -> float | str | None:
    """Any number as float, also a large one; what is neither a number nor a text is odd."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal | np.number) and not isinstance(value, bool):
        try:
            return float(value)
        except (OverflowError, ValueError):
            pass
    odd[row] = found(value)
    return None


def _levels(values: Sequence[Any], levels: tuple[Any, ...]) -> Cells:
    odd: dict[int, str] = {}
    read: list[Any] = []
    known: dict[Any, Any] = {}  # each distinct value is looked up once
    for row, value in enumerate(values):
        try:
            key = (type(value), value)
            if key not in known:
                known[key] = _level(value, levels)
            level = known[key]
        except TypeError:  # a list or an object, which cannot be looked up
            level = NO_COLUMN
        if level is NO_COLUMN:
            odd[row] = found(value)
            level = None
        read.append(level)
    return Cells(pd.Series(read, dtype=object), odd)


def _level(value: Any, levels: tuple[Any, ...]) -> Any:
    """The level that a value means, None for a missing one, `NO_COLUMN` for none of these."""
    for level in levels:
        if type(level) is type(value) and level == value:
            return level
    if is_missing(value):
        return None
    truths = all(isinstance(level, bool) for level in levels)
    if isinstance(value, str):
        if truths and value.lower() in TRUTH:
            return TRUTH[value.lower()]
        value = numbers(pd.Series([value], dtype=object))[0]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | np.number):
        return NO_COLUMN
    for level in levels:
        is_number = isinstance(level, int | float) and (truths or not isinstance(level, bool))
        if is_number and level == value:
            return level
    return NO_COLUMN


def class_of(value: Any, classes: Sequence[str], codes: Sequence[float]) -> int | None:
    """The class that a label means: by its name, or else by its number; None for none.

    Args:
        value: The label, not a missing one.
        classes: The classes' names.
        codes: The number that stands for each.

    Example:
        >>> class_of("yes", ["no", "yes"], [0, 1]), class_of("1", ["no", "yes"], [0, 1])
        (1, 1)
        >>> class_of("maybe", ["no", "yes"], [0, 1]) is None
        True
    """
    if isinstance(value, bool | np.bool_):
        named = [
            place for place, name in enumerate(classes) if TRUTH.get(name.lower()) is bool(value)
        ]
        if named:
            return named[0]
        value = float(value)
    if isinstance(value, str):
        if value in classes:
            return list(classes).index(value)
        value = numbers(pd.Series([value], dtype=object))[0]
    if not isinstance(value, int | float | Decimal | np.number):
        return None
    return next((place for place, code in enumerate(codes) if code == value), None)
