"""Encoded rows as what models of the raw table take: a frame, a matrix, or torch's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rafair.models.classifier import Rows
from rafair.tabular.encoding import decode, decode_values
from rafair.tabular.schema import Feature, Kind, Schema


def raw_frame(rows: Rows, schema: Schema) -> pd.DataFrame:
    """The rows in the data's own units, with the types that a person's table would have.

    Integers are int64 where all are whole and none is missing, truth values bool where none is
    missing; levels are the schema's own values. What is missing is NaN, as pandas reads files.

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
    if feature.kind.is_number:
        numbers = values.to_numpy(np.float64, na_value=np.nan, copy=True)
        numbers[missing] = np.nan
        whole = feature.kind is Kind.INTEGER and bool((numbers == np.rint(numbers)).all())
        return numbers.astype(np.int64) if whole else numbers
    found = values.to_numpy(object, copy=True)
    found[missing] = np.nan
    # texts get the type that pandas itself has for them, even where all are missing
    texts = all(isinstance(level, str) for level in feature.levels or ())
    kind = pd.Series(["a text"]).dtype if texts else object
    return pd.Series(found, index=values.index, dtype=kind).infer_objects()


def level_numbers(feature: Feature) -> NDArray[np.float64]:
    """What a model that takes numbers is given for each level of a feature; shape `(levels,)`.

    Levels that are numbers themselves, such as a rating from 1 to 5, stay those numbers; all
    others become their codes 0, 1, … in the schema's order.

    Example:
        >>> level_numbers(Feature(name="rating", kind="ordinal", levels=(1, 2, 5))).tolist()
        [1.0, 2.0, 5.0]
        >>> level_numbers(Feature(name="sex", kind="categorical", levels=("f", "m"))).tolist()
        [0.0, 1.0]
    """
    levels = feature.levels or ()
    if all(isinstance(level, int | float) for level in levels):
        return np.array([float(level) for level in levels])
    return np.arange(len(levels), dtype=np.float64)


def level_places(codes: NDArray[np.float32], feature: Feature) -> NDArray[np.int64]:
    """The place of the nearest level of each code among a feature's levels; shape `(n,)`."""
    last = len(feature.levels or ()) - 1
    places = np.clip(np.rint(codes.astype(np.float64) * max(last, 1)), 0, last)
    return places.astype(np.int64)


def raw_matrix(rows: Rows, schema: Schema) -> NDArray[np.float64]:
    """The rows in the data's own units, levels as `level_numbers`, what is missing as NaN.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(age, sex), label="y", classes=("no", "yes"))
        >>> raw_matrix(np.float32([[0.5, 0], [-1, 1]]), schema)
        array([[30.,  0.],
               [nan,  1.]])
    """
    matrix = np.empty(rows.shape, np.float64)
    for i, feature in enumerate(schema.features):
        codes = rows[:, i]
        if feature.kind.is_number:
            matrix[:, i] = decode_values(codes, feature)
        else:
            matrix[:, i] = level_numbers(feature)[level_places(codes, feature)]
        matrix[codes < 0, i] = np.nan
    return matrix


class RawUnits(nn.Module):
    """Encoded rows to numbers in the data's own units and `level_numbers`, as torch computes them.

    Levels are the nearest ones, and integers that lie within the rounding of single precision are
    whole, since a model may look them up; slopes are those of straight lines from the first value
    to the last. What is missing is NaN.

    Args:
        schema: The features.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> RawUnits(schema)(torch.tensor([[0.5], [1.0]])).ravel().tolist()
        [30.0, 40.0]
    """

    low: Tensor
    span: Tensor
    reach: Tensor
    last: Tensor
    levels: Tensor

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        ends, reach = [], []
        tables = [
            np.zeros(0) if feature.kind.is_number else level_numbers(feature)
            for feature in schema.features
        ]
        for feature, table in zip(schema.features, tables, strict=True):
            if feature.kind.is_number:
                ends.append((float(feature.minimum or 0), float(feature.maximum or 0)))
            else:
                ends.append((table[0], table[-1]))
            # how far from a whole number a value is still taken for it
            rounding = 4e-7 * max(*map(abs, ends[-1]), 1)
            reach.append(min(rounding, 0.5) if feature.kind is Kind.INTEGER else -1.0)
        most = max((len(table) for table in tables), default=0)
        levels = np.stack([np.pad(table, (0, most - len(table))) for table in tables])
        for name, numbers in (
            ("low", [low for low, _ in ends]),
            ("span", [high - low for low, high in ends]),
            ("reach", reach),
            ("last", [float(len(table) - 1) for table in tables]),
            ("levels", levels),
        ):
            self.register_buffer(name, torch.tensor(np.asarray(numbers), dtype=torch.float32))

    def forward(self, rows: Tensor) -> Tensor:
        """Numbers of shape `(n, d)` for encoded rows of that shape."""
        values = self.low + rows * self.span
        exact = torch.where((values.round() - values).abs() <= self.reach, values.round(), values)
        if self.levels.size(1):
            places = (rows * self.last).round().clamp(min=0).minimum(self.last.clamp(min=0))
            found = self.levels.t().gather(0, places.long())
            exact = torch.where(self.last >= 0, found, exact)
        values = values + (exact - values).detach()
        return values.masked_fill(rows < 0, float("nan"))
