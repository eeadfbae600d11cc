"""Frames of pandas, polars, Arrow and others as one kind of frame, with plain values."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from rafair.errors import InputError
from rafair.tabular.plain_values import arrow_frame, of_arrow, plain, plain_frame


def as_frame(frame: Any, where: str) -> pd.DataFrame:
    """The rows of a frame with plain values, numbered from 0.

    Args:
        frame: A pandas or polars frame, an Arrow table, or another frame that narwhals knows and
            that has its rows in memory.
        where: What to call it in a message.

    Raises:
        InputError: If it is no frame, has no row or no column, or a column's name is no text or
            stands there twice.

    Example:
        >>> as_frame(pa.table({"age": [20, 30]}), "table")["age"].tolist()
        [20, 30]
    """
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if isinstance(frame, pd.DataFrame):
        _check_names(list(frame.columns), where)
        found = plain_frame(frame)
    elif isinstance(frame, pa.Table):
        _check_names(frame.column_names, where)
        found = arrow_frame(frame)
    else:
        found = _of_others(frame, where)
    if not len(found):
        raise InputError(f"{where}: expected at least one row, found none")
    return found


def _check_names(names: list[Any], where: str) -> None:
    if not names:
        raise InputError(f"{where}: expected at least one column, found none")
    seen = set()
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"column {name!r}: expected a text as its name")
        if name in seen:
            raise InputError(f"column '{name}': expected once, found more than once")
        seen.add(name)


def _of_others(frame: Any, where: str) -> pd.DataFrame:
    """A frame of a library that narwhals knows, column by column."""
    import narwhals.stable.v1 as nw

    kind = type(frame).__name__
    known = nw.from_native(frame, pass_through=True)
    if isinstance(known, nw.LazyFrame):
        raise InputError(
            f"{where}: expected a frame with its rows in memory, got a {kind}; collect it first"
        )
    if not isinstance(known, nw.DataFrame):
        raise InputError(f"{where}: expected a frame of pandas, polars or pyarrow, got {kind}")
    _check_names(known.columns, where)
    return pd.DataFrame({name: _column(known[name]) for name in known.columns})


def _column(series: Any) -> pd.Series[Any]:
    if str(series.dtype) != "Object":  # of which Arrow gets the addresses
        try:
            return of_arrow(_chunks(series.to_arrow()))
        except (pa.ArrowException, TypeError):
            pass  # a type that Arrow does not have, such as whole numbers of 128 bits
    return plain(pd.Series(series.to_list(), dtype=object))


def _chunks(values: Any) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
