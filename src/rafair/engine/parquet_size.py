"""Whether a Parquet file has about the rows it should, and fits into memory, by its footer."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WIDTH = 8
"""Bytes of a value, or of a text's code, once it is read."""

MOST_GROWTH = 200
"""Times its own size that a file may take: runs of equal values are stored as one and a count."""

SMALL, FEW = 64 * 2**20, 1000
"""Bytes, and rows, that are no trouble in any case."""


def check_size(path: Path, rows: int | None = None) -> None:
    """Refuses a file that holds far more rows than it should, or than a file of its size can.

    Whether it has just the rows that it should is for those who read them.

    Args:
        path: The file.
        rows: How many rows it must have; None where nobody knows.

    Raises:
        ValueError: If it is no Parquet file, has many more rows, or would take too much memory;
            says what was expected and found.
        OSError: If it cannot be read.
    """
    try:
        footer = pq.read_metadata(path)
    except pa.ArrowException as error:
        raise ValueError(f"expected a whole Parquet file: {str(error).splitlines()[0]}") from error
    if rows is not None and footer.num_rows > 2 * rows + FEW:
        raise ValueError(f"expected {rows:,} rows, found {footer.num_rows:,}")
    memory = footer.num_rows * footer.num_columns * WIDTH
    size = path.stat().st_size
    if memory > SMALL + MOST_GROWTH * size:
        raise ValueError(
            f"expected what {size:,} bytes can hold, found {footer.num_rows:,} rows of "
            f"{footer.num_columns:,} columns, {memory / 1e9:.1f} GB"
        )
