"""Which values a table's features really take, told block by block."""

from __future__ import annotations

import numpy as np

from rafair.monitoring.references.reference_record import LevelCount, SeenLevels, SeenNumber
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
        >>> seen.values()
        {'age': SeenNumber(missing=1, low=25.0, high=30.0)}
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

    def values(self) -> dict[str, SeenNumber | SeenLevels]:
        """By feature, in the data's own units."""
        features = enumerate(self._schema.features)
        return {feature.name: self._values(column, feature) for column, feature in features}

    def _values(self, column: int, feature: Feature) -> SeenNumber | SeenLevels:
        missing = int(self._missing[column])
        if not feature.kind.is_number:
            counts = zip(feature.levels or (), self._levels[column], strict=True)
            return SeenLevels(missing, tuple(LevelCount(level, int(n)) for level, n in counts))
        ends = np.array([self._low[column], self._high[column]], np.float32)
        if not np.isfinite(ends).all():
            return SeenNumber(missing, None, None)
        low, high = decode_values(ends, feature)
        return SeenNumber(missing, float(low), float(high))
