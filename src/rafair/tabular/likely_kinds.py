"""Columns that their values show to be flags, or names, free text, dates and numbers of cases."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from rafair.tabular.plain_values import as_numbers
from rafair.tabular.value_types import Held, held_in

FEW_ROWS = 10
"""Of fewer rows, two values may be two of many."""

MANY_VALUES = 50
"""Columns with more distinct values than this may name rows."""

CODES = re.compile(
    r"(?:^|[\W_])(?:id|ids|uuid|guid|key|nr|no|case|index)$|[a-z](?:ID|Id|Nr|No|Key)$"
)
"""How the name of a column ends that numbers cases: `id`, `case_no`, `CustomerID`."""

DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}.*)?"  # 2024-02-29, 2024-02-29T12:30:00Z
    r"|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?: \d{1,2}:\d{2}.*)?"  # 29.02.2024, 2/29/24 12:30
)


def two_levels(present: pd.Series[Any]) -> tuple[int, int] | None:
    """The two whole numbers that a column holds, if they look like a truth value; else None.

    0 and 1 always do; two others do where there are rows enough to show that there are no more.

    Args:
        present: The values that are there, plain.

    Example:
        >>> two_levels(pd.Series([1.0, 0.0])), two_levels(pd.Series([1, 2] * 5))
        ((0, 1), (1, 2))
        >>> print(two_levels(pd.Series([20, 61])), two_levels(pd.Series([0.5, 1.0] * 5)))
        None None
    """
    if held_in(present) is not Held.NUMBERS:
        return None
    seen = np.unique(as_numbers(present))
    if len(seen) != 2 or not (np.rint(seen) == seen).all() or np.abs(seen).max() > 2**53:
        return None
    low, high = map(int, seen)
    return (low, high) if (low, high) == (0, 1) or len(present) >= FEW_ROWS else None


def why_opaque(present: pd.Series[Any]) -> str | None:
    """Why a column is best given to the model as it is; None where it is a feature like others.

    Numbers are taken for those of cases where another one stands in every row and they leave few
    gaps, go up or down from row to row, or the column's name says so: amounts do none of that.

    Args:
        present: The values that are there, plain; with the column's name.

    Example:
        >>> print(why_opaque(pd.Series(["2024-02-29", "2023-12-01"])))
        dates
        >>> print(why_opaque(pd.Series(range(1000, 1060))))
        another whole number in every row, as numbers of cases have
    """
    kind = held_in(present)
    if kind is Held.TIMES:
        return "times"
    if kind is Held.NUMBERS:
        return _why_numbers(present)
    if kind is not Held.TEXTS:
        return None
    texts = present.unique()
    if all(DATE.fullmatch(text.strip()) for text in texts):
        return "dates"
    if len(texts) > MANY_VALUES and len(texts) > len(present) / 2:
        return "another text in most rows: a name or free text"
    return None


def _why_numbers(present: pd.Series[Any]) -> str | None:
    if not pd.api.types.is_integer_dtype(present):
        return None
    if len(present) <= MANY_VALUES or present.nunique() < len(present):
        return None
    values = present.to_numpy()
    span = int(values.max()) - int(values.min())
    steady = bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())
    if steady or span < 2 * len(values) or CODES.search(str(present.name)):
        return "another whole number in every row, as numbers of cases have"
    return None
