"""Encoded rows as what models of the raw table take: a frame, a matrix, or torch's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rafair.errors import ModelError
from rafair.models.classifier import Rows
from rafair.tabular.encoding import decode, decode_values, rounding_of
from rafair.tabular.number_codes import SINGLE
from rafair.tabular.schema import Feature, Kind, Schema
from rafair.tabular.value_types import Held, held_by


def raw_frame(rows: Rows, schema: Schema) -> pd.DataFrame:
    """The rows in the data's own units, with the types that pandas gives the columns of a file.

    Types follow from the schema: integers are int64 and truth values bool where none may be
    missing, else float64 and objects; levels are the schema's own values. What is missing is NaN.
    Only rows that are no longer whole make a column of integers float64 (`alike`).

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(age, sex), label="y", classes=("no", "yes"))
        >>> raw_frame(np.float32([[0.5, 0], [1, 1]]), schema)
           age     sex
        0   30  female
        1   40    male
    """
    frame = decode(rows, schema)
    columns = {
        feature.name: _typed(frame[feature.name], feature, rows[:, i] < 0)
        for i, feature in enumerate(schema.features)
    }
    return pd.DataFrame(columns, index=frame.index)


def _typed(
    values: pd.Series[Any], feature: Feature, missing: NDArray[np.bool_]
) -> pd.Series[Any] | NDArray[Any]:
    """Values with the type that pandas gives the whole column of a file, whatever rows are here."""
    if feature.kind.is_number:
        numbers = values.to_numpy(np.float64, na_value=np.nan, copy=True)
        numbers[missing] = np.nan
        # a row that a perturbation moved between two integers is asked about apart (`alike`)
        whole = _is_whole(feature) and bool((numbers == np.rint(numbers)).all())
        return numbers.astype(np.int64) if whole else numbers
    levels = feature.levels or ()
    found = values.to_numpy(object, copy=True)
    found[missing] = np.nan
    if feature.is_opaque and levels and held_by(type(levels[0])) is Held.TIMES:
        return pd.Series(found, index=values.index).astype(pd.Series(levels[:1]).dtype)
    if all(isinstance(level, str) for level in levels):
        # texts get the type that pandas itself has for them, even where all are missing
        return pd.Series(found, index=values.index, dtype=pd.Series(["a text"]).dtype)
    return found.astype(_type_of_levels(levels, feature.missing))


def _is_whole(feature: Feature) -> bool:
    """Whether pandas would read a column of whole numbers as such: it has no gaps."""
    return feature.kind is Kind.INTEGER and not feature.missing


def _type_of_levels(levels: tuple[Any, ...], gaps: bool) -> Any:
    """The type of a column of levels that are not all texts."""
    kinds = {type(level) for level in levels}
    if kinds == {bool}:
        return object if gaps else np.bool_
    if kinds == {int} and not gaps:
        return np.int64 if max(levels) <= np.iinfo(np.int64).max else np.uint64
    return np.float64 if kinds <= {int, float} else object


def alike(rows: Rows, schema: Schema) -> list[NDArray[np.int64]]:
    """Rows cut into parts whose frames have the same types as each row's own would have.

    Columns of whole numbers are int64, as pandas reads them. A row that a continuous perturbation
    moved between two of them cannot be; were it asked about together with others, they would become
    fractional numbers as well, and a model may answer those otherwise.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Returns:
        The places of the rows of each part, at most two.
    """
    broken = np.zeros(len(rows), np.bool_)
    for i, feature in enumerate(schema.features):
        if _is_whole(feature):
            numbers = decode_values(rows[:, i], feature)
            broken |= numbers != np.rint(numbers)
    parts = np.flatnonzero(~broken), np.flatnonzero(broken)
    return [part for part in parts if part.size]


def level_numbers(feature: Feature) -> NDArray[np.float64]:
    """What a model that takes numbers is given for each level of a feature; shape `(levels,)`.

    Levels that are numbers themselves, such as a rating from 1 to 5, stay those numbers; all
    others become their codes 0, 1, … in the schema's order.

    Example:
        >>> level_numbers(Feature(name="rating", kind="ordinal", levels=(1, 2, 5))).tolist()
        [1.0, 2.0, 5.0]
        >>> level_numbers(Feature(name="sex", kind="categorical", levels=("f", "m"))).tolist()
        [0.0, 1.0]

    Raises:
        ModelError: If it is opaque and holds no numbers: a place in a list is not its value.
    """
    levels = feature.levels or ()
    if feature.is_opaque and levels and held_by(type(levels[0])) in (Held.TEXTS, Held.TIMES):
        raise ModelError(
            f"feature '{feature.name}': expected numbers, which the model takes, found "
            f"{held_by(type(levels[0]))} in an opaque column; drop = true in the schema takes it "
            "out if the model never sees it"
        )
    if all(isinstance(level, int | float) for level in levels):
        return np.array([float(level) for level in levels])
    return np.arange(len(levels), dtype=np.float64)


def level_places(codes: NDArray[np.float32], feature: Feature) -> NDArray[np.int64]:
    """The place of the nearest level of each code among a feature's levels; shape `(n,)`."""
    last = len(feature.levels or ()) - 1
    places = np.clip(np.rint(codes.astype(np.float64) * max(last, 1)), 0, last)
    return places.astype(np.int64)


