"""A table from a file of one's own, with a schema or with what its columns show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.arguments import check_name
from rafair.errors import DataFileError, InputError
from rafair.tabular.checking import misfits, numbers
from rafair.tabular.encoding import plain_value
from rafair.tabular.frame_file import read_frame
from rafair.tabular.labels import encode_labels
from rafair.tabular.schema import Feature, Kind, Schema
from rafair.tabular.schema_file import check_groups
from rafair.tabular.table import Table

MOST_COUNTERPARTS = 10**6
"""So many counterparts of one row are no longer audited."""

TRUTH = {"true": True, "false": False}


def read_table(
    path: Path | str,
    *,
    label: str | None = None,
    sensitive: Sequence[str] = (),
    schema: Schema | None = None,
    name: str | None = None,
) -> Table:
    r"""Reads a CSV or Parquet file as a table.

    Without a schema, kinds, ranges and levels are those of the values seen, and no value may be
    missing. With one, every row must be what it says; columns it does not speak of are ignored.

    Args:
        path: The file.
        label: The label column; with a schema it may be left out, and must be the schema's.
        sensitive: The sensitive columns. With a schema, if any are named, these and no others are
            sensitive, whatever the schema says; by default those of the schema.
        schema: What the columns are. Sensitive features for which it states no domain get the
            values seen in the file.
        name: What to call the table; the file's name without its ending by default.

    Returns:
        The rows in the file's order, numbered from 0.

    Raises:
        DataFileError: If the file cannot be read, or something in it is wrong; names the file and,
            where it applies, the row and the column.
        InputError: If the options do not fit each other.

    Example:
        >>> import tempfile
        >>> text = "age,sex,paid\n20,f,no\n30,m,yes\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "people.csv").write_text(text)
        ...     table = read_table(Path(folder, "people.csv"), label="paid", sensitive=["sex"])
        >>> table
        Table('people': 2 rows, 2 features, sensitive: sex; label 'paid': no, yes)
    """
    path = Path(path)
    if isinstance(sensitive, str):
        raise InputError(f"sensitive: expected a list of columns, such as ['{sensitive}']")
    if schema is not None:
        schema = _chosen(schema, label, sensitive)
    elif label is None or not sensitive:
        missing = "label" if label is None else "sensitive"
        raise InputError(f"{missing}: expected with data of one's own and no schema, got none")
    frame = read_frame(path, schema)
    try:
        if schema is None:
            assert label is not None  # checked above
            table = _inferred(frame, label, sensitive, name or path.stem)
        else:
            table = _described(frame, schema, name or path.stem)
        _check_subject(table)
    except InputError as error:
        raise DataFileError(f"'{path}': {error}") from error
    return table


def fitted(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A frame with values of the types that a schema's levels have, where they can be read so.

    CSV files have texts only, and a column of truth values or numbers in which something else
    stands comes back as texts.

    Args:
        frame: The raw rows.
        schema: The features; columns that are missing are left out.
    """
    fitted = frame.copy(deep=False)
    for feature in schema.features:
        if feature.name in frame.columns and feature.levels is not None:
            fitted[feature.name] = _as_levels(frame[feature.name], feature.levels)
    if schema.label in frame.columns:
        fitted[schema.label] = _as_classes(frame[schema.label], schema.classes)
    return fitted


def _as_levels(series: pd.Series[Any], levels: tuple[Any, ...]) -> pd.Series[Any]:
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    if pd.api.types.is_numeric_dtype(series) or all(isinstance(level, str) for level in levels):
        return series
    if all(isinstance(level, bool) for level in levels):
        return series.map(lambda value: TRUTH.get(str(value).lower(), value))
    read = pd.Series(numbers(series), series.index)
    return series.astype(object).where(read.isna(), read)


