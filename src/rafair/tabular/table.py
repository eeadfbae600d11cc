"""A labelled table: raw rows, their encoding, and the true class of each."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from rafair.arguments import check_name
from rafair.errors import InputError, RafairWarning
from rafair.tabular.encoding import Rows, encode
from rafair.tabular.frames import as_frame
from rafair.tabular.labels import classes_in
from rafair.tabular.likely_kinds import two_levels, why_opaque
from rafair.tabular.opaque_columns import with_values
from rafair.tabular.scales import with_scales
from rafair.tabular.schema import Feature, Kind, Schema, check_span
from rafair.tabular.single_precision import check_told_apart
from rafair.tabular.value_types import Held, check_held, is_missing, shown

MOST_CLASSES = 100


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", with_values(self.schema, self.frame))

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
        frame: Any,
        *,
        label: str,
        sensitive: Sequence[str],
        immutable: Sequence[str] = (),
        name: str = "table",
    ) -> Table:
        """Makes a table from a frame, taking ranges, levels and domains from the values seen.

        Args:
            frame: The rows, in a frame of pandas, polars or pyarrow; every column but `label`
                becomes a feature. Whole numbers become integer features, other numbers numeric
                ones, truth values and two whole numbers boolean, and texts categorical ones with
                sorted levels; names, free text, dates and numbers of cases opaque ones, which never
                move. All that is by their values, whatever type of column holds them.
            label: The column that holds the true class.
            sensitive: The columns whose change must not change the decision.
            immutable: Further columns that a perturbation must not move.
            name: What to call the table in reports.

        Raises:
            InputError: If it is no frame, or has no row; a column is missing, or has no values,
                values of more than one kind, or of one that can be no feature; the label has one
                class; or single precision would make one of two values of a sensitive column, or
                leave hardly anything of another one.

        Example:
            >>> import pyarrow
            >>> rows = pyarrow.table({"age": [20, 30], "sex": ["f", "m"], "ok": [True, False]})
            >>> Table.from_frame(rows, label="ok", sensitive=["sex"])
            Table('table': 2 rows, 2 features, sensitive: sex; label 'ok': False, True)
        """
        frame = as_frame(frame, f"table '{name}'")
        check_columns(frame, [label], sensitive, immutable)
        classes, counts = classes_in(frame[label], MOST_CLASSES)
        features = tuple(
            _own_feature(frame[c], sensitive=c in sensitive, mutable=c not in immutable)
            for c in frame.columns
            if c != label
        )
        for feature in features:
            check_told_apart(frame[feature.name], feature)
        schema = Schema(features=features, label=label, classes=classes)
        schema = with_scales(schema, frame)
        codes = frame[label].map({value: code for code, value in enumerate(counts.index)})
        return cls(frame[list(schema.names)], codes.to_numpy(np.int64), schema, name)

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
        for feature in self.schema.features:
            if feature.is_opaque:  # whose codes say nothing without its values
                digest.update("\n".join(map(repr, feature.levels or ())).encode())
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


def check_columns(
    frame: pd.DataFrame,
    labels: Sequence[str],
    sensitive: Collection[str],
    immutable: Collection[str] = (),
) -> None:
    """Refuses names of columns that are not there, or do not go together.

    Args:
        frame: The rows.
        labels: The label column, if it is named.
        sensitive: The sensitive columns.
        immutable: The columns that must not move.

    Raises:
        InputError: If there is one; says which.
    """
    for what, names in (("sensitive", sensitive), ("immutable", immutable)):
        if isinstance(names, str):
            raise InputError(f"{what}: expected a list of columns, such as ['{names}']")
    for column in (*labels, *sensitive, *immutable):
        if not isinstance(column, str):
            raise InputError(f"expected the name of a column, got {column!r}")
        check_name("column", column, frame.columns)
    for label in labels:
        if label in sensitive:
            raise InputError(f"column '{label}': expected as label or as sensitive, not as both")


def _own_feature(values: pd.Series[Any], *, sensitive: bool, mutable: bool) -> Feature:
    """Describes a column of a table of one's own, in which anything may stand, or nothing.

    Raises:
        InputError: If no value is there, one is not finite, or can be no feature's.
    """
    present = _present(values)
    feature = _of_present(present, sensitive=sensitive, mutable=mutable)
    return feature.model_copy(update={"missing": True}) if len(present) < len(values) else feature


def _present(values: pd.Series[Any]) -> pd.Series[Any]:
    """The values that are there; whole numbers that gaps have made fractions of, as such again."""
    absent = values.isna().to_numpy()
    if not absent.any():
        return values
    present = values[~absent]
    if present.empty:
        raise InputError(f"column '{values.name}': expected values, found none; drop it")
    if pd.api.types.is_float_dtype(present):
        numbers = present.to_numpy(np.float64)
        endless = ~np.isfinite(numbers)
        if endless.any():
            row = int(np.flatnonzero(~absent)[endless.argmax()])
            raise InputError(
                f"column '{values.name}', row {row}: expected a finite value, found "
                f"{shown(numbers[endless][0])}; drop such rows, or fill them"
            )
        if (np.rint(numbers) == numbers).all() and np.abs(numbers).max() < 2**53:
            return pd.Series(numbers.astype(np.int64), present.index, name=values.name)
    return present


def _of_present(values: pd.Series[Any], *, sensitive: bool, mutable: bool) -> Feature:
    name = str(values.name)
    if not sensitive and (why := why_opaque(values)):
        warnings.warn(
            f"column '{name}' holds {why}; the model is given it as it is, and no perturbation "
            "moves it; a schema may say otherwise",
            RafairWarning,
            stacklevel=5,
        )
        return Feature(name=name, kind=Kind.OPAQUE)
    if levels := two_levels(values):
        domain = levels if sensitive else None
        made = partial(Feature, name=name, sensitive=sensitive, mutable=mutable, domain=domain)
        return made(kind=Kind.BOOLEAN, levels=levels)
    return infer_feature(values, sensitive=sensitive, mutable=mutable)


def infer_feature(
    values: pd.Series[Any], *, sensitive: bool = False, mutable: bool = True
) -> Feature:
    """Describes a plain column by the values seen in it.

    Raises:
        InputError: If a value is missing or not finite, or can be no feature's.
    """
    name = str(values.name)
    absent = values.isna().to_numpy()
    kind = check_held(values, f"column '{name}'")
    if kind is Held.NUMBERS:
        absent = ~np.isfinite(values.to_numpy(np.float64, na_value=np.nan))
    if absent.any():
        row = int(absent.argmax())
        found = values.iloc[row]
        gone = is_missing(found)
        way_out = "fill them, or let a schema say missing = true" if gone else "or fill them"
        raise InputError(
            f"column '{name}', row {row}: expected a finite value, found {shown(found)}; drop "
            f"such rows, {way_out}"
        )
    seen = sorted(values.unique().tolist())
    domain = tuple(seen) if sensitive else None
    made = partial(Feature, name=name, sensitive=sensitive, mutable=mutable, domain=domain)
    if kind is Held.NUMBERS:
        number = Kind.INTEGER if pd.api.types.is_integer_dtype(values) else Kind.NUMERIC
        low, high = float(seen[0]), float(seen[-1])
        check_span(f"column '{name}'", low, high)
        return made(kind=number, minimum=low, maximum=high)
    boolean = kind is Held.TRUTHS
    return made(kind=Kind.BOOLEAN if boolean else Kind.CATEGORICAL, levels=tuple(seen))
