"""The columns of a file of one's own as they stand there; one line for a file that is none."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather

from rafair.engine.text_file import text_in
from rafair.errors import DataFileError, InputError
from rafair.tabular.column_names import check_names
from rafair.tabular.csv_frame import csv_frame
from rafair.tabular.json_lines import read_object
from rafair.tabular.parquet_rows import open_parquet
from rafair.tabular.plain_values import INDEX, arrow_frame, plain_frame
from rafair.tabular.reading_options import AS_IT_IS, ReadAs
from rafair.tabular.schema import Schema
from rafair.tabular.table_formats import (
    ARROW,
    CSV,
    ENDINGS,
    EXCEL,
    JSON_LINES,
    PARQUET,
    TSV,
    check_archive,
    content_of,
    ending_of,
)

OF_TEXT = ("separator", "decimal", "thousands", "encoding")


def read_frame(
    path: Path | str, schema: Schema | None = None, reading: ReadAs = AS_IT_IS
) -> pd.DataFrame:
    r"""Reads a file of CSV, TSV, JSON lines (each also as .gz), Parquet, Feather or Excel.

    Args:
        path: The file; its name says which it is.
        schema: If given, the fields of a text file are read as what the schema says: features with
            texts as levels as texts, so that a level "01" is not taken for a number, and a level
            "NA" not for a missing value; others as numbers or truth values, where they can be.
        reading: What the file does not say: separators, decimals, the encoding, the sheet.

    Returns:
        All columns with plain values, the rows in the file's order and numbered from 0.

    Raises:
        DataFileError: If there is no such file, it is cut short, empty, in another encoding, with
            another separator, or a column has no name or stands there twice.
        InputError: If `reading` says what has no meaning for such a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "people.csv").write_text("age,job\n20,cook\n,smith\n")
        ...     frame = read_frame(Path(folder, "people.csv"))
        >>> frame["age"].tolist(), frame["job"].tolist()
        ([20.0, nan], ['cook', 'smith'])
    """
    path = Path(path)
    ending = ending_of(path)
    if ending in (*CSV, *TSV):
        reading.check_for(path, "a CSV or TSV file", *OF_TEXT)
        reading = with_separator(path, reading)
        frame = csv_frame(path, content_of(path, "a CSV file"), schema, reading)
    else:
        readers = {JSON_LINES: _json_lines, PARQUET: _parquet, ARROW: _arrow, EXCEL: _excel}
        read = next((read for endings, read in readers.items() if ending in endings), None)
        if read is None:
            raise DataFileError(
                f"'{path}': expected a name that ends in {', '.join(ENDINGS)}, got '{path.suffix}'"
            )
        known = ("sheet",) if read is _excel else ()
        reading.check_for(path, f"a file that ends in {ending}", *known)
        frame = read(path, reading)
    if not len(frame):
        raise DataFileError(f"'{path}': expected at least one row, found none")
    return frame


def with_separator(path: Path, reading: ReadAs) -> ReadAs:
    """How a text file is read, with what separates its fields."""
    return replace(
        reading, separator=reading.separator or ("\t" if ending_of(path) in TSV else ",")
    )


def _json_lines(path: Path, reading: ReadAs) -> pd.DataFrame:
    try:
        text = text_in(content_of(path, "a file of JSON lines"))
    except ValueError as error:
        raise DataFileError(f"'{path}', {error}") from error
    found: list[dict[str, object]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(read_object(line))
        except ValueError as error:
            raise DataFileError(f"'{path}', line {number:,}: {error}") from error
    frame = pd.DataFrame.from_records(found)
    check_names(path, [str(name) for name in frame.columns])
    return plain_frame(frame)


def _parquet(path: Path, reading: ReadAs) -> pd.DataFrame:
    file = open_parquet(path)
    names = file.schema_arrow.names
    check_names(path, names)
    wanted = [name for name in names if not name.startswith(INDEX)]
    # by types alone: pandas' notes in the file would bring back an index or its own types
    return _of_arrow(path, "Parquet", lambda: file.read(columns=wanted))


def _arrow(path: Path, reading: ReadAs) -> pd.DataFrame:
    if path.is_dir() or not path.exists():
        found = "a folder" if path.is_dir() else "no such file"
        raise DataFileError(f"'{path}': expected a Feather or Arrow file, found {found}")
    return _of_arrow(path, "Feather or Arrow", lambda: pyarrow.feather.read_table(path))


def _of_arrow(path: Path, kind: str, read: Callable[[], pa.Table]) -> pd.DataFrame:
    try:
        table = read()
        table.validate(full=True)  # texts may hold bytes that are none
        check_names(path, table.column_names)
        return arrow_frame(table)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataFileError(f"'{path}': expected a whole {kind} file: {reason}") from error


def _excel(path: Path, reading: ReadAs) -> pd.DataFrame:
    if importlib.util.find_spec("openpyxl") is None:
        raise InputError(
            f"'{path}': openpyxl is not installed, which reads Excel files; pip install "
            "'rafair[excel]' installs it"
        )
    check_archive(path)
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            sheet = _sheet(path, [str(name) for name in book.sheet_names], reading.sheet)
            # by hand: pandas would give a second column of one name another name
            options: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
            cells = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, **options)
    except InputError:
        raise
    except Exception as error:  # whatever openpyxl raises on a file that others made
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataFileError(f"'{path}': expected a whole Excel file: {reason}") from error
    cells = cells.dropna(how="all")
    if cells.empty:
        raise DataFileError(f"'{path}': expected a line with the columns' names, found none")
    names = ["" if pd.isna(name) else str(name) for name in cells.iloc[0]]
    check_names(path, names)
    return plain_frame(cells.iloc[1:].set_axis(names, axis=1).reset_index(drop=True))


def _sheet(path: Path, sheets: list[str], wanted: str | None) -> str:
    """The sheet to read: which of several, nobody guesses."""
    listed = ", ".join(sheets)
    if wanted is not None and wanted not in sheets:
        raise DataFileError(f"'{path}': expected a sheet called '{wanted}', found {listed}")
    if wanted is None and len(sheets) > 1:
        raise DataFileError(f"'{path}': expected one sheet, found {listed}; `sheet` says which")
    return wanted or sheets[0]


__all__ = ["CSV", "JSON_LINES", "PARQUET", "read_frame"]
