"""Which values a table's features really take, told block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafair.tabular.encoding import Rows, decode_values
from rafair.tabular.schema import Feature, Schema


class Observed:
    """The range of every number, how often there is each level, and how often nothing.

    Args:
        schema: The features.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40, missing=True)
        >>> seen = Observed(Schema(features=(age,), label="ok", classes=("no", "yes")))
        >>> seen.add(np.float32([[0.25], [0.5], [-1]]))
        >>> seen.to_dict()
        {'age': {'missing': 1, 'low': 25.0, 'high': 30.0}}
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._missing = np.zeros(len(schema), np.int64)
        self._low = np.full(len(schema), np.inf, np.float32)
        self._high = np.full(len(schema), -np.inf, np.float32)
        self._levels = [np.zeros(len(f.levels or ()), np.int64) for f in schema.features]

    def add(self, rows: Rows) -> None:
        """Looks at further encoded rows, of shape `(n, d)`."""
        there = rows >= 0
        self._missing += np.count_nonzero(~there, axis=0)
        np.minimum(self._low, np.where(there, rows, np.inf).min(axis=0), out=self._low)
        np.maximum(self._high, np.where(there, rows, -np.inf).max(axis=0), out=self._high)
        for column, counts in enumerate(self._levels):
            if len(counts):
                codes = rows[there[:, column], column].astype(np.float64)
                places = np.rint(codes * max(len(counts) - 1, 1)).astype(np.int64)
                counts += np.bincount(places, minlength=len(counts))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """By feature, in the data's own units; `low` and `high` are None where all is missing."""
        return {
            feature.name: {"missing": int(self._missing[column]), **self._values(column, feature)}
            for column, feature in enumerate(self._schema.features)
        }

    def _values(self, column: int, feature: Feature) -> dict[str, Any]:
        if not feature.kind.is_number:
            counts = zip(feature.levels or (), self._levels[column], strict=True)
            return {"levels": [{"level": level, "count": int(n)} for level, n in counts]}
        ends = np.array([self._low[column], self._high[column]], np.float32)
        if not np.isfinite(ends).all():
            return {"low": None, "high": None}
        low, high = decode_values(ends, feature)
        return {"low": float(low), "high": float(high)}
