"""Records of a file, from where reading has come to: CSV, JSON lines, or Parquet."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from rafair.engine.text_file import LONGEST_MARK, without_mark
from rafair.errors import DataFileError
from rafair.monitoring.incoming.csv_records import CsvRows, UnfinishedError, read_names
from rafair.monitoring.incoming.parquet_records import altered, parquet_records
from rafair.monitoring.incoming.text_lines import Lines, start_of, text_of, too_long, unmarked
from rafair.monitoring.stream_record import Position, Record
from rafair.sanitize import visible
from rafair.tabular.json_lines import read_object
from rafair.tabular.table_formats import CSV, JSON_LINES, PARQUET

ENDINGS = (*CSV, *JSON_LINES, *PARQUET)


def read_records(
    path: Path | str, start: Position | None = None, *, complete: bool = True
) -> Iterator[Record]:
    r"""The records of a file, one by one, in memory that does not grow with it.

    A line that is no row does not end the reading: it is a record without values, with a problem.

    Args:
        path: The file; its name says what it is.
        start: How far it was read before; None for not at all.
        complete: Whether a last line of text without a line feed, or a row whose quote is still
            open, is taken as it stands, since nothing will follow. Otherwise it is left for later.

    Yields:
        Each record from the position on; its `after` is the position to go on from.

    Raises:
        AlteredFileError: If what was read before no longer stands there.
        DataFileError: If the file as a whole cannot be read: it is missing, its name has another
            ending, it says that it is not UTF-8, it has no line of names, or is not a whole Parquet
            file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "new.csv")
        ...     _ = path.write_text("id,age\n1,20\n2\n3,40\n")
        ...     records = list(read_records(path))
        ...     rest = list(read_records(path, records[1].after))
        >>> [record.problem for record in records]
        ['', 'expected 2 fields, as in the first line, found 1', '']
        >>> [(record.number, record.values) for record in rest]
        [(4, {'id': '3', 'age': '40'})]
    """
    path, start = Path(path), start or Position(0)
    assert not start.is_refused, "whether to look at a refused file again is for the caller"
    check_file(path)
    if path.suffix.lower() in PARQUET:
        yield from parquet_records(path, start)
        return
    try:
        with path.open("rb") as stream:
            unmarked(stream.read(LONGEST_MARK), f"'{path}'")
            stream.seek(0)
            lines = Lines(stream, complete=complete)
            lines.skip(start.offset)
            if start.offset and lines.position(start.records) != start:
                raise altered(path)
            rows = None
            if path.suffix.lower() in CSV:
                stream.seek(0)
                first = Lines(stream, complete=complete)
                names = read_names(path, first)
                if names is None:
                    return
                rows = CsvRows(names)
                if start.offset:
                    stream.seek(start.offset)
                else:
                    lines = first
            yield from _text_records(path.name, lines, rows, start.records)
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error


def check_file(path: Path) -> None:
    """Refuses what is no file, or has a name that does not say what it is.

    Raises:
        DataFileError: If so.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataFileError(
            f"'{path}': expected a name that ends in {', '.join(ENDINGS)}, got '{path.suffix}'"
        )
    if visible(path.name) != path.name:
        raise DataFileError(
            f"'{visible(str(path))}': expected a name of printable characters, found others"
        )
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise DataFileError(f"'{path}': expected a data file, found no such file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataFileError(f"'{path}': cannot be read: {reason}") from error
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise DataFileError(f"'{path}': expected a data file, found {found}")


def _text_records(
    source: str, lines: Lines, rows: CsvRows | None, n_records: int
) -> Iterator[Record]:
    """Records of lines: of CSV with `rows`, else of JSON."""
    for line in iter(lines.next, None):
        number = lines.number
        content = line if lines.offset else without_mark(line)
        if not content.strip(b" \t\r\n") and not too_long(line):
            lines.take([line])
            lines.cut = False
            continue
        values, used, problem = None, [line], ""
        try:
            if lines.cut:
                raise ValueError("expected a line, found more of one that was taken as it then was")
            if rows is None:
                values = read_object(text_of(content))
            else:
                values, used = rows.read(line, lines)
        except UnfinishedError:
            return
        except ValueError as error:
            problem = str(error)
        lines.take(used)
        lines.cut = False
        if too_long(line) and not lines.take_rest():
            return
        n_records += 1
        after = lines.position(n_records)
        yield Record(source, number, values, problem, start_of(line), after)
