"""Values that single precision cannot tell apart: rows are kept in it, between 0 and 1.

Where two values of a sensitive feature became one, no difference between them could be seen, and
an audit would say that there is none. They are refused. Of other features the row is asked about
with a value that is a little off; that is refused where hardly anything is left of the column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.encoding import OFF_GRID, decode_values, value_codes
from rafair.tabular.plain_values import EXACT
from rafair.tabular.schema import Feature, Kind
from rafair.tabular.value_types import plain_value

KNOWN_AGAIN = 1e-3
"""How far a number without a step may come back from where it was, as a share of itself. Most come
back to seven digits; those that are small beside the largest, to fewer."""

SIGNIFICANT = 1e-12
"""Decimal fractions that differ by less, as a share of the largest, are one: 0.1 + 0.2 and 0.3."""

ALWAYS_EXACT = 1 << 22
"""So many steps of a range or fewer always come back exactly."""

ENOUGH = 1000
"""A column of which so many different values are left has not lost what it says."""

LOOKED_AT = 10_000

TOLD_APART = "values that single precision tells apart"

WAY_OUT = (
    "make the column categorical (texts in the table, or levels in a schema), subtract a constant, "
    "or round it"
)


@dataclass(frozen=True)
class Merged:
    """What becomes of a column's values in single precision.

    Args:
        distinct: How many different values it has.
        left: How many different values come back.
        first: A value that becomes one with another one.
        second: The other one.
    """

    distinct: int
    left: int
    first: Any
    second: Any


def check_apart(feature: Feature, seen: Iterable[Any] = (), *, single: bool = False) -> None:
    """Refuses values of a sensitive number of which two would be one counterpart.

    Also those that come back as another value than they were: whole numbers at all, others by more
    than a thousandth.

    Args:
        feature: The feature, with its domain if it has one; levels are always told apart.
        seen: Values that occur in its column. One that is a value of the domain but for a rounding
            is that value.
        single: Whether they were stored in single precision.

    Raises:
        InputError: If there are such values; names them.

    Example:
        >>> year = Feature(name="year", kind="integer", minimum=0, maximum=10**9 + 1)
        >>> check_apart(year, [0, 10**9 + 1])
        >>> check_apart(year, [0, 10**9, 10**9 + 1])
        Traceback (most recent call last):
        ...
        rafair.errors.InputError: sensitive column 'year': expected values that single precision \
tells apart, found 1000000000 and 1000000001, which would be one value; make the column \
categorical (texts in the table, or levels in a schema), subtract a constant, or round it
    """
    found = _one_counterpart(feature, seen, single)
    if found is not None:
        raise InputError(f"sensitive column '{feature.name}': expected {TOLD_APART}, found {found}")


def check_told_apart(values: pd.Series[Any], feature: Feature) -> None:
    """Refuses a column that single precision would falsify; see `lost`.

    Raises:
        InputError: If it would; names two of its values.
    """
    found = lost(values, feature)
    if found is not None:
        what = "sensitive column" if feature.sensitive else "column"
        raise InputError(f"{what} '{feature.name}': expected {TOLD_APART}, found {found}")


def lost(values: pd.Series[Any], feature: Feature) -> str | None:
    """What single precision would take from a column, in the words of a message; None if nothing.

    Of a sensitive number that is the difference between any two values. Of another one it is most
    of the column: at most half of its different values come back as different ones, and few at all.
    What is lost otherwise is rounding to seven digits, and `merged` tells how much.

    Args:
        values: The column, plain; what is no number is left out.
        feature: What it is a column of; levels always come back.

    Example:
        >>> case = Feature(name="case", kind="integer", minimum=2.0**60, maximum=2.0**60 + 2)
        >>> print(lost(pd.Series([2**60, 2**60 + 1]), case))
        2 different values that would become 1, such as 1152921504606846976 and \
