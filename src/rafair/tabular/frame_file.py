"""The columns of a CSV or Parquet file as they stand there; one line for a file that is neither."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from rafair.engine.text_file import bytes_of, text_in
from rafair.errors import DataFileError
from rafair.tabular.held import TRUTH, Held, held_by
from rafair.tabular.parquet_rows import open_parquet
from rafair.tabular.plain_values import INDEX, arrow_frame, plain_frame
from rafair.tabular.schema import Feature, Schema

CSV, PARQUET = (".csv",), (".parquet", ".pq")
PARQUET_MAGIC = b"PAR1"
SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'"}
ABSENT = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "<NA>")
"""What stands for a missing value in a CSV file; "None" and "?" may well be levels."""

MOST_LOOKED_AT = 10_000
"""Lines in which codes that begin with a zero are looked for."""


def read_frame(path: Path | str, schema: Schema | None = None) -> pd.DataFrame:
    r"""Reads a CSV file (UTF-8 or UTF-16, commas, a line of names) or a Parquet file.

    Args:
        path: The file; its name says which it is.
        schema: If given, the fields of a CSV file are read as what the schema says: features with
            texts as levels as texts, so that a level "01" is not taken for a number, and a level
            "NA" not for a missing value; others as numbers or truth values, where they can be.

    Returns:
        All columns with plain values, the rows in the file's order and numbered from 0.

    Raises:
        DataFileError: If there is no such file, it is cut short, empty, in another encoding, with
            another separator, or a column has no name or stands there twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "people.csv").write_text("age,job\n20,cook\n,smith\n")
        ...     frame = read_frame(Path(folder, "people.csv"))
        >>> frame["age"].tolist(), frame["job"].tolist()
        ([20.0, nan], ['cook', 'smith'])
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (*CSV, *PARQUET):
        raise DataFileError(
            f"'{path}': expected a name that ends in {', '.join((*CSV, *PARQUET))}, got '{ending}'"
        )
    frame = _read_csv(path, schema) if ending in CSV else _read_parquet(path)
    if not len(frame):
        raise DataFileError(f"'{path}': expected at least one row, found none")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    file = open_parquet(path)
    names = file.schema_arrow.names
    check_names(path, names)
    wanted = [name for name in names if not name.startswith(INDEX)]
    try:
        # by types alone: pandas' notes in the file would bring back an index or its own types
        table = file.read(columns=wanted)
        table.validate(full=True)  # texts may hold bytes that are none
        return arrow_frame(table)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataFileError(f"'{path}': expected a whole Parquet file: {reason}") from error


def _read_csv(path: Path, schema: Schema | None) -> pd.DataFrame:
    text = _text(path)
    names, codes = _check_fields(path, text)
    absent = {name: list(ABSENT) for name in names}
    kinds = dict.fromkeys(codes, "str")
    if schema is not None:
        absent[schema.label] = [word for word in ABSENT if word not in schema.classes]
    for feature in schema.features if schema else ():
        levels = feature.levels or ()
        if feature.name in absent and levels and all(isinstance(level, str) for level in levels):
            absent[feature.name] = [word for word in ABSENT if word not in levels]
            kinds[feature.name] = "str"
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            dtype=kinds,
            na_values=absent,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DataFileError(f"'{path}': cannot be read: {' '.join(str(error).split())}") from error
    for feature in schema.features if schema else ():
        if feature.name in frame.columns:
            frame[feature.name] = _as_written(frame[feature.name], feature)
    return plain_frame(frame)


def _as_written(series: pd.Series[Any], feature: Feature) -> pd.Series[Any]:
    """Fields as what the feature's values are: a field 1 is a number where numbers are expected.

    What cannot be read so stays the text that it is.
    """
    if series.dtype != object and not isinstance(series.dtype, pd.StringDtype):
        return series
    levels = feature.levels or ()
    kind = Held.NUMBERS if feature.kind.is_number else held_by(type(levels[0]))
    if kind is Held.TRUTHS:
        return series.map(lambda value: TRUTH.get(str(value).lower(), value))
    if kind is Held.TEXTS:
        return series
    read = pd.to_numeric(series, errors="coerce")
    return series.astype(object).where(read.isna(), read)


def _text(path: Path) -> str:
    content = bytes_of(path, "a CSV file", DataFileError)
    if content.startswith(PARQUET_MAGIC):
        raise DataFileError(f"'{path}': expected a CSV file, found Parquet; name it .parquet")
    try:
        return text_in(content)
    except ValueError as error:
        raise DataFileError(f"'{path}', {error}") from error


def _check_fields(path: Path, text: str) -> tuple[list[str], set[str]]:
    """The names of the columns, once every line has as many fields as there are names.

    Also those of columns with numbers such as 01, whose zero a number would lose.
    """
    codes = set()
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        names = next((line for line in lines if line), [])
        if not names:
            raise DataFileError(f"'{path}': expected a line with the columns' names, found none")
        check_separator(path, names)
        check_names(path, names)
        for number, line in enumerate(lines):
            if number < MOST_LOOKED_AT:
                codes |= {name for name, value in zip(names, line, strict=False) if _is_code(value)}
            if line and len(line) != len(names):
                raise DataFileError(
                    f"'{path}', line {lines.line_num:,}: expected {len(names)} fields, as in the "
                    f"first line, found {len(line)}"
                )
    except csv.Error as error:
        raise DataFileError(
            f"'{path}', line {lines.line_num:,}: cannot be read: {error}"
        ) from error
    return names, codes


def _is_code(value: str) -> bool:
    return len(value) > 1 and value[0] == "0" and value.isdecimal()


def check_separator(path: Path, names: list[str]) -> None:
    """Refuses a line of names in which commas separate nothing.

    Raises:
        DataFileError: If there is one name only.
    """
    if len(names) == 1:
        other = next((words for mark, words in SEPARATORS.items() if mark in names[0]), None)
        hint = f"; is the separator {other}?" if other else ""
        raise DataFileError(f"'{path}': expected columns separated by ',', found one column{hint}")


def check_names(path: Path, names: list[str]) -> None:
    """Refuses columns without a name, with one that cannot be shown, or that stand there twice.

    Raises:
        DataFileError: If there is one.
    """
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise DataFileError(
                f"'{path}': column {place}: expected a name, found none; if it is an index, write "
                "the file without it"
            )
        if not name.isprintable():
            raise DataFileError(
                f"'{path}': column {place}: expected a name in one line of printable characters, "
                f"got {name!r}"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataFileError(f"'{path}': column '{twice[0]}': expected once, found more than once")