def _as_classes(series: pd.Series[Any], classes: tuple[str, ...]) -> pd.Series[Any]:
    """Labels as they are, but truth values by their names where classes are called so."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    names = {TRUTH[name.lower()]: name for name in classes if name.lower() in TRUTH}
    if len(names) < 2 or series.dtype not in (bool, object):
        return series
    return series.map(lambda value: names[value] if isinstance(value, bool) else value)


def _chosen(schema: Schema, label: str | None, sensitive: Sequence[str]) -> Schema:
    """The schema with the sensitive features that were asked for."""
    if label is not None and label != schema.label:
        raise InputError(f"label: expected '{schema.label}', as the schema says, got '{label}'")
    for name in sensitive:
        check_name("feature", name, schema.names)
    if sensitive:
        features = tuple(
            feature.model_copy(update={"sensitive": feature.name in sensitive})
            for feature in schema.features
        )
        schema = schema.model_copy(update={"features": features})
    if not schema.sensitive:
        raise InputError("sensitive: expected at least one feature, in the schema or as an option")
    check_groups(schema)
    return schema


def _described(frame: pd.DataFrame, schema: Schema, name: str) -> Table:
    frame = fitted(frame, schema)
    found = misfits(frame, schema)
    if found:
        more = f"; and {len(found) - 1:,} more; see rafair schema check" if len(found) > 1 else ""
        raise InputError(f"{found[0]}{more}")
    labels = encode_labels(frame[schema.label], schema)
    features = tuple(_with_domain(feature, frame[feature.name]) for feature in schema.features)
    schema = schema.model_copy(update={"features": features})
    columns = {feature.name: _values(frame[feature.name], feature) for feature in features}
    return Table(pd.DataFrame(columns), labels, schema, name)


def _values(series: pd.Series[Any], feature: Feature) -> pd.Series[Any]:
    if not feature.kind.is_number:
        return series
    whole = pd.api.types.is_integer_dtype(series) and not series.isna().any()
    return series.astype(np.int64) if whole else pd.Series(numbers(series), series.index)


def _with_domain(feature: Feature, values: pd.Series[Any]) -> Feature:
    """A sensitive feature with the values seen as its domain, where none is stated."""
    if not feature.sensitive or feature.domain:
        return feature
    seen = values.dropna().unique().tolist()
    if feature.levels is None:
        domain = tuple(sorted(float(value) for value in seen))
        if feature.kind is Kind.INTEGER:
            domain = tuple(map(int, domain))
    else:
        domain = tuple(level for level in feature.levels if level in set(seen))
    return feature.model_copy(update={"domain": domain})


def _inferred(frame: pd.DataFrame, label: str, sensitive: Sequence[str], name: str) -> Table:
    for column in (label, *sensitive):
        check_name("column", column, frame.columns)
    for column in frame.columns:
        if column != label:
            check_one_type(frame[column])
    return Table.from_frame(frame, label=label, sensitive=sensitive, name=name)


def check_one_type(series: pd.Series[Any]) -> None:
    """Refuses a column of numbers in which texts stand as well.

    Raises:
        InputError: If more than half of its values are numbers, and some are not.
    """
    odd = odd_values(series)
    if odd.size:
        raise InputError(
            f"column '{series.name}', row {odd[0]}: expected a number, as in most rows, found "
            f"{plain_value(series.iloc[odd[0]])!r}; if these are levels, a schema says so "
            "(rafair schema infer)"
        )


def odd_values(series: pd.Series[Any]) -> NDArray[np.int64]:
    """The rows with a text in a column of which more than half are numbers.

    Example:
        >>> odd_values(pd.Series(["1", "2", "3+"])).tolist()
        [2]
    """
    if pd.api.types.is_numeric_dtype(series):
        return np.empty(0, np.int64)
    texts = series[series.notna().to_numpy()]
    is_number = ~np.isnan(numbers(texts)) if len(texts) else np.empty(0, bool)
    if not len(texts) / 2 < is_number.sum() < len(texts):
        return np.empty(0, np.int64)
    return np.flatnonzero(series.notna().to_numpy())[~is_number]


def _check_subject(table: Table) -> None:
    """Refuses labels and sensitive features with nothing to compare, or with too much."""
    label = table.schema.label
    classes = np.unique(table.labels)
    if len(classes) < 2:
        only = table.schema.classes[classes[0]]
        raise InputError(f"label '{label}': expected two or more classes, found only '{only}'")
    sizes = {}
    for name in table.schema.sensitive:
        domain = table.schema[name].domain or ()
        sizes[name] = len(set(domain))
        if sizes[name] < 2:
            only = f" ({domain[0]!r})" if domain else ""
            raise InputError(
                f"sensitive column '{name}': expected two or more values, so that a row has a "
                f"counterpart to be compared with, found {len(domain)}{only}"
            )
    total = math.prod(sizes.values())
    if total >= MOST_COUNTERPARTS:
        listed = ", ".join(f"{name} has {size:,} values" for name, size in sizes.items())
        raise InputError(
            f"sensitive columns: expected fewer than {MOST_COUNTERPARTS:,} combinations, found "
            f"{total:,} ({listed}); put numbers into bands, or state a shorter domain in a schema"
        )
