"""Values of one column in any mixture, as texts, JSON and Parquet have them, read for a feature.

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
from numpy.typing import NDArray

from rafair.sanitize import shortened
from rafair.tabular.encoding import value_codes
from rafair.tabular.labels import label_codes
from rafair.tabular.plain_values import numbers_said
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.value_types import TRUTH, Held, held_by, shown

NO_COLUMN = object()
"""Stands where a record has no such column."""

ABSENT = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "<NA>")
"""What stands for a missing value in a text; "None" and "?" may well be levels."""

MISSING_WORDS = frozenset(ABSENT)
LONGEST_FOUND = 60


@dataclass(frozen=True)
class Cells:
    """The values of a column.

    Args:
        values: Numbers, or levels of the feature; NaN or None where one is missing or odd.
        odd: By row, what is there that cannot be read, in the words of a message.
        codes: Of levels, their codes, NaN where a value is wrong; shape `(n,)`.
    """

    values: pd.Series[Any]
    odd: dict[int, str]
    codes: NDArray[np.float64] | None = None

    def told(self, row: int, value: Any) -> str:
        """What stands in a row, in the words of a message."""
        return self.odd[row] if row in self.odd else found(value)


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
    return _numbers(values) if feature.kind.is_number else _levels(values, feature)


def is_missing(value: Any, names: Sequence[Any] = ()) -> bool:
    """Whether a value stands for none: null, not a number, or one of the words for it.

    Args:
        value: The value.
        names: Levels or classes; such a text is itself, whatever word it is.
    """
    if isinstance(value, str):
        return value in MISSING_WORDS and value not in names
    if isinstance(value, Decimal):
        return value.is_nan()
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
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shortened(shown(value), LONGEST_FOUND)


def _numbers(values: Sequence[Any]) -> Cells:
    odd: dict[int, str] = {}
    kinds = set(map(type, values))
    if kinds <= {np.float32, type(None)}:
        return Cells(pd.Series(values, dtype=np.float32), odd)
    if not kinds <= {float, str, type(None)}:
        values = [_number_or_text(value, row, odd) for row, value in enumerate(values)]
    if str in kinds:
        values = [None if value in MISSING_WORDS else value for value in values]
    read = numbers_said(pd.Series(values, dtype=object))
    for row in np.flatnonzero(np.isnan(read)).tolist():
        if isinstance(values[row], str):
            odd[row] = found(values[row])
    return Cells(pd.Series(read), odd)


def _number_or_text(value: Any, row: int, odd: dict[int, str]) -> float | str | None:
    """Any number as float, also a large one; what is neither a number nor a text is odd."""
    if value is None or isinstance(value, str):
        return value
    if held_by(type(value)) is Held.NUMBERS:
        try:
            return float(value)
        except (OverflowError, ValueError):
            pass
    odd[row] = found(value)
    return None


def _levels(values: Sequence[Any], feature: Feature) -> Cells:
    levels = feature.levels or ()
    different, places = _different(values)
    meant = [None if is_missing(v, levels) else said(v, levels) for v in different]
    none = [value is NO_COLUMN for value in meant]
    meant = [None if is_none else value for value, is_none in zip(meant, none, strict=True)]
    codes = value_codes(pd.Series(meant, dtype=object), feature)
    codes[none] = np.nan
    wrong = {int(place): found(different[place]) for place in np.flatnonzero(np.isnan(codes))}
    rows = np.flatnonzero(np.isnan(codes)[places]) if wrong else np.empty(0, np.int64)
    read = pd.Series(meant, dtype=object).take(places).reset_index(drop=True)
    return Cells(read, {row: wrong[int(places[row])] for row in rows.tolist()}, codes[places])


def _different(values: Sequence[Any]) -> tuple[list[Any], NDArray[np.int64]]:
    """The different values, 1 and "1" and True each its own, and which one stands in each row."""
    known: dict[Any, int] = {}
    different: list[Any] = []
    places = np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        try:
            place = known.setdefault((type(value), value), len(different))
        except TypeError:  # a list or an object, which cannot be looked up
            place = len(different)
        if place == len(different):
            different.append(value)
        places[row] = place
    return different, places


def said(value: Any, names: Sequence[Any]) -> Any:
    """What a value says where some are expected: a text is one of them, or a truth value or number.

    Args:
        value: The value, not a missing one.
        names: The levels or classes that are expected, of one kind.

    Returns:
        The same; `NO_COLUMN` where it can be none of them.

    Example:
        >>> said("35", ["35"]), said("35", [30, 35]), said("TRUE", [False, True])
        ('35', 35.0, True)
        >>> said(1, [False, True]), said(True, [0, 1])
        (True, True)
    """
    held = held_by(type(value))
    if not held.can_be_used:
        return NO_COLUMN
    if held is Held.TEXTS and value not in names:
        value = TRUTH[value.lower()] if value.lower() in TRUTH else _number_in(value)
    truths = held_by(type(names[0])) is Held.TRUTHS
    return bool(value) if truths and value in (0, 1) else value


def _number_in(text: str) -> Any:
    number = float(numbers_said(pd.Series([text], dtype=object))[0])
    return NO_COLUMN if np.isnan(number) else number


def classes_of(values: Sequence[Any], schema: Schema) -> list[int | None]:
    """The class that each label means: by its name, or else as `encode_labels` has it.

    Args:
        values: The labels, none a missing one.
        schema: The classes.

    Example:
        >>> schema = Schema(features=(), label="paid", classes=("no", "yes"))
        >>> classes_of(["yes", "1", 0, True, "maybe"], schema)
        [1, 1, 0, 1, None]
    """
    different, places = _different(values)
    meant = [said(value, schema.classes) for value in different]
    labels = pd.Series([None if m is NO_COLUMN else m for m in meant], dtype=object)
    codes = label_codes(labels, schema).tolist()
    classes = [None if np.isnan(code) else int(code) for code in codes]
    return [classes[place] for place in places.tolist()]
