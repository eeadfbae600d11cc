"""A table from a file of one's own, with a schema or with what its columns show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.arguments import check_name
from rafair.errors import DataFileError, InputError
from rafair.options import part_of, takes
from rafair.tabular.column_roles import Roles
from rafair.tabular.derived import formulas_of
from rafair.tabular.frame_file import read_frame
from rafair.tabular.labels import encode_labels
from rafair.tabular.plain_values import as_numbers, numbers_said
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.scales import with_scales
from rafair.tabular.schema import Feature, Kind, Schema
from rafair.tabular.schema_check import misfits
from rafair.tabular.schema_file import check_groups
from rafair.tabular.table import Table, check_columns
from rafair.tabular.value_types import Held, held_in, shown

MOST_COUNTERPARTS = 10**6
"""So many counterparts of one row are no longer audited."""


@dataclass(frozen=True)
class Asked(Roles, ReadAs):
    """What `read_table` takes."""

    path: Path | str
    schema: Schema | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)


@takes(Asked)
def read_table(asked: Asked) -> Table:  # noqa: D417  # `takes` gives it the fields as parameters
    r"""Reads a file as a table: CSV, TSV, JSON lines (each also as .gz), Parquet, Feather, Excel.

    Without a schema, kinds, ranges and levels are those of the values seen; where one is missing,
    others may be. With one, every row must be what it says; columns it does not speak of are
    ignored.

    Args:
        path: The file.
        schema: What the columns are. Sensitive features for which it states no domain get the
            values seen in the file, ordered ones without a scale their usual spread there.
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
    reading = ReadAs(**part_of(asked, ReadAs))
    return read_own(asked.path, asked, asked.schema, asked.name, reading)


def read_own(
    path: Path | str,
    roles: Roles,
    schema: Schema | None,
    name: str | None,
    reading: ReadAs,
    *,
    scaled: bool = True,
) -> Table:
    """The same, with how the file is to be read in one value.

    Args:
        path: As of `read_table`.
        roles: What is said of the columns.
        schema: What the columns are.
        name: What to call the table.
        reading: How the file is to be read.
        scaled: Whether ordered features get a scale where the schema states none. Without, the
            schema of a run, or of a network, has its last word.
    """
    path = Path(path)
    for what, names in (("sensitive", roles.sensitive), ("immutable", roles.immutable)):
        if isinstance(names, str):
            raise InputError(f"{what}: expected a list of columns, such as ['{names}']")
    if schema is not None:
        schema = chosen(schema, roles)
    elif roles.label is None or not roles.sensitive:
        missing = "label" if roles.label is None else "sensitive"
        raise InputError(f"{missing}: expected with data of one's own and no schema, got none")
    frame = read_frame(path, schema, reading)
    try:
        if schema is None:
            table = inferred(frame, roles, name or path.stem)
        else:
            table = _described(frame, schema, name or path.stem)
        check_subject(table.schema, np.unique(table.labels))
    except InputError as error:
        raise DataFileError(f"'{path}': {error}") from error
    return replace(table, schema=with_scales(table.schema, table.frame)) if scaled else table


def chosen(schema: Schema, roles: Roles) -> Schema:
    """The schema with the sensitive and immutable features that were asked for.

    Raises:
        InputError: If they do not fit it, or there are none.
    """
    label, sensitive, immutable = roles.label, roles.sensitive, roles.immutable
    if label is not None and label != schema.label:
        raise InputError(f"label: expected '{schema.label}', as the schema says, got '{label}'")
    for name in (*sensitive, *immutable):
        check_name("feature", name, schema.names)
    if opaque := [name for name in sensitive if schema[name].is_opaque]:
        raise InputError(f"sensitive: expected no opaque feature, got '{opaque[0]}'")
    features = tuple(
        feature.model_copy(
            update={
                "sensitive": feature.name in sensitive if sensitive else feature.sensitive,
                "mutable": feature.mutable and feature.name not in immutable,
            }
        )
        for feature in schema.features
    )
    schema = schema.model_copy(update={"features": features})
    if not schema.sensitive:
        raise InputError("sensitive: expected at least one feature, in the schema or as an option")
    check_groups(schema)
    formulas_of(schema)
    return schema