def raw_matrix(
    rows: Rows, schema: Schema, columns: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """The rows in the data's own units, levels as `level_numbers`, what is missing as NaN.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.
        columns: Which of them, in order; all by default.

    Raises:
        ModelError: As `level_numbers` does.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(age, sex), label="y", classes=("no", "yes"))
        >>> raw_matrix(np.float32([[0.5, 0], [-1, 1]]), schema)
        array([[30.,  0.],
               [nan,  1.]])
    """
    taken = range(len(schema)) if columns is None else columns
    matrix = np.empty((len(rows), len(taken)), np.float64)
    for i, column in enumerate(taken):
        codes, feature = rows[:, column], schema.features[column]
        if feature.kind.is_number:
            matrix[:, i] = decode_values(codes, feature)
        else:
            matrix[:, i] = level_numbers(feature)[level_places(codes, feature)]
        matrix[codes < 0, i] = np.nan
    return matrix


class RawUnits(nn.Module):
    """Encoded rows to the numbers of `raw_matrix`, as torch computes them, with slopes.

    Slopes are those of straight lines from the first value to the last, also for levels.

    Args:
        schema: The features.
        precision: Of the numbers that come out.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> RawUnits(schema)(torch.tensor([[0.5], [1.0]])).ravel().tolist()
        [30.0, 40.0]
    """

    low: Tensor
    span: Tensor
    tenfold: Tensor
    grid: Tensor
    exact: Tensor
    last: Tensor
    levels: Tensor

    def __init__(self, schema: Schema, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self._precision = precision
        tables = [
            np.zeros(0) if feature.kind.is_number else level_numbers(feature)
            for feature in schema.features
        ]
        rules = [rounding_of(feature) for feature in schema.features]
        ends = [
            (table[0], table[-1]) if len(table) else (feature.minimum or 0, feature.maximum or 0)
            for feature, table in zip(schema.features, tables, strict=True)
        ]
        most = max((len(table) for table in tables), default=0)
        for name, numbers in (
            ("low", [low for low, _ in ends]),
            ("span", [high - low for low, high in ends]),
            ("tenfold", [10.0**rule.decimals for rule in rules]),
            ("grid", [rule.grid for rule in rules]),
            ("exact", [10.0**rule.grid_decimals for rule in rules]),
            ("last", [float(len(table) - 1) for table in tables]),
            ("levels", np.stack([np.pad(table, (0, most - len(table))) for table in tables])),
        ):
            values = torch.tensor(np.asarray(numbers), dtype=torch.float64)
            self.register_buffer(name, values, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Numbers of shape `(n, d)` for encoded rows of that shape."""
        codes = rows.double()
        lines = self.low + codes * self.span
        with torch.no_grad():
            values = torch.round(lines * self.tenfold) / self.tenfold
            unit = torch.where(self.grid > 0, self.grid, 1)
            steps = torch.round(codes * self.span / unit)
            near = (codes * self.span - steps * unit).abs() <= SINGLE * self.span.abs()
            points = torch.round((self.low + steps * unit) * self.exact) / self.exact
            values = torch.where(near & (self.grid > 0), points, values)
            if self.levels.size(1):
                last = self.last.clamp(min=0)
                places = torch.round(codes * last.clamp(min=1)).clamp(min=0).minimum(last)
                found = self.levels.t().gather(0, places.long())
                values = torch.where(self.last >= 0, found, values)
            values = values.masked_fill(rows < 0, float("nan"))
        # the values, with the slopes of the lines
        return (values + (lines - lines.detach())).to(self._precision)
