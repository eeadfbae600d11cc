"""A large text file rewritten as Parquet, block by block, with the columns of a whole reading."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rafair.engine.text_file import encoding_of, not_text
from rafair.errors import DataFileError, InputError
from rafair.tabular.csv_frame import Fields, check_fields
from rafair.tabular.plain_values import as_numbers, plain
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.row_batches import promised
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table_formats import is_packed
from rafair.tabular.value_types import Held, held_by, held_in

CHUNK_ROWS = 65_536
LONGEST_LINE = 16 * 2**20
"""Characters of a line; a packed file could else hold one that fits into no memory."""

NUMBERS = (pa.int64(), pa.float64())
TYPES = {Held.TRUTHS: pa.bool_(), Held.TEXTS: pa.string(), Held.NUMBERS: pa.float64()}


def rewrite(path: Path, schema: Schema | None, reading: ReadAs, target: Path) -> None:
    """Writes the rows of a text file as Parquet, whose columns hold what a whole reading gives.

    The file is read three times: are all lines whole, what is in each column, and its values.

    Args:
        path: A CSV or TSV file, packed by gzip or not.
        schema: What the columns are, if that is known.
        reading: How it is to be read; its `separator` is known.
        target: The Parquet file.

    Raises:
        DataFileError: If it cannot be read, or a row is not as the schema says.
    """
    with _text(path, reading) as stream:
        names, codes = check_fields(path, _lines(path, stream), reading.separator or ",")
    fields = Fields.of(path, names, codes, schema, reading)
    found: dict[str, set[pa.DataType]] = {name: set() for name in names}
    for number, chunk in enumerate(_chunks(path, fields)):
        # of the first one only: what looks like numbers there may be texts further on
        looked = fields if number == 0 else replace(fields, stated=frozenset(names))
        for name, values in looked.natural(chunk).items():
            found[str(name)] |= _seen(plain(values))
    types = {name: _type(kinds) for name, kinds in found.items()}
    texts = {name for name, kind in types.items() if kind == pa.string()}
    fields = replace(fields, texts=fields.texts | texts, stated=frozenset(names))
    types |= {
        feature.name: _type_of(feature, types[feature.name])
        for feature in (schema.features if schema else ())
        if feature.name in types
    }
    _write(path, fields, pa.schema(list(types.items())), target)


def _type_of(feature: Feature, seen: pa.DataType) -> pa.DataType:
    """The type that holds a feature's values, once they are read as what the schema says."""
    levels = feature.levels or ()
    held = Held.NUMBERS if feature.kind.is_number else held_by(type(levels[0]))
    return seen if held is Held.NUMBERS and seen in NUMBERS else TYPES[held]


def _write(path: Path, fields: Fields, types: pa.Schema, target: Path) -> None:
    start = 0
    with pq.ParquetWriter(target, types) as writer:
        for chunk in _chunks(path, fields):
            frame = fields.columns(fields.natural(chunk))
            if fields.schema is not None:
                try:
                    promised(frame, fields.schema, start)
                except InputError as error:
                    raise DataFileError(f"'{path}': {error}") from error
            columns = [_values(frame[field.name], field.type) for field in types]
            writer.write_table(pa.Table.from_arrays(columns, schema=types))
            start += len(frame)


def _seen(values: pd.Series[Any]) -> set[pa.DataType]:
    """What a type has to hold for these values; nothing where all are missing."""
    if not values.notna().any():
        return set()
    held = held_in(values)
    if held is Held.NUMBERS:
        return {pa.int64() if values.dtype == "int64" else pa.float64()}
    return {TYPES[held] if held in TYPES else pa.string()}


def _type(kinds: set[pa.DataType]) -> pa.DataType:
    """The type that holds all of these."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return pa.float64() if kinds <= set(NUMBERS) else pa.string()


def _values(values: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    if kind in NUMBERS:
        numbers = values.to_numpy() if values.dtype == "int64" else as_numbers(values)
        return pa.array(numbers, kind, from_pandas=True, safe=False)
    return pa.array(values.astype(object).where(values.notna(), None).tolist(), kind)


def _chunks(path: Path, fields: Fields) -> Iterator[pd.DataFrame]:
    """The rows, piece by piece."""
    with _text(path, fields.reading) as stream, fields.reading_them():
        yield from pd.read_csv(stream, chunksize=CHUNK_ROWS, **fields.options)


@contextmanager
def _text(path: Path, reading: ReadAs) -> Iterator[io.TextIOWrapper]:
    """The file as text, unpacked while it is read."""
    try:
        with gzip.GzipFile(path) if is_packed(path) else path.open("rb") as file:
            encoding = reading.encoding or encoding_of(file.read(4))
            file.seek(0)
            with io.TextIOWrapper(file, encoding=encoding, newline="") as stream:
                yield stream
    except FileNotFoundError as error:
        raise DataFileError(f"'{path}': expected a CSV file, found no such file") from error
    except UnicodeDecodeError as error:
        hint = "" if reading.encoding else "; say which it is, as with `encoding='latin-1'`"
        raise DataFileError(f"'{path}': {not_text(error)}{hint}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataFileError(f"'{path}': expected a whole gzip file: {error}") from error
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror or error}") from error


def _lines(path: Path, stream: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file, none of which is too long, or holds what is no text."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if "\0" in line:
            raise DataFileError(f"'{path}', line {number:,}: expected text, found a zero byte")
        if len(line) == LONGEST_LINE:
            raise DataFileError(
                f"'{path}', line {number:,}: expected at most {LONGEST_LINE:,} characters"
            )
        yield line