def _described(frame: pd.DataFrame, schema: Schema, name: str) -> Table:
    found = misfits(frame, schema)
    if found:
        more = f"; and {len(found) - 1:,} more; see rafair schema check" if len(found) > 1 else ""
        raise InputError(f"{found[0]}{more}")
    labels = encode_labels(frame[schema.label], schema)
    features = tuple(with_domain(feature, frame[feature.name]) for feature in schema.features)
    schema = schema.model_copy(update={"features": features})
    columns = {feature.name: _values(frame[feature.name], feature) for feature in features}
    return Table(pd.DataFrame(columns), labels, schema, name)


def _values(series: pd.Series[Any], feature: Feature) -> pd.Series[Any]:
    if not feature.kind.is_number or pd.api.types.is_integer_dtype(series):
        return series
    return pd.Series(as_numbers(series), series.index)


def with_domain(feature: Feature, values: pd.Series[Any]) -> Feature:
    """A sensitive feature with the values seen as its domain, where none is stated."""
    if not feature.sensitive or feature.domain:
        return feature
    seen = values.dropna().unique().tolist()
    if feature.levels is None:
        number = int if feature.kind is Kind.INTEGER else float
        domain: tuple[Any, ...] = tuple(sorted(map(number, seen)))
    else:
        domain = tuple(level for level in feature.levels if level in set(seen))
    return feature.model_copy(update={"domain": domain})


def inferred(frame: pd.DataFrame, roles: Roles, name: str) -> Table:
    """A table of what its columns show.

    Args:
        frame: The columns.
        roles: What is said of them; the label is.
        name: What to call the table.

    Raises:
        InputError: If a column is missing, or holds what no feature can hold.
    """
    label, sensitive, immutable = roles.label, roles.sensitive, roles.immutable
    assert label is not None  # refused before
    check_columns(frame, [label], (*sensitive, *immutable))
    for column in frame.columns:
        if column != label:
            check_one_type(frame[column])
    return Table.from_frame(frame, label=label, sensitive=sensitive, immutable=immutable, name=name)


def check_one_type(series: pd.Series[Any]) -> None:
    """Refuses a column of numbers in which texts stand as well.

    Raises:
        InputError: If more than half of its values are numbers, and some are not.
    """
    odd = odd_values(series)
    if odd.size:
        raise InputError(
            f"column '{series.name}', row {odd[0]}: expected a number, as in most rows, found "
            f"{shown(series.iloc[odd[0]])}; if these are levels, a schema says so "
            "(rafair schema infer)"
        )


def odd_values(series: pd.Series[Any]) -> NDArray[np.int64]:
    """The rows with a text in a column of which more than half are numbers.

    Example:
        >>> odd_values(pd.Series(["1", "2", "3+"])).tolist()
        [2]
    """
    if held_in(series) is not Held.TEXTS:
        return np.empty(0, np.int64)
    places, texts = pd.factorize(series)  # each text is read once, not once per row
    present = places >= 0
    is_number = np.append(~np.isnan(numbers_said(pd.Series(texts))), False)[places]
    if not present.sum() / 2 < is_number.sum() < present.sum():
        return np.empty(0, np.int64)
    return np.flatnonzero(present & ~is_number)


def check_subject(schema: Schema, classes: NDArray[np.int64]) -> None:
    """Refuses labels and sensitive features with nothing to compare, or with too much.

    Args:
        schema: The features, each sensitive one with its domain.
        classes: The codes of the classes that there are.

    Raises:
        InputError: If there is one class or one value only, or there are too many values.
    """
    label = schema.label
    if len(classes) < 2:
        only = schema.classes[classes[0]]
        raise InputError(f"label '{label}': expected two or more classes, found only '{only}'")
    sizes = {}
    for name in schema.sensitive:
        domain = schema[name].domain or ()
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
