"""A table in a file that need not fit into memory, encoded block by block by a schema."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from rafair.errors import DataFileError, IncompleteError, InputError, UnknownNameError
from rafair.tabular.parquet_rows import RowReader, open_parquet
from rafair.tabular.plain_values import arrow_frame, decimals_as_floats
from rafair.tabular.row_batches import Batch, clipped, promised
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.single_precision import check_apart
from rafair.tabular.table import Table


@dataclass(frozen=True)
class TableFile:
    """A Parquet file with a schema's columns in the data's own units; holds no open file.

    Rows are numbered from 0. Numbers outside a feature's range count as its nearest end; in a table
    of one's own (`large_tables.py`), whose schema is a promise about every row, they and all else
    that it does not allow are refused.

    Args:
        path: The file.
        schema: The features and the classes; its `label` is the file's label column.
        rows: How many rows the file has.
        stamp: The file's size in bytes and when it was last written to, in nanoseconds.
        ignored: The file's other columns.
        own: Whether it is a table of one's own.
        rewritten: Of a text file, where its rows lie as Parquet.

    Example:
        >>> import tempfile
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="ok", classes=("no", "yes"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "people.parquet")
        ...     pd.DataFrame({"age": [20, 30, 40], "ok": ["no", "yes", "yes"]}).to_parquet(path)
        ...     file = TableFile.open(path, schema)
        ...     block = file.block(file.reader(), 1, 3)
        >>> file.rows, block.numbers.tolist(), block.rows.tolist(), block.labels.tolist()
        (3, [1, 2], [[0.5], [1.0]], [1, 1])
    """

    path: Path
    schema: Schema
    rows: int
    stamp: tuple[int, int]
    ignored: tuple[str, ...] = ()
    own: bool = False
    rewritten: Path | None = None

    @classmethod
    def open(cls, path: Path, schema: Schema, label: str | None = None) -> TableFile:
        """Checks a file's columns, without reading its rows.

        Args:
            path: The file.
            schema: The features.
            label: The label column; the schema's own if None.

        Raises:
            DataFileError: If the file is not a whole Parquet file, has no row, or a column is
                missing or of the wrong type.
            UnknownNameError: If there is no column called `label`.
            InputError: If the label is a feature, or a feature is opaque.
        """
        label = label or schema.label
        if label in schema.names:
            raise InputError(f"label: expected another column than a feature, got '{label}'")
        try:
            check_no_opaque(schema)
        except InputError as error:
            raise InputError(f"'{path}': {error}") from error
        file = open_parquet(path)
        stamp = stamp_of(path)
        found = file.schema_arrow
        twice = [name for name, count in Counter(found.names).items() if count > 1]
        if twice:
            raise DataFileError(f"'{path}': column '{twice[0]}': expected once, found twice")
        if label not in found.names:
            raise UnknownNameError(f"label column of '{path}'", label, found.names)
        for feature in schema.features:
            _check_column(path, feature, found)
        _check_label(path, label, found.field(label).type)
        if not file.metadata.num_rows:
            raise DataFileError(f"'{path}': expected at least one row, found none")
        ignored = tuple(name for name in found.names if name not in (*schema.names, label))
        schema = schema.model_copy(update={"label": label})
        return cls(path, schema, file.metadata.num_rows, stamp, ignored)

    def check_unchanged(self) -> None:
        """Refuses to go on with a file that was written to since it was opened.

        Raises:
            IncompleteError: If it was, or is gone.
        """
        if stamp_of(self.path) != self.stamp:
            raise IncompleteError(
                f"'{self.path}': changed while it was read; `force=True` begins anew with it"
            )

    def reader(self) -> RowReader:
        """Opens the file to read the columns that are needed."""
        return RowReader(self.rewritten or self.path, [*self.schema.names, self.schema.label])

    def block(self, reader: RowReader, start: int, stop: int) -> Batch:
        """Reads and encodes the rows from `start` up to `stop`.

        Raises:
            DataFileError: If they cannot be read, a value is missing, unknown or not finite, or
                single precision makes two sensitive values one; says the column, and the row of
                a single value.
            IncompleteError: If the file has changed.
        """
        raw = reader.read(start, stop)
        frame = self._frame(raw)
        self.check_unchanged()
        try:
            batch = self._judge(frame, self.schema, start)
            self._check_told_apart(raw, frame)
        except InputError as error:
            raise DataFileError(f"'{self.path}': {error}") from error
        return batch

    def table(self, raw: pa.Table, numbers: NDArray[np.int64]) -> Table:
        """Rows that were read from the file and found good, as an ordinary table.

        Args:
            raw: What `reader().read` gave for them.
            numbers: Their numbers in the file; shape `(n,)`.
        """
        frame = self._frame(raw)
        labels = self._judge(frame, self.schema).labels
        features = frame[list(self.schema.names)]
        name = self.path.stem if self.own else self.path.name
        return Table(features, labels, self.schema, name, numbers)

    @property
    def _judge(self) -> Callable[..., Batch]:
        return promised if self.own else clipped

    def _check_told_apart(self, raw: pa.Table, frame: pd.DataFrame) -> None:
        """Refuses sensitive numbers that single precision makes one with another one."""
        for feature in self.schema.features:
            if feature.sensitive and feature.kind.is_number:
                seen = frame[feature.name].dropna().unique()
                kind = _element(raw.schema.field(feature.name).type)
                single = kind in (pa.float16(), pa.float32())
                check_apart(feature, seen[np.isfinite(seen)].tolist(), single=single)

    def _frame(self, raw: pa.Table) -> pd.DataFrame:
        """The columns as they are encoded fastest: numbers as float64, texts as categories."""
        names = (*self.schema.names, self.schema.label)
        if self.own:
            return arrow_frame(raw.select(names))
        return pd.DataFrame({name: _series(raw[name]) for name in names})


def _series(values: pa.ChunkedArray) -> pd.Series[Any]:
    kind = _element(values.type)
    values = values.cast(kind) if _is_number(kind) else values
    if pa.types.is_decimal(kind):
        values = decimals_as_floats(values)
    elif _is_number(kind):
        values = values.cast(pa.float64(), safe=False)
    elif _is_text(kind):
        # each text is looked up once, not once per row
        values = values.dictionary_encode().unify_dictionaries()
    series: pd.Series[Any] = values.to_pandas()
    return series


def stamp_of(path: Path) -> tuple[int, int]:
    """A file's size in bytes and when it was last written to, in nanoseconds.

    Raises:
        IncompleteError: If it is gone.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise IncompleteError(f"'{path}': can no longer be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns


def _check_column(path: Path, feature: Feature, found: pa.Schema) -> None:
    if feature.name not in found.names:
        nearest = difflib.get_close_matches(feature.name, found.names, n=1)
        hint = f", but one called '{nearest[0]}'" if nearest else ""
        raise DataFileError(
            f"'{path}': expected a column '{feature.name}', which the network takes, found "
            f"none{hint}"
        )
    kind = _element(found.field(feature.name).type)
    expected, good = _expected(feature, kind)
    if not good:
        raise DataFileError(
            f"'{path}': column '{feature.name}': expected {expected}, found the type '{kind}'"
        )


def _expected(feature: Feature, kind: pa.DataType) -> tuple[str, bool]:
    """What a feature's column holds, and whether a type can hold it."""
    if feature.kind.is_number:
        return "numbers", _is_number(kind)
    levels = feature.levels or ()
    if all(isinstance(level, str) for level in levels):
        return f"texts, such as {levels[0]!r}", _is_text(kind)
    if all(isinstance(level, bool) for level in levels):
        return "truth values", pa.types.is_boolean(kind)
    return f"levels, such as {levels[0]!r}", _is_number(kind) or _is_text(kind)


def _check_label(path: Path, label: str, kind: pa.DataType) -> None:
    kind = _element(kind)
    if not (_is_text(kind) or _is_number(kind) or pa.types.is_boolean(kind)):
        raise DataFileError(
            f"'{path}': label '{label}': expected names or numbers of classes, found the type "
            f"'{kind}'"
        )


def _element(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def check_no_opaque(schema: Schema) -> None:
    """Refuses opaque features: their values need the whole table.

    Raises:
        InputError: If there is one.
    """
    for feature in schema.features:
        if feature.is_opaque:
            raise InputError(
                f"feature '{feature.name}': expected no opaque feature where a file is streamed, "
                "as its values need the whole table in memory; drop = true of what the model does "
                "not see, or `stream=False`"
            )
