"""Columns of every type that pandas, numpy and Arrow have, as the few types that are worked with.

Numbers become int64 where all are whole and none is missing (uint64 where they are too large),
else float64, or float32 where no more was stored; truth values become bool, texts the type that
pandas has for them. What is none of these, or a mixture of them, is left as it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.value_types import Held, held_by

EXACT = 2.0**53
"""Up to here, every whole number is one in double precision."""

INDEX = "__index_level_"
"""How pandas begins the names of columns in which it keeps an index."""

TEXT: Any = pd.Series(["a text"]).dtype
"""What pandas itself has for texts; of old, any objects."""


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """All columns of a frame, each as `plain` gives it, with rows numbered from 0.

    Example:
        >>> frame = pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": [1.0, 2.0]}, index=[5, 6])
        >>> plain_frame(frame).dtypes.tolist()
        [dtype('int64'), dtype('int64')]
    """
    columns = {name: plain(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index, columns=frame.columns).reset_index(drop=True)


def plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """A column's values, the same whatever type held them.

    Args:
        series: The column.

    Raises:
        InputError: If a text has halves of characters, which no file can hold.

    Example:
        >>> from decimal import Decimal
        >>> plain(pd.Series([Decimal("1.0"), 2])).tolist(), plain(pd.Series([True, None])).tolist()
        ([1, 2], [True, None])
    """
    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return _of_categories(series)
    if isinstance(kind, pd.ArrowDtype):
        return _same(series, of_arrow(pa.chunked_array(series.array.__arrow_array__())))
    if isinstance(kind, pd.SparseDtype):
        return plain(_same(series, np.asarray(series.array)))
    if isinstance(TEXT, pd.StringDtype) and kind == TEXT:
        return series
    if isinstance(kind, pd.StringDtype):
        return _same(series, _texts(series.to_numpy(object), series.name))
    if pd.api.types.is_object_dtype(kind):
        return _of_objects(series)
    kinds = pd.api.types
    if kinds.is_bool_dtype(kind):
        return _truths(series)
    if kinds.is_numeric_dtype(kind) and not kinds.is_complex_dtype(kind):
        return _numbers(series)
    return series


def as_numbers(series: pd.Series[Any]) -> NDArray[np.float64]:
    """Values as numbers, NaN where they are none; shape `(n,)`.

    Example:
        >>> as_numbers(pd.Series([1, "1", True, None], dtype=object))
        array([ 1., nan, nan, nan])
    """
    kind = series.dtype
    if not (isinstance(kind, np.dtype) and kind.kind in "iuf"):
        series = plain(series)
    kinds = pd.api.types
    if series.dtype == object:
        return np.array([_number(value) for value in series.tolist()], np.float64)
    if kinds.is_numeric_dtype(series) and not (
        kinds.is_bool_dtype(series) or kinds.is_complex_dtype(series)
    ):
        return series.to_numpy(np.float64, na_value=np.nan)
    return np.full(len(series), np.nan)


def numbers_said(series: pd.Series[Any]) -> NDArray[np.float64]:
    """What texts say as numbers, NaN where they say none; shape `(n,)`."""
    return pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def arrow_frame(table: pa.Table) -> pd.DataFrame:
    """The columns of an Arrow table, each plain; those that cannot be used keep Arrow's type.

    Example:
        >>> names = pa.array(["a", "b"]).dictionary_encode()
        >>> arrow_frame(pa.table({"name": names, "n": pa.array([1, None])})).values.tolist()
        [['a', 1.0], ['b', nan]]
    """
    # an index that pandas left there is no column of the table
    names = [name for name in table.column_names if not name.startswith(INDEX)]
    columns = {name: of_arrow(table[name]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def of_arrow(values: pa.ChunkedArray) -> pd.Series[Any]:
    """The values of a column of Arrow's, plain."""
    kind, types = values.type, pa.types
    if types.is_dictionary(kind):
        return of_arrow(values.cast(kind.value_type))
    if types.is_decimal(kind):
        values = decimals_as_floats(values)
    elif str(kind) in ("string_view", "large_string"):
        values = values.cast(pa.string()) if str(kind) == "string_view" else values
    elif types.is_null(kind):
        return pd.Series([None] * len(values), dtype=object)
    elif not (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
    ):
        return pd.Series(pd.arrays.ArrowExtensionArray(values))
    # whole numbers beside missing ones would become floats, and large ones others
    return plain(values.to_pandas(integer_object_nulls=True))


