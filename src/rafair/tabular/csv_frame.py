"""The columns of a text file with one line per row: CSV, TSV, and the same compressed by gzip."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd

from rafair.engine.text_file import text_in
from rafair.errors import DataFileError
from rafair.tabular.column_names import check_names, check_separator
from rafair.tabular.held import TRUTH, Held, held_by
from rafair.tabular.numbers_in_text import as_said, refuse_other_signs
from rafair.tabular.plain_values import plain_frame
from rafair.tabular.read_as import ReadAs
from rafair.tabular.schema import Feature, Schema

PARQUET_MAGIC = b"PAR1"
OTHERS = {
    PARQUET_MAGIC: "Parquet; name it .parquet",
    b"\x1f\x8b": "gzip; name it .csv.gz",
    b"PK\x03\x04": "an archive, as Excel files are",
}
"""How files begin that are none of text, and what they are."""

ABSENT = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "<NA>")
"""What stands for a missing value in a CSV file; "None" and "?" may well be levels."""

MOST_LOOKED_AT = 10_000
"""Lines in which codes that begin with a zero are looked for."""


def csv_frame(path: Path, content: bytes, schema: Schema | None, reading: ReadAs) -> pd.DataFrame:
    """The rows of a text file; see `read_frame`.

    Args:
        path: The file, for messages.
        content: Its bytes, no longer compressed.
        schema: What the columns are, if that is known.
        reading: How it is to be read; its `separator` is known.

    Raises:
        DataFileError: If it is no such file.
        InputError: If two signs are the same.
    """
    separator = reading.separator or ","
    text = _text(path, content, reading)
    names, codes = _check_fields(path, text, separator)
    absent = {name: list(ABSENT) for name in names}
    texts = set(codes)
    if schema is not None:
        absent[schema.label] = [word for word in ABSENT if word not in schema.classes]
    for feature in schema.features if schema else ():
        levels = feature.levels or ()
        if feature.name in absent and levels and all(isinstance(level, str) for level in levels):
            absent[feature.name] = [word for word in ABSENT if word not in levels]
            texts.add(feature.name)
    # numbers that are written in another way are read here: pandas takes 01.02.2020 for one
    kinds: Any = str if reading.says_numbers else dict.fromkeys(texts, "str")
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype=kinds,
            na_values=absent,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DataFileError(f"'{path}': cannot be read: {' '.join(str(error).split())}") from error
    stated = {schema.label, *texts} if schema else texts
    for name in frame.columns:
        if name not in texts and reading.says_numbers:
            frame[name] = as_said(frame[name], reading)
        elif name not in stated:
            refuse_other_signs(path, frame[name])
    for feature in schema.features if schema else ():
        if feature.name in frame.columns:
            frame[feature.name] = _as_written(frame[feature.name], feature, reading)
    return plain_frame(frame)


def _as_written(series: pd.Series[Any], feature: Feature, reading: ReadAs) -> pd.Series[Any]:
    """Fields as what the feature's values are: a field 1 is a number where numbers are expected.

    What cannot be read so stays the text that it is.
    """
    if series.dtype != object and not isinstance(series.dtype, pd.StringDtype):
        return series
    if feature.is_opaque:
        return series  # whatever the whole column looks like
    levels = feature.levels or ()
    kind = Held.NUMBERS if feature.kind.is_number else held_by(type(levels[0]))
    if kind is Held.TRUTHS:
        return series.map(lambda value: TRUTH.get(str(value).lower(), value))
    if kind is Held.TEXTS:
        return series
    if reading.says_numbers:
        return as_said(series, reading, each=True)
    read = pd.to_numeric(series, errors="coerce")
    return series.astype(object).where(read.isna(), read)


def _text(path: Path, content: bytes, reading: ReadAs) -> str:
    for magic, found in OTHERS.items():
        if content.startswith(magic):
            raise DataFileError(f"'{path}': expected a CSV file, found {found}")
    try:
        if reading.encoding is None:
            return text_in(content)
        text = content.decode(reading.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataFileError(
            f"'{path}', line {line:,}: expected {reading.encoding} text, as --encoding says, found "
            "other bytes"
        ) from error
    except ValueError as error:
        other = ", or say which it is: --encoding latin-1" if "iconv" in str(error) else ""
        raise DataFileError(f"'{path}', {error}{other}") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataFileError(f"'{path}', line {line:,}: expected text, found a zero byte")
    return text


def _check_fields(path: Path, text: str, separator: str) -> tuple[list[str], set[str]]:
    """The names of the columns, once every line has as many fields as there are names.

    Also those of columns with numbers such as 01, whose zero a number would lose.
    """
    codes = set()
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        names = next((line for line in lines if line), [])
        if not names:
            raise DataFileError(f"'{path}': expected a line with the columns' names, found none")
        check_separator(path, names, separator, option=True)
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
