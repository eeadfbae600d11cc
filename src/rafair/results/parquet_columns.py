"""Columns of a run's Parquet files as numpy arrays; Arrow's own conversions would load pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.errors import RunFolderError

Numbers = NDArray[np.int64]


def columns_of(path: Path, names: Sequence[str]) -> pa.Table:
    """Some columns of a Parquet file.

    Raises:
        RunFolderError: If the file cannot be read, or lacks a column.
    """
    try:
        with pq.ParquetFile(path, read_dictionary=_texts(names)) as file:
            return file.read(columns=list(names)).select(list(names))
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(f"'{path}': expected a whole Parquet file: {reason}") from error


def names_of(path: Path) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
        RunFolderError: If the file cannot be read.
    """
    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFolderError(f"'{path}': expected a whole Parquet file: {reason}") from error


def numbers(column: pa.ChunkedArray, missing: Any = None) -> NDArray[Any]:
    """Numbers or truth values; shape `(n,)`.

    Args:
        column: The column.
        missing: What stands for a missing value; by default NaN, of fractions alone.

    Raises:
        pa.ArrowInvalid: If it holds something else, or a value is missing that has no stand-in.
    """
    array = _joined(column)
    kind = array.type
    is_fraction = pa.types.is_floating(kind)
    if not (pa.types.is_integer(kind) or is_fraction or pa.types.is_boolean(kind)):
        raise pa.ArrowInvalid(f"expected a column of numbers, found one of {kind}")
    content = array.buffers()[1]
    if not len(array):
        values = np.empty(0, kind.to_pandas_dtype())
    elif pa.types.is_boolean(kind):
        values = _bits(content, array)
    else:
        values = np.frombuffer(content, kind.to_pandas_dtype())
        values = values[array.offset : array.offset + len(array)]
    if not array.null_count:
        return values
    if missing is None and not is_fraction:
        raise pa.ArrowInvalid("expected no missing value in a column, found some")
    return np.where(present(array), values, np.nan if missing is None else missing)


def present(column: Any) -> NDArray[np.bool_]:
    """Where a column has a value; shape `(n,)`."""
    array = _joined(column)
    valid = array.buffers()[0]
    if not array.null_count or valid is None:
        return np.full(len(array), not array.null_count)  # a column of type null has no buffer
    return _bits(valid, array)


def distinct(*columns: Any) -> tuple[list[Any], Numbers]:
    """The distinct values of columns, in order of appearance, and which one each place has.

    What is missing is a value too, None or NaN.

    Args:
        columns: Columns of one type, one behind the other.
    """
    place: dict[Any, int] = {}
    parts = []
    for values, codes in map(_encoded, columns):
        known = [place.setdefault(_key(value), len(place)) for value in values]
        parts.append(np.array(known, np.int64)[codes] if known else codes)
    codes = np.concatenate(parts)
    used, first = np.unique(codes, return_index=True)
    order = used[np.argsort(first)]
    renumbered = np.zeros(len(place), np.int64)
    renumbered[order] = np.arange(len(order))
    keys = list(place)
    return [np.nan if keys[code] is _NAN else keys[code] for code in order], renumbered[codes]


def by_attack(table: pa.Table) -> dict[str, Numbers]:
    """The numbers of the rows of each attack, in order of appearance."""
    attacks, codes = distinct(table["attack"])
    return {str(name): np.flatnonzero(codes == code) for code, name in enumerate(attacks)}


def _texts(names: Sequence[str]) -> list[str]:
    """Columns that may be texts are read as codes, which takes a tenth of the memory."""
    return [name for name in names if name.startswith(("raw.", "counterpart."))]


def _bits(buffer: Any, array: Any) -> NDArray[np.bool_]:
    found = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return found[array.offset : array.offset + len(array)].astype(bool)


def _joined(column: Any) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # no chunk at all, or more than one array can hold
        array = pa.concat_arrays(array.chunks) if array.chunks else pa.nulls(0, array.type)
    return array


def _encoded(column: Any) -> tuple[list[Any], Numbers]:
    """Some values, and which one each place has; a value may stand twice, or not occur."""
    array = _joined(column)
    if pa.types.is_dictionary(array.type):
        values, codes = array.dictionary.to_pylist(), numbers(array.indices, missing=-1)
    elif pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        there, codes = np.unique(numbers(array, missing=0), return_inverse=True)
        values, codes = there.tolist(), np.where(present(array), codes, -1)
    else:
        coded = array.dictionary_encode()
        values, codes = coded.dictionary.to_pylist(), numbers(coded.indices, missing=-1)
    codes = codes.astype(np.int64)
    if not (codes < 0).any():
        return values, codes
    return [*values, None], np.where(codes < 0, len(values), codes)


_NAN = object()
"""Stands for NaN, which is not equal to itself."""


def _key(value: Any) -> Any:
    return _NAN if isinstance(value, float) and value != value else value
