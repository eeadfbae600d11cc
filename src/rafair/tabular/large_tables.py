"""A table of one's own that is too large to be read whole: which is one, and what its schema is."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rafair.errors import DataFileError, InputError
from rafair.tabular.column_names import check_names
from rafair.tabular.column_roles import Roles
from rafair.tabular.csv_stream import rewrite
from rafair.tabular.encoding import value_codes
from rafair.tabular.frame_file import OF_TEXT, with_separator
from rafair.tabular.labels import label_codes
from rafair.tabular.parquet_rows import BATCH_ROWS, open_parquet, reading_parquet
from rafair.tabular.plain_values import INDEX, arrow_frame, plain
from rafair.tabular.reading_options import AS_IT_IS, ReadAs
from rafair.tabular.scales import scaled
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_check import missing_column
from rafair.tabular.streamed_table import TableFile, check_no_opaque, stamp_of
from rafair.tabular.table_formats import CSV, PARQUET, TSV, ending_of, is_packed
from rafair.tabular.table_from_file import check_subject, chosen, inferred, with_domain

LARGE_VALUES = 10_000_000
"""From so many values on (rows times columns), a Parquet file is streamed."""

LARGE_TEXT = 64 * 2**20
"""From so many bytes on, a text file is streamed; compressed ones from an eighth of it."""

MOST_DIFFERENT = 1_000_000
"""Different values of a sensitive column or of the label that are looked at."""


def is_large(path: Path) -> bool:
    """Whether a file is streamed unless its user says otherwise; it does not depend on the machine.

    Raises:
        DataFileError: If it is no whole Parquet file, though its name says so.
    """
    if ending_of(path) in PARQUET:
        found = open_parquet(path).metadata
        return bool(found.num_rows * found.num_columns >= LARGE_VALUES)
    if not can_be_streamed(path) or not path.is_file():
        return False
    return path.stat().st_size >= LARGE_TEXT // (8 if is_packed(path) else 1)


def can_be_streamed(path: Path) -> bool:
    """Whether a file is of a kind that is read piece by piece."""
    return ending_of(path) in (*PARQUET, *CSV, *TSV)


def open_own(
    path: Path,
    schema: Schema | None,
    roles: Roles,
    reading: ReadAs = AS_IT_IS,
    *,
    scales: bool = True,
) -> TableFile:
    """Opens a table of one's own to be read block by block; the schema is as if it were read whole.

    Without a schema, three columns are held in memory at a time to see what is in one of them; with
    one, the different values of sensitive columns and of the label.

    Args:
        path: A file of Parquet, CSV or TSV. A text file is rewritten as Parquet among the system's
            temporary files, for as long as what is returned is used.
        schema: What the columns are.
        roles: What is said of the columns; where nothing is, what the schema says.
        reading: What the file does not say.
        scales: Whether ordered features get a scale where the schema states none.

    Raises:
        DataFileError: If it cannot be read, a column is missing, or cannot be a feature.
        InputError: If the options do not fit each other.
    """
    if schema is not None:
        schema = chosen(schema, roles)
    if ending_of(path) in PARQUET:
        reading.check_for(path, "a Parquet file")
        return _opened(path, path, schema, roles, scales=scales)
    reading.check_for(path, "a CSV or TSV file", *OF_TEXT)
    folder = tempfile.mkdtemp(prefix="rafair-")
    try:
        held = Path(folder, "rows.parquet")
        rewrite(path, schema, with_separator(path, reading), held)
        file = _opened(path, held, schema, roles, scales=scales)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(file, shutil.rmtree, folder, ignore_errors=True)
    return file


def _opened(
    path: Path,
    held: Path,
    schema: Schema | None,
    roles: Roles,
    *,
    scales: bool,
) -> TableFile:
    file = open_parquet(held)
    stamp = stamp_of(path)
    names = [name for name in file.schema_arrow.names if not name.startswith(INDEX)]
    check_names(path, names)
    if not file.metadata.num_rows:
        raise DataFileError(f"'{path}': expected at least one row, found none")
    try:
        if schema is None:
            schema = _seen(file, path, names, roles)
        for name in (*schema.names, schema.label):
            if name not in names:
                raise InputError(str(missing_column(name, names)))
        check_no_opaque(schema)
        features = tuple(_with_domain(feature, file, path) for feature in schema.features)
        if scales:
            features = tuple(_with_scale(feature, file, path) for feature in features)
        own = schema.own or scales
        schema = schema.model_copy(update={"features": features, "own": own})
        codes = label_codes(_different(file, path, schema.label), schema)
        if not np.isnan(codes).any():  # else a row is no good, and will be told
            check_subject(schema, np.unique(codes).astype(np.int64))
    except InputError as error:
        raise DataFileError(f"'{path}': {error}") from error
    ignored = tuple(name for name in names if name not in (*schema.names, schema.label))
    rewritten = None if held == path else held
    return TableFile(path, schema, file.metadata.num_rows, stamp, ignored, True, rewritten)


def _with_domain(feature: Feature, file: pq.ParquetFile, path: Path) -> Feature:
    """A sensitive feature with the values seen as its domain, where none is stated."""
    if not feature.sensitive or feature.domain:
        return feature
    seen = _different(file, path, feature.name)
    # a row whose value is none of the feature's will be told
    return with_domain(feature, seen[~np.isnan(value_codes(seen, feature))])


def _with_scale(feature: Feature, file: pq.ParquetFile, path: Path) -> Feature:
    """A feature with what epsilon is a share of; its column is held for that."""
    if feature.is_nominal or feature.scale is not None:
        return feature
    return scaled(feature, _columns(file, path, [feature.name])[feature.name])


def _seen(file: pq.ParquetFile, path: Path, names: list[str], roles: Roles) -> Schema:
    """What the columns show: each is looked at beside the label and a sensitive column."""
    label, sensitive, immutable = roles.label, roles.sensitive, roles.immutable
    assert label is not None  # refused before
    if any(name not in names for name in (label, *sensitive, *immutable)):
        none = pd.DataFrame({name: [] for name in names})
        inferred(none, roles, path.stem)  # which says which
    features, found = [], None
    for name in names:
        if name == label:
            continue
        beside = [name] if name in sensitive else [sensitive[0]]
        frame = _columns(file, path, list(dict.fromkeys([name, *beside, label])))
        fixed = [name] if name in immutable else []
        own = Roles(label=label, sensitive=beside, immutable=fixed)
        found = inferred(frame, own, path.stem).schema
        features.append(found[name])
    assert found is not None  # the sensitive column is one
    return found.model_copy(update={"features": tuple(features)})


def _columns(file: pq.ParquetFile, path: Path, names: list[str]) -> pd.DataFrame:
    """Some columns, whole."""
    with reading_parquet(path):
        table: pa.Table = file.read(columns=names)
        table.validate(full=True)
    return arrow_frame(table.select(names))


def _different(file: pq.ParquetFile, path: Path, name: str) -> pd.Series[Any]:
    """The different values of a column, in the order in which they come; one missing if any is."""
    seen: dict[object, None] = {}
    for part in _batches(file, path, name):
        values = arrow_frame(part)[name]
        missing = values.isna().to_numpy()
        seen |= dict.fromkeys(values[~missing].unique().tolist())
        if missing.any():
            seen[None] = None
        if len(seen) > MOST_DIFFERENT:
            raise InputError(
                f"column '{name}': expected at most {MOST_DIFFERENT:,} different values, found more"
            )
    return plain(pd.Series(list(seen), dtype=object, name=name))


def _batches(file: pq.ParquetFile, path: Path, name: str) -> Iterator[pa.Table]:
    with reading_parquet(path):
        for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])
