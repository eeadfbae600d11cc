"""Records of CSV lines: the line of names, and rows that may stretch over lines between quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rafair.engine.text_file import without_mark
from rafair.errors import DataFileError
from rafair.monitoring.incoming.text_lines import LONGEST_LINE, Lines, text_of, too_long
from rafair.tabular.column_names import check_names, check_separator
from rafair.tabular.csv_frame import PARQUET_MAGIC

MOST_LINES = 100
"""Lines that one row may stretch over. A quote that never closes would else swallow the file."""


class UnfinishedError(Exception):
    """A row whose end has not been written yet."""


class CsvRows:
    """Reads rows from lines.

    Args:
        names: The columns.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def read(self, line: bytes, lines: Lines) -> tuple[dict[str, object], list[bytes]]:
        """The row that begins with a line, and the lines it consists of.

        Raises:
            ValueError: If the line is no beginning of a row; says why. Lines that were looked at
                beyond it are given back.
            UnfinishedError: If more lines are needed to tell.
        """
        text = text_of(line)
        if '"' in text:
            fields, used = self._quoted(line, lines)
        elif "\r" in text:
            raise ValueError("expected lines that end with a line feed, found a carriage return")
        else:
            fields, used = [field.lstrip(" ") for field in text.split(",")], [line]
        if len(fields) != len(self._names):
            lines.give_back(used[1:])
            raise ValueError(
                f"expected {len(self._names)} fields, as in the first line, found {len(fields)}"
            )
        return dict(zip(self._names, fields, strict=True)), used

    def _quoted(self, line: bytes, lines: Lines) -> tuple[list[str], list[bytes]]:
        """Fields by the rules of quotes; csv asks for the next line where a quote is open."""
        used: list[bytes] = []
        try:
            return next(_fields(_texts(line, lines, used))), used
        except csv.Error as error:
            reason = f"expected fields separated by commas: {error}"
        except ValueError as error:
            reason = str(error)
        lines.give_back(used[1:])
        raise ValueError(reason)


def read_names(path: Path, lines: Lines) -> list[str] | None:
    """The columns' names, from the first line that is not blank; None if it is not there yet.

    Takes the lines it reads.

    Raises:
        DataFileError: If it is no line of names.
    """
    while (line := lines.next()) is not None:
        if not lines.offset and line.startswith(PARQUET_MAGIC):
            raise DataFileError(f"'{path}': expected a CSV file, found Parquet; name it .parquet")
        content = line if lines.offset else without_mark(line)
        number = lines.number
        lines.take([line])
        try:
            text = text_of(content)
            names = next(_fields(iter([text]))) if text.strip() else []
        except (ValueError, csv.Error) as error:
            raise DataFileError(
                f"'{path}', line {number:,}: expected the columns' names: {error}"
            ) from error
        if names:
            check_separator(path, names)
            check_names(path, names)
            return names
    if lines.complete:
        raise DataFileError(f"'{path}': expected a line with the columns' names, found none")
    return None


def _fields(texts: Iterator[str]) -> Iterator[list[str]]:
    return csv.reader(texts, skipinitialspace=True, strict=True)


def _texts(line: bytes, lines: Lines, used: list[bytes]) -> Iterator[str]:
    """The line, and then as many as are asked for; all are noted in `used`."""
    following: bytes | None = line
    length = 0
    while following is not None:
        used.append(following)
        length += len(following)
        if len(used) > MOST_LINES or length > LONGEST_LINE or too_long(following):
            raise ValueError(f"expected a quote that closes within {MOST_LINES} lines, found none")
        yield text_of(following) + "\n"
        following = lines.next()
    if not lines.complete:
        raise UnfinishedError
    raise ValueError("expected a quote that closes, found the end of the file")
