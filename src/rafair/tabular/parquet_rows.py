"""The rows of a Parquet file by number, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rafair.errors import DataFileError

BATCH_ROWS = 65_536
BUFFER = 1 << 20
"""Bytes of each column that are held ahead of what is decoded."""


class RowReader:
    """Walks through some columns of a Parquet file.

    Going forward costs what lies between; whole row groups are stepped over. Going back begins
    again at a row group.

    Args:
        path: The file.
        columns: The columns to read, in the order they are wanted.

    Raises:
        DataFileError: If the file cannot be read.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = list(columns)
        self._file = open_parquet(path)
        groups = range(self._file.num_row_groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in groups]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._seek(0)

    def read(self, start: int, stop: int) -> pa.Table:
        """The rows from `start` up to `stop`, which must be in the file.

        Raises:
            DataFileError: If the file cannot be read there.
        """
        elsewhere = self._group_of(start) != self._group_of(self._position)
        if start < self._position or (start > self._position and elsewhere):
            self._seek(start)
        for _ in self._pieces(start - self._position):
            pass  # stepped over, and not kept
        return pa.Table.from_batches(list(self._pieces(stop - start)))

    def _seek(self, row: int) -> None:
        group = self._group_of(row)
        groups = list(range(group, self._file.num_row_groups))
        self._position = int(self._starts[group])
        self._rest: pa.RecordBatch | None = None
        with reading_parquet(self._path):
            self._batches = self._file.iter_batches(
                BATCH_ROWS, row_groups=groups, columns=self._columns, use_threads=False
            )

    def _pieces(self, n_rows: int) -> Iterator[pa.RecordBatch]:
        """The next rows, piece by piece."""
        while n_rows:
            batch = self._rest or self._next()
            piece = batch.slice(0, n_rows)
            self._rest = batch.slice(n_rows) if n_rows < batch.num_rows else None
            self._position += piece.num_rows
            n_rows -= piece.num_rows
            yield piece

    def _next(self) -> pa.RecordBatch:
        with reading_parquet(self._path):
            batch = next(self._batches, None)
            if batch is not None:
                batch.validate(full=True)  # texts may hold bytes that are none
        if batch is None:
            raise DataFileError(f"'{self._path}': expected more rows than could be read")
        return batch.select(self._columns)

    def _group_of(self, row: int) -> int:
        place = int(np.searchsorted(self._starts, row, side="right")) - 1
        return min(place, len(self._starts) - 2)


def open_parquet(path: Path) -> pq.ParquetFile:
    """Opens a Parquet file so that it is read piece by piece.

    Raises:
        DataFileError: If there is no file, or it is not a whole Parquet file.
    """
    if path.is_dir():
        raise DataFileError(f"'{path}': expected a Parquet file, found a folder")
    with reading_parquet(path):
        # by default whole columns of all row groups are read ahead, which is the whole file
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """Makes one line of what goes wrong while a Parquet file is read.

    Raises:
        DataFileError: If something does.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataFileError(f"'{path}': expected a Parquet file, found no such file") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:  # the last of a name
        reason = str(error).splitlines()[0]
        raise DataFileError(f"'{path}': expected a whole Parquet file: {reason}") from error