1152921504606846977; take the column out if it numbers cases, else make the column categorical \
(texts in the table, or levels in a schema), subtract a constant, or round it
    """
    if not feature.kind.is_number or _is_safe(values, feature):
        return None
    if feature.sensitive:
        seen = values.dropna().unique().tolist()
        return _one_counterpart(feature, seen, values.dtype == np.float32)
    first = values.iloc[:LOOKED_AT].to_numpy(np.float64, na_value=np.nan)
    if len(np.unique(_there_and_back(first, feature)[1])) >= ENOUGH:
        return None
    found = merged(values, feature)
    if found is None or found.left >= ENOUGH or 2 * found.left > found.distinct:
        return None
    return (
        f"{found.distinct:,} different values that would become {found.left:,}, such as "
        f"{_told(found.first)} and {_told(found.second)}; take the column out if it numbers "
        f"cases, else {WAY_OUT}"
    )


def _one_counterpart(feature: Feature, seen: Iterable[Any], single: bool) -> str | None:
    if not feature.kind.is_number:
        return None
    stated = set(feature.domain or ())
    values = sorted({*seen, *stated})
    found = _one_value(values, stated, feature, single) or _another_value(values, feature, single)
    return f"{found}; {WAY_OUT}" if found else None


def _one_value(values: list[Any], stated: set[Any], feature: Feature, single: bool) -> str | None:
    """Two values that would be one, in the words of a message."""
    codes, back = _there_and_back(np.array(list(map(float, values))), feature)
    slack = _slack(feature, single)
    for place in np.flatnonzero((codes[1:] == codes[:-1]) | (back[1:] == back[:-1])).tolist():
        first, second = values[place], values[place + 1]
        if second - first > slack or {first, second} <= stated:
            return f"{_told(first)} and {_told(second)}, which would be one value"
    return None


def _another_value(values: list[Any], feature: Feature, single: bool) -> str | None:
    """A value that would come back as another one, in the words of a message."""
    floats = np.array(list(map(float, values)))
    codes, back = _there_and_back(floats, feature)
    whole = (feature.kind is Kind.INTEGER) & (np.rint(floats) == floats)
    near = np.where(whole, 0.0, KNOWN_AGAIN)
    off = np.abs(back - floats) > near * np.abs(floats) + _slack(feature, single)
    off |= [float(value) != value for value in values]  # a whole number that is no float
    off &= ~np.isnan(codes)
    if not off.any():
        return None
    place = int(off.argmax())
    return f"{_told(values[place])}, which would come back as {_told(back[place])}"


def _slack(feature: Feature, single: bool) -> float:
    """How far two values may differ that a table takes for one."""
    low, high = feature.minimum or 0.0, feature.maximum or 0.0
    largest = max(abs(low), abs(high))
    slack = OFF_GRID * (feature.grid or 0.0)
    if feature.kind is not Kind.INTEGER:
        slack += SIGNIFICANT * largest
    return slack + (4 * float(np.finfo(np.float32).eps) * largest if single else 0.0)


def merged(values: pd.Series[Any], feature: Feature) -> Merged | None:
    """How many of a column's values become others in single precision; None where none does.

    Args:
        values: The column, plain.
        feature: What it is a column of.

    Example:
        >>> pay = Feature(name="pay", kind="numeric", minimum=0, maximum=90_000)
        >>> merged(pd.Series([0, 45_000.12, 45_000.14, 90_000]), pay)
        Merged(distinct=4, left=3, first=45000.12, second=45000.14)
    """
    if not feature.kind.is_number or _is_safe(values, feature):
        return None
    distinct = np.sort(np.asarray(values.dropna().unique()))
    distinct = distinct[np.isfinite(distinct.astype(np.float64))]
    if not len(distinct):
        return None
    if distinct.dtype.kind == "f":
        least = SIGNIFICANT * np.abs(distinct).max()
        distinct = distinct[np.append(True, np.diff(distinct) > least)]
    back = _there_and_back(distinct.astype(np.float64), feature)[1]
    same = back[1:] == back[:-1]
    if not same.any():
        return None
    place = int(same.argmax())
    first, second = map(plain_value, (distinct[place], distinct[place + 1]))
    return Merged(len(distinct), len(distinct) - int(same.sum()), first, second)


def _is_safe(values: pd.Series[Any], feature: Feature) -> bool:
    """Whether whole numbers come back for sure, so that nobody need look at them one by one."""
    if not pd.api.types.is_integer_dtype(values) or feature.kind is not Kind.INTEGER:
        return False
    low, high = feature.minimum or 0.0, feature.maximum or 0.0
    return high - low <= ALWAYS_EXACT and max(abs(low), abs(high)) <= EXACT


def _there_and_back(
    floats: NDArray[np.float64], feature: Feature
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    codes = value_codes(pd.Series(floats), feature).astype(np.float32)
    return codes, np.where(np.isnan(codes), np.nan, decode_values(codes, feature))


def _told(number: Any) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))