def decimals_as_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals as the nearest float64 each: 0.3 is 0.3, which Arrow's own cast does not give."""
    return values.cast(pa.string()).cast(pa.float64())


def _of_categories(series: pd.Series[Any]) -> pd.Series[Any]:
    categories = plain(pd.Series(series.cat.categories))
    places = series.cat.codes.to_numpy()
    if (places < 0).any():
        taken = categories.astype(object).reindex(places)
        return plain(_same(series, taken.to_numpy()))
    return plain(_same(series, categories.take(places)))


def _of_objects(series: pd.Series[Any]) -> pd.Series[Any]:
    absent = series.isna().to_numpy()
    values = series.to_numpy(object, copy=True)
    values[absent] = None
    kinds = {held_by(kind) for kind in set(map(type, values[~absent].tolist()))}
    if kinds == {Held.NUMBERS}:
        return _numbers(_same(series, _of_python_numbers(values, absent)))
    if kinds == {Held.TEXTS}:
        return _same(series, _texts(values, series.name))
    return _truths(series) if kinds == {Held.TRUTHS} else _same(series, values)


def _of_python_numbers(values: NDArray[Any], absent: NDArray[np.bool_]) -> Any:
    """Any numbers as an array of numbers; those too large for a float are infinite."""
    present = values[~absent].tolist()
    if all(isinstance(value, int | np.integer) for value in present):
        low, high = int(min(present)), int(max(present))
        for kind, missing in ((np.int64, "Int64"), (np.uint64, "UInt64")):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                if not absent.any():
                    return values.astype(kind)
                return pd.array(values.tolist(), dtype=missing)
    return np.array(
        [np.nan if gone else _number(v) for v, gone in zip(values, absent, strict=True)], np.float64
    )


def _number(value: Any) -> float:
    """A value as a float, NaN where it is no number."""
    if held_by(type(value)) is not Held.NUMBERS:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a decimal that signals that it is no number
        return math.nan


def _numbers(series: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers of any width, also pandas' own with a mask."""
    if series.isna().any():
        whole = pd.api.types.is_integer_dtype(series)
        if whole and max(abs(int(series.min())), abs(int(series.max()))) > EXACT:
            return series  # floats would be other numbers
        return _same(series, _floats(series))
    if pd.api.types.is_integer_dtype(series):
        small = not len(series) or series.max() <= np.iinfo(np.int64).max
        return _same(series, series.to_numpy(np.int64 if small else np.uint64))
    numbers = _floats(series)
    whole = bool((np.abs(numbers) <= EXACT).all() and (np.rint(numbers) == numbers).all())
    return _same(series, numbers.astype(np.int64) if whole else numbers)


def _floats(series: pd.Series[Any]) -> NDArray[np.floating[Any]]:
    narrow = str(series.dtype).lower() in ("float16", "float32")
    kind = np.float32 if narrow else np.float64
    return series.to_numpy(kind, na_value=np.nan)


def _truths(series: pd.Series[Any]) -> pd.Series[Any]:
    absent = series.isna().to_numpy()
    if not absent.any():
        return _same(series, series.to_numpy(bool))
    values = [None if gone else bool(v) for v, gone in zip(series.tolist(), absent, strict=True)]
    return pd.Series(values, index=series.index, name=series.name, dtype=object)


def _texts(values: NDArray[Any], name: Any) -> Any:
    try:
        return pd.array(values, dtype=TEXT)
    except UnicodeEncodeError as error:
        raise InputError(
            f"column {str(name)!r}: expected texts of whole characters, found {error.object[:40]!r}"
        ) from error


def _same(series: pd.Series[Any], values: Any) -> pd.Series[Any]:
    found: pd.Series[Any] = pd.Series(getattr(values, "array", values), series.index)
    found.name = series.name
    return found
