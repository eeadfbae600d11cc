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


def raw_matrix(rows: Rows, schema: Schema) -> NDArray[np.float64]:
    """The rows in the data's own units, levels as their codes 0, 1, …, what is missing as NaN.

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
            last = len(feature.levels or ()) - 1
            matrix[:, i] = np.clip(np.rint(codes.astype(np.float64) * max(last, 1)), 0, last)
        matrix[codes < 0, i] = np.nan
    return matrix


class RawUnits(nn.Module):
    """Encoded rows to numbers in the data's own units and codes of levels, as torch computes them.

    Codes of levels are the nearest whole ones, and so are integers that lie within the rounding of
    single precision, since a model may look them up; their slopes are those of the unrounded
    numbers. What is missing is NaN.

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

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        low, span, reach = [], [], []
        for feature in schema.features:
            number = feature.kind.is_number
            low.append(float(feature.minimum or 0) if number else 0.0)
            high = float(feature.maximum or 0) if number else len(feature.levels or ()) - 1
            span.append(high - low[-1])
            whole = feature.kind is Kind.INTEGER
            # how far from a whole number a value is still taken for it
            rounding = 4e-7 * max(abs(low[-1]), abs(high), 1)
            reach.append(min(rounding, 0.5) if whole else -1.0 if number else 0.5)
        for name, numbers in (("low", low), ("span", span), ("reach", reach)):
            self.register_buffer(name, torch.tensor(numbers))

    def forward(self, rows: Tensor) -> Tensor:
        """Numbers of shape `(n, d)` for encoded rows of that shape."""
        values = self.low + rows * self.span
        nearest = values.round()
        near = (nearest - values).abs() <= self.reach
        values = values + torch.where(near, nearest - values, 0).detach()
        return values.masked_fill(rows < 0, float("nan"))
