"""A labelled table: raw rows, their encoding, and the true class of each."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from rafair.arguments import check_name
from rafair.errors import InputError, RafairWarning
from rafair.tabular.encoding import Rows, encode
from rafair.tabular.schema import Feature, Kind, Schema

MOST_CLASSES = 100
MANY_LEVELS = 50
"""Texts with more distinct values than this, and in more than half of all rows, look like names."""


@dataclass(frozen=True)
class Table:
    """Rows in the data's own units with their true classes.

    Make one with `Table.from_frame`, or load one with `rafair.load_dataset`.

    Args:
        frame: One column per feature, in the schema's order.
        labels: The class index of each row; shape `(n,)`.
        schema: The features.
        name: What to call the table in reports.
        numbers: The row of each in the frame it came from; their own positions if None.

    Example:
        >>> frame = pd.DataFrame({"age": [20, 30, 40], "income": [1.0, 5.0, 3.0], "ok": [0, 1, 1]})
        >>> table = Table.from_frame(frame, label="ok", sensitive=["age"])
        >>> table
        Table('table': 3 rows, 2 features, sensitive: age; label 'ok': 0, 1)
        >>> table.rows.shape
        (3, 2)
    """

    frame: pd.DataFrame
    labels: NDArray[np.int64]
    schema: Schema
    name: str = "table"
    numbers: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        sensitive = ", ".join(self.schema.sensitive)
        return (
            f"Table('{self.name}': {len(self):,} rows, {len(self.schema)} features, sensitive: "
            f"{sensitive}; label '{self.schema.label}': {', '.join(self.schema.classes)})"
        )

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        label: str,
        sensitive: Sequence[str],
        immutable: Sequence[str] = (),
        name: str = "table",
    ) -> Table:
        """Makes a table from a frame, taking ranges, levels and domains from the values seen.

        Args:
            frame: The rows; every column but `label` becomes a feature. Numbers become numeric or
                integer features, everything else categorical ones with sorted levels.
            label: The column that holds the true class.
            sensitive: The columns whose change must not change the decision.
            immutable: Further columns that a perturbation must not move.
            name: What to call the table in reports.

        Raises:
            InputError: If a column is missing, has missing values, or the label has one class.
        """
        _check_frame(frame, name)
        if isinstance(sensitive, str):
            raise InputError(f"sensitive: expected a list of columns, such as ['{sensitive}']")
        for column in (label, *sensitive, *immutable):
            if not isinstance(column, str):
                raise InputError(f"expected the name of a column, got {column!r}")
            check_name("column", column, frame.columns)
        if label in sensitive:
            raise InputError(f"column '{label}': expected as label or as sensitive, not as both")
        values = frame[label]
        if values.isna().any():
            row = int(np.flatnonzero(values.isna())[0])
            raise InputError(f"label '{label}', row {row}: expected a class, found a missing value")
        classes = sorted(values.unique().tolist())
        if len(classes) > MOST_CLASSES:
            raise InputError(
                f"label '{label}': expected at most {MOST_CLASSES} classes, found {len(classes):,} "
                "distinct values; is it a number to be predicted?"
            )
        if len(classes) < 2:
            raise InputError(f"label '{label}': expected two or more classes, found {len(classes)}")
        features = tuple(
            infer_feature(frame[c], sensitive=c in sensitive, mutable=c not in immutable)
            for c in frame.columns
            if c != label
        )
        schema = Schema(features=features, label=label, classes=tuple(map(str, classes)))
        codes = values.map({value: code for code, value in enumerate(classes)})
        labels = codes.to_numpy(np.int64)
        return cls(frame[list(schema.names)].reset_index(drop=True), labels, schema, name)

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """What reports call each row: where it stood in the frame it came from; `(n,)`."""
        return np.arange(len(self)) if self.numbers is None else self.numbers

    @cached_property
    def rows(self) -> Rows:
        """The encoded rows, of shape `(n, d)`, in [0, 1]."""
        return encode(self.frame, self.schema)

    @cached_property
    def sha256(self) -> str:
        """The hash of the encoded rows and labels: what a model sees, byte by byte."""
        digest = hashlib.sha256()
        digest.update(np.ascontiguousarray(self.rows, "<f4").tobytes())
        digest.update(np.ascontiguousarray(self.labels, "<i8").tobytes())
        return digest.hexdigest()

    def take(self, indices: NDArray[Any]) -> Table:
        """The rows at `indices`, with the same schema."""
        frame = self.frame.iloc[indices].reset_index(drop=True)
        return Table(frame, self.labels[indices], self.schema, self.name, self.row_numbers[indices])

    def renumbered(self) -> Table:
        """The same rows, numbered from 0 as they stand here."""
        return replace(self, numbers=None)

    def split(self, test_share: float = 0.2, seed: int = 0) -> tuple[Table, Table]:
        """Splits into a training and a test table, stratified by label.

        Raises:
            InputError: If a class has too few rows to stand on both sides.
        """
        try:
            train, test = train_test_split(
                np.arange(len(self)),
                test_size=test_share,
                random_state=seed,
                stratify=self.labels,
            )
        except ValueError as error:
            raise InputError(f"table '{self.name}': cannot be split: {error}") from error
        return self.take(np.sort(train)), self.take(np.sort(test))


def infer_feature(
    values: pd.Series[Any], *, sensitive: bool = False, mutable: bool = True
) -> Feature:
    """Describes a column by the values seen in it.

    Raises:
        InputError: If a value is missing or not finite.
    """
    name = str(values.name)
    kinds = pd.api.types
    numeric = kinds.is_numeric_dtype(values) and not (
        kinds.is_bool_dtype(values) or kinds.is_complex_dtype(values)
    )
    bad = ~np.isfinite(values.to_numpy(np.float64, na_value=np.nan)) if numeric else values.isna()
    if np.any(bad):
        row = int(np.flatnonzero(np.asarray(bad))[0])
        absent = pd.isna(values.iloc[row])
        found = "a missing value" if absent else str(values.iloc[row])
        way_out = "fill them, or let a schema say missing = true" if absent else "or fill them"
        raise InputError(
            f"column '{name}', row {row}: expected a finite value, found {found}; drop such rows, "
            f"{way_out}"
        )
    if not numeric:
        _check_levels(values, sensitive=sensitive)
    seen = sorted(values.unique().tolist(), key=lambda value: (str(type(value)), value))
    domain = tuple(seen) if sensitive else None
    if numeric:
        kind = Kind.INTEGER if pd.api.types.is_integer_dtype(values) else Kind.NUMERIC
        return Feature(
            name=name,
            kind=kind,
            minimum=float(seen[0]),
            maximum=float(seen[-1]),
            sensitive=sensitive,
            mutable=mutable,
            domain=domain,
        )
    kind = Kind.BOOLEAN if pd.api.types.is_bool_dtype(values) else Kind.CATEGORICAL
    return Feature(
        name=name,
        kind=kind,
        levels=tuple(seen),
        sensitive=sensitive,
        mutable=mutable,
        domain=domain,
    )


def _check_frame(frame: Any, name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"table '{name}': expected a pandas DataFrame, got {type(frame).__name__}")
    if not len(frame):
        raise InputError(f"table '{name}': expected at least one row, found none")
    unnamed = [column for column in frame.columns if not isinstance(column, str)]
    if unnamed:
        raise InputError(f"column {unnamed[0]!r}: expected a text as its name")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(f"column '{twice[0]}': expected once, found more than once")


def _check_levels(values: pd.Series[Any], *, sensitive: bool) -> None:
    """Refuses what is neither number nor level, and doubts what looks like a name."""
    name = values.name
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(values) or kinds.is_timedelta64_dtype(values):
        raise InputError(f"column '{name}': expected numbers or levels, found times; convert them")
    if not values.map(lambda value: isinstance(value, str | bool | int | float)).all():
        kind = type(values.iloc[0]).__name__
        raise InputError(f"column '{name}': expected numbers, texts or booleans, found {kind}")
    n_levels = values.nunique()
    if n_levels > MANY_LEVELS and n_levels > len(values) / 2 and not sensitive:
        warnings.warn(
            f"column '{name}' has {n_levels:,} different texts in {len(values):,} rows, and is "
            "taken for a category; drop it if it is a name, convert it if it is a number",
            RafairWarning,
            stacklevel=4,
        )
