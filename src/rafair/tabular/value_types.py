"""Whether a value is a number, a truth value or a text, whatever type of column holds it.

Numbers that are equal by value are one value: 1, 1.0 and a decimal 1.00. A truth value is no
number, and a text is never one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rafair.errors import InputError


class Held(StrEnum):
    """What a value is; its name for several of them."""

    NUMBERS = "numbers"
    TRUTHS = "truth values"
    TEXTS = "texts"
    TIMES = "times"
    OTHERS = "others"

    @property
    def can_be_used(self) -> bool:
        """Whether features and labels can hold such values."""
        return self in (Held.NUMBERS, Held.TRUTHS, Held.TEXTS)


NUMBERS = (int, float, Decimal, Fraction, np.integer, np.floating)
TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, pd.Period)


TRUTH = {"true": True, "false": False}
"""How a truth value is written, in small letters."""

_KNOWN: dict[type[Any], Held] = {}
"""Of the types that were asked about; they are few, and values are many."""


def held_by(kind: type[Any]) -> Held:
    """What values of a type are.

    Example:
        >>> [str(held_by(type(value))) for value in (1, 1.0, True, "1", [1])]
        ['numbers', 'numbers', 'truth values', 'texts', 'others']
    """
    if kind not in _KNOWN:
        _KNOWN[kind] = _held_by(kind)
    return _KNOWN[kind]


def _held_by(kind: type[Any]) -> Held:
    if issubclass(kind, bool | np.bool_):
        return Held.TRUTHS
    if issubclass(kind, str):
        return Held.TEXTS
    if issubclass(kind, TIMES):  # a timedelta64 is an integer to numpy
        return Held.TIMES
    return Held.NUMBERS if issubclass(kind, NUMBERS) else Held.OTHERS


def held_in(plain: pd.Series[Any]) -> Held | None:
    """What a plain column holds; None where it holds no value, or more than one kind of them.

    Args:
        plain: The column, as `plain_values.plain` gives it.

    Example:
        >>> print(held_in(pd.Series([1.5, np.nan])), held_in(pd.Series([1, "1"], dtype=object)))
        numbers None
    """
    found = {kind for kind, _ in _kinds(plain)}
    return found.pop() if len(found) == 1 else None


def check_held(plain: pd.Series[Any], where: str, *, times: bool = False) -> Held | None:
    """What a plain column holds; None where it holds no value.

    Args:
        plain: The column, as `plain_values.plain` gives it.
        where: What to call the column in a message.
        times: Whether it may hold times, as an opaque column may.

    Raises:
        InputError: If it holds values of more than one kind, or of one that is neither numbers,
            texts nor truth values; names a row of each.

    Example:
        >>> check_held(pd.Series([1, "1"], dtype=object), "column 'a'")
        Traceback (most recent call last):
        ...
        rafair.errors.InputError: column 'a': expected values of one kind, found numbers (1 in \
row 0) and texts ('1' in row 1); make all of them numbers, or all texts
    """
    found = list(_kinds(plain))
    for kind, row in found:
        if not (kind.can_be_used or (times and kind is Held.TIMES)):
            value = plain.iloc[row]
            what = "times; convert them" if kind is Held.TIMES else shown(value)
            raise InputError(
                f"{where}, row {row}: expected numbers, texts or truth values, found {what}"
            )
    if len(found) > 1:
        named = [f"{kind} ({plain_value(plain.iloc[row])!r} in row {row})" for kind, row in found]
        raise InputError(
            f"{where}: expected values of one kind, found {' and '.join(named)}; make all of them "
            f"{found[0][0]}, or all {found[1][0]}"
        )
    return found[0][0] if found else None


def plain_value(value: Any) -> Any:
    """The same as a Python value, which is shown without its type."""
    return value.item() if isinstance(value, np.generic) else value


def shown(value: Any) -> str:
    """A value in the words of a message.

    Example:
        >>> shown(np.float64(1.5)), shown(None), shown([1, 2])
        ('1.5', 'a missing value', 'a value of the type list')
    """
    if is_missing(value):
        return "a missing value"
    kind = held_by(type(value))
    return repr(plain_value(value)) if kind.can_be_used else f"a value of the type {_type(value)}"


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, or pandas' NA and NaT."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def number_name(number: float) -> str:
    """A number as the name of a class: the same for 1 and 1.0.

    Example:
        >>> number_name(1.0), number_name(-0.5)
        ('1', '-0.5')
    """
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _kinds(plain: pd.Series[Any]) -> Iterator[tuple[Held, int]]:
    """What a plain column holds, with the first row of each; nothing where all is missing."""
    absent = plain.isna().to_numpy()
    if absent.all():
        return
    kind = plain.dtype
    if not pd.api.types.is_object_dtype(kind):
        yield _of_dtype(kind), int(absent.argmin())
        return
    types = list(map(type, plain.tolist()))
    found: dict[Held, int] = {}
    if absent.any():
        of_rows = ((row, kind) for row, kind in enumerate(types) if not absent[row])
    else:
        of_rows = ((types.index(kind), kind) for kind in dict.fromkeys(types))
    for row, type_ in of_rows:
        found.setdefault(held_by(type_), row)
    yield from found.items()


def _of_dtype(kind: Any) -> Held:
    kinds = pd.api.types
    if kinds.is_bool_dtype(kind):
        return Held.TRUTHS
    if kinds.is_complex_dtype(kind):
        return Held.OTHERS
    if kinds.is_numeric_dtype(kind):
        return Held.NUMBERS
    if isinstance(kind, pd.StringDtype):
        return Held.TEXTS
    if isinstance(kind, pd.ArrowDtype):
        return Held.TIMES if pa.types.is_temporal(kind.pyarrow_dtype) else Held.OTHERS
    is_time = isinstance(kind, pd.PeriodDtype) or kind.kind in "mM"
    return Held.TIMES if is_time else Held.OTHERS


def _type(value: Any) -> str:
    return type(value).__name__
