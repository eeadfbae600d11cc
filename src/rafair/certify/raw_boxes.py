"""Boxes of encoded rows as boxes of what a network is given."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rafair.models.classifier import Rows
from rafair.models.raw_inputs import RawUnits, level_numbers, level_places
from rafair.tabular.schema import Schema


class Ends(Protocol):
    """From the ends of boxes of encoded rows to those of what the network is given."""

    def __call__(self, lower: Rows, upper: Rows) -> tuple[Tensor, Tensor]:
        """Ends of shape `(m, d)` each."""


def encoded_ends(lower: Rows, upper: Rows) -> tuple[Tensor, Tensor]:
    """The ends of a network that takes encoded rows: the same.

    Example:
        >>> encoded_ends(np.float32([[0]]), np.float32([[1]]))
        (tensor([[0.]]), tensor([[1.]]))
    """
    return torch.from_numpy(lower), torch.from_numpy(upper)


class RawEnds:
    """The ends of a network that takes the data's own units.

    Rounding keeps the order of numbers, so the ends of a box are given as the ends of what lies in
    it; levels whose numbers have another order are looked up.

    Args:
        schema: The features.
        units: What the network is given for encoded rows.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> rating = Feature(name="rating", kind="ordinal", levels=(5, 1, 2))
        >>> schema = Schema(features=(rating,), label="y", classes=("no", "yes"))
        >>> ends = RawEnds(schema, RawUnits(schema))
        >>> ends(np.float32([[0]]), np.float32([[0.5]]))
        (tensor([[1.]]), tensor([[5.]]))
    """

    def __init__(self, schema: Schema, units: RawUnits) -> None:
        self._units, self._features = units, schema.features
        self._tables = {
            column: table
            for column, feature in enumerate(schema.features)
            if not feature.kind.is_number and len(table := level_numbers(feature)) > 1
            if (np.diff(table) <= 0).any()
        }

    def __call__(self, lower: Rows, upper: Rows) -> tuple[Tensor, Tensor]:
        """The least and the largest that the network is given; `(m, d)` each."""
        low = self._units(torch.from_numpy(lower)).double().numpy()
        high = self._units(torch.from_numpy(upper)).double().numpy()
        for column, table in self._tables.items():
            first = level_places(lower[:, column], self._features[column])
            last = level_places(upper[:, column], self._features[column])
            least = np.array([table[a : b + 1].min() for a, b in zip(first, last, strict=True)])
            most = np.array([table[a : b + 1].max() for a, b in zip(first, last, strict=True)])
            there = lower[:, column] >= 0
            low[there, column], high[there, column] = least[there], most[there]
        return (
            torch.from_numpy(low.astype(np.float32)),
            torch.from_numpy(high.astype(np.float32)),
        )
