"""What epsilon is a share of: of one's own data the usual spread of a feature, else its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.plain_values import as_numbers
from rafair.tabular.schema import Feature, Schema

USUAL = 5, 95
"""The percentiles between which a number is usual: a few outliers do not stretch what is."""

DIGITS = 6
"""Digits of a spread that are kept: more would be of these rows alone."""


def with_scales(schema: Schema, frame: pd.DataFrame) -> Schema:
    """The schema of a table of one's own: with a scale of every ordered feature that states none.

    That of a number is its usual spread in these rows, that of levels in order is their range.

    Args:
        schema: The features.
        frame: One column per feature, by name.

    Example:
        >>> pay = Feature(name="pay", kind="integer", minimum=0, maximum=100_000)
        >>> schema = Schema(features=(pay,), label="y", classes=("no", "yes"))
        >>> frame = pd.DataFrame({"pay": [*range(0, 1000), 100_000]})
        >>> with_scales(schema, frame)["pay"].scale
        900.0
    """
    features = tuple(scaled(feature, frame[feature.name]) for feature in schema.features)
    return schema.model_copy(update={"features": features, "own": True})


@np.errstate(over="ignore", invalid="ignore")  # near the largest number there is
def usual_spread(values: NDArray[np.float64]) -> float | None:
    """The spread of numbers from the 5th to the 95th percentile; None where all are the same.

    Where one value is that of more than half, as in columns that are mostly zero, it is that of the
    others. Where the percentiles are equal, it is how far other values usually are from the most
    frequent one.

    Example:
        >>> usual_spread(np.arange(101.0)), usual_spread(np.array([0.0] * 99 + [1, 3]))
        (90.0, 1.8)
    """
    values = values[np.isfinite(values)]
    seen, counts = np.unique(values, return_counts=True)
    if len(seen) < 2:
        return None
    most = seen[counts.argmax()]
    if counts.max() > len(values) / 2 and len(seen) > 2:
        values = values[values != most]
    low, high = np.percentile(values, USUAL)
    # of few values, how far the others usually are from the most frequent one
    spread = float(high - low) or float(np.median(np.abs(values[values != most] - most)))
    return float(f"{spread:.{DIGITS}g}") if 0 < spread < np.inf else None


def shares_of_range(schema: Schema) -> NDArray[np.float64]:
    """Each feature's scale as a share of its range, 1 where none is stated; shape `(d,)`."""
    return np.array([_share(feature) for feature in schema.features], np.float64)


def least_moves(schema: Schema) -> NDArray[np.float32]:
    """How far each feature may always move, encoded; shape `(d,)`.

    Of one's own data that is a step of its grid: no share of a spread makes of two children two and
    a half. Where no scale is stated it is 0.
    """
    return np.array([_one_step(feature) for feature in schema.features], np.float32)


def span_of(feature: Feature) -> float:
    """The range of an ordered feature in its own unit, that of an ordinal one in levels."""
    if feature.kind.is_number:
        return (feature.maximum or 0.0) - (feature.minimum or 0.0)
    return len(feature.levels or ()) - 1.0


def scaled(feature: Feature, values: pd.Series[Any]) -> Feature:
    """The feature with the scale that these values give it, where it has an order and none."""
    if feature.is_nominal or feature.scale is not None or not span_of(feature):
        return feature
    number = feature.kind.is_number
    scale = usual_spread(as_numbers(values)) if number else span_of(feature)
    return feature.model_copy(update={"scale": scale})


def _share(feature: Feature) -> float:
    if feature.scale is None or not span_of(feature):
        return 1.0
    return feature.scale / span_of(feature)


def _one_step(feature: Feature) -> float:
    if feature.scale is None or not span_of(feature):
        return 0.0
    step = feature.grid if feature.kind.is_number else 1.0
    return min((step or 0.0) / span_of(feature), 1.0)
