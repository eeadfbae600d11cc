"""The columns of a text file with one line per row: CSV, TSV, and the same compressed by gzip."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from rafair.engine.text_file import text_in
from rafair.errors import DataFileError, InputError
from rafair.tabular.column_names import check_names, check_separator
from rafair.tabular.mixed_values import ABSENT
from rafair.tabular.numbers_in_text import as_said, refuse_other_signs
from rafair.tabular.plain_values import plain_frame
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.value_types import TRUTH, Held, held_by

PARQUET_MAGIC = b"PAR1"
OTHERS = {
    PARQUET_MAGIC: "Parquet; name it .parquet",
    b"\x1f\x8b": "gzip; name it .csv.gz",
    b"PK\x03\x04": "an archive, as Excel files are",
}
"""How files begin that are none of text, and what they are."""

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
    """
    text = _text(path, content, reading)
    names, codes = check_fields(path, io.StringIO(text, newline=""), reading.separator or ",")
    fields = Fields.of(path, names, codes, schema, reading)
    with fields.reading_them():
        frame = pd.read_csv(io.StringIO(text), **fields.options)
    return fields.columns(fields.natural(frame))


@dataclass(frozen=True)
class Fields:
    """How the fields of a text file become values.

    Args:
        path: The file, for messages.
        schema: What the columns are, if that is known.
        reading: How it is to be read.
        absent: What stands for a missing value, by column.
        texts: Columns whose fields stay the texts that they are.
        stated: Columns of which a schema says that they may hold any text.
    """

    path: Path
    schema: Schema | None
    reading: ReadAs
    absent: Mapping[str, list[str]]
    texts: frozenset[str]
    stated: frozenset[str]

    @classmethod
    def of(
        cls,
        path: Path,
        names: Sequence[str],
        codes: Collection[str],
        schema: Schema | None,
        reading: ReadAs,
    ) -> Self:
        """Those of a file with these columns, of which some hold codes such as 01."""
        absent, texts = {name: list(ABSENT) for name in names}, set(codes)
        if schema is not None:
            absent[schema.label] = [word for word in ABSENT if word not in schema.classes]
        for feature in schema.features if schema else ():
            levels = feature.levels or ()
            if feature.name in absent and levels and all(isinstance(one, str) for one in levels):
                absent[feature.name] = [word for word in ABSENT if word not in levels]
                texts.add(feature.name)
        stated = {schema.label, *texts} if schema else texts
        return cls(path, schema, reading, absent, frozenset(texts), frozenset(stated))

    @property
    def options(self) -> dict[str, Any]:
        """What pandas is told."""
        # numbers written in another way are read by `natural`: pandas takes 01.02.2020 for one
        kinds: Any = str if self.reading.says_numbers else dict.fromkeys(self.texts, "str")
        return {
            "sep": self.reading.separator or ",",
            "dtype": kinds,
            "na_values": self.absent,
            "keep_default_na": False,
            "skipinitialspace": True,
            "low_memory": False,
        }

    @contextmanager
    def reading_them(self) -> Iterator[None]:
        """Makes one line of what pandas raises.

        Raises:
            DataFileError: If it does.
        """
        try:
            yield
        except (ValueError, pd.errors.ParserError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())
            raise DataFileError(f"'{self.path}': cannot be read: {reason}") from error

    def natural(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns as what all their fields are: numbers, truth values or texts."""
        for name in frame.columns:
            if name not in self.texts and self.reading.says_numbers:
                frame[name] = as_said(frame[name], self.reading)
            elif name not in self.stated:
                refuse_other_signs(self.path, frame[name])
        return frame

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns as what the schema says, with plain values."""
        for feature in self.schema.features if self.schema else ():
            if feature.name in frame.columns:
                frame[feature.name] = _as_written(frame[feature.name], feature, self.reading)
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
            f"'{path}', line {line:,}: expected {reading.encoding} text, as `encoding` says, found "
            "other bytes"
        ) from error
    except ValueError as error:
        other = ", or say which it is: `encoding='latin-1'`" if "iconv" in str(error) else ""
        raise DataFileError(f"'{path}', {error}{other}") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataFileError(f"'{path}', line {line:,}: expected text, found a zero byte")
    return text


def check_fields(path: Path, stream: Iterable[str], separator: str) -> tuple[list[str], set[str]]:
    """The names of the columns, once every line has as many fields as there are names.

    Args:
        path: The file, for messages.
        stream: Its lines, with their ends.
        separator: What stands between fields.

    Returns:
        The names, and those of columns with numbers such as 01, whose zero a number would lose.

    Raises:
        DataFileError: If a line has another number of fields, or there are no good names.
    """
    codes = set()
    lines = csv.reader(stream, delimiter=separator, skipinitialspace=True)
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
