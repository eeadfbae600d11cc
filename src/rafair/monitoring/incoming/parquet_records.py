"""Records of a Parquet file: its rows as plain values, in memory that does not grow with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from rafair.errors import AlteredFileError, DataFileError
from rafair.monitoring.stream_record import Position, Record
from rafair.tabular.column_names import check_names
from rafair.tabular.parquet_rows import RowReader, open_parquet

ROWS_AT_ONCE = 4_096


def parquet_records(path: Path, start: Position) -> Iterator[Record]:
    """The rows of a file, from a position on.

    Raises:
        AlteredFileError: If the file is not the one that was read up to the position.
        DataFileError: If it is not a whole Parquet file, or changes while it is read.
    """
    before = _stamp(path)
    file = open_parquet(path)
    try:
        found = file.schema_arrow.names
    except (UnicodeDecodeError, pa.ArrowException) as error:
        raise DataFileError(f"'{path}': expected names that can be read: {error}") from error
    names = [name for name in found if not name.startswith("__index_level_")]
    if not names:
        raise DataFileError(f"'{path}': expected at least one column, found none")
    check_names(path, names)
    n_rows = file.metadata.num_rows
    sha256 = hash_of(path)
    if start.sha256 and (start.sha256 != sha256 or start.records > n_rows):
        raise altered(path)
    if start.records >= n_rows:
        return
    reader = RowReader(path, names)
    for first in range(start.records, n_rows, ROWS_AT_ONCE):
        table = reader.read(first, min(first + ROWS_AT_ONCE, n_rows))
        if _stamp(path) != before:
            raise DataFileError(f"'{path}': expected a file at rest, found one that changes")
        try:
            columns = [_plain(table[name]) for name in names]
        except (ValueError, KeyError, OverflowError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise DataFileError(f"'{path}': expected values that can be read: {reason}") from error
        for number, values in enumerate(zip(*columns, strict=True), start=first):
            after = Position(number + 1, 0, sha256)
            yield Record(path.name, number, dict(zip(names, values, strict=True)), after=after)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """A column as plain values; numbers of single precision stay known as such."""
    if column.type == pa.float32():
        return list(column.to_numpy())
    values: list[Any] = column.to_pylist()
    return values


def altered(path: Path) -> AlteredFileError:
    """What is said of a file that can no longer be read on."""
    return AlteredFileError(
        f"'{path}': expected what was read of it before, found other content; rows may only be "
        "added at the end of a text file: put changed rows into a file of another name"
    )


def hash_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        DataFileError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns
