"""The kinds of files that a table may be in, by how their names end, and their bytes unpacked."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from rafair.engine.text_file import bytes_of
from rafair.errors import DataFileError

CSV, TSV, PARQUET = (".csv",), (".tsv",), (".parquet", ".pq")
JSON_LINES, ARROW, EXCEL = (".jsonl", ".ndjson"), (".feather", ".arrow"), (".xlsx",)
GZIP = ".gz"
PACKED = (*CSV, *TSV, *JSON_LINES)
"""What may be compressed by gzip."""

ENDINGS = (*CSV, *TSV, *PARQUET, *JSON_LINES, *ARROW, *EXCEL, *(f"{end}{GZIP}" for end in PACKED))

MOST_UNPACKED = 4 * 2**30
"""Bytes that a compressed file may hold; a bomb has more."""

READ_BYTES = 1 << 20


def ending_of(path: Path) -> str:
    """How a file's name ends, which says what it is: of a compressed file what is inside.

    Example:
        >>> ending_of(Path("loans.CSV.gz")), ending_of(Path("v1.5/loans.parquet"))
        ('.csv', '.parquet')
    """
    inside = path.with_suffix("") if is_packed(path) else path
    return inside.suffix.lower()


def is_packed(path: Path) -> bool:
    """Whether a file's name says that it is compressed by gzip."""
    return path.suffix.lower() == GZIP and path.with_suffix("").suffix.lower() in PACKED


def content_of(path: Path, what: str) -> bytes:
    """The bytes of a text file, unpacked.

    Args:
        path: The file.
        what: What it is, such as "a CSV file".

    Raises:
        DataFileError: If it cannot be read, is cut short, or unpacks to more than it may.
    """
    content = bytes_of(path, what, DataFileError)
    if not is_packed(path):
        return content
    found = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while block := file.read(READ_BYTES):
                found += block
                if len(found) > MOST_UNPACKED:
                    raise too_large(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataFileError(f"'{path}': expected a whole gzip file: {error}") from error
    return bytes(found)


def check_archive(path: Path) -> None:
    """Refuses an archive that is none, or unpacks to more than it may.

    Raises:
        DataFileError: If it does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise too_large(path)
    except FileNotFoundError as error:
        raise DataFileError(f"'{path}': expected an Excel file, found no such file") from error
    except IsADirectoryError as error:
        raise DataFileError(f"'{path}': expected an Excel file, found a folder") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise DataFileError(f"'{path}': expected a whole Excel file: {error}") from error


def too_large(path: Path) -> DataFileError:
    """What is said of a file that unpacks to too much."""
    return DataFileError(
        f"'{path}': expected at most {MOST_UNPACKED:,} bytes once it is unpacked, found more"
    )
