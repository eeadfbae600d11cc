"""Raw values to numbers in [0, 1] and back.

Numbers are scaled by their feature's range; levels become their code divided by `levels - 1`. Both
are computed in float64 and stored as float32, so a value always encodes to the same bits: that
is what lets a row be found among its own counterparts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.schema import Feature, Schema

Rows = NDArray[np.float32]

MISSING = np.float32(-1)
"""How a missing value is encoded, where a feature allows it; all other codes lie in [0, 1]."""

MOST_LISTED = 20
"""How many levels an error message names."""


def encode(frame: pd.DataFrame, schema: Schema, first_row: int = 0) -> Rows:
    """Encodes raw rows.

    Args:
        frame: One column per feature, by name; other columns are ignored.
        schema: The features.
        first_row: The number of the first row, for messages.

    Returns:
        Rows of shape `(len(frame), len(schema))` in [0, 1].

    Raises:
        InputError: If a column is missing, or a value is missing, unknown or out of range.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> encode(pd.DataFrame({"age": [20, 30, 40]}), schema).ravel().tolist()
        [0.0, 0.5, 1.0]
    """
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise InputError(f"column '{missing[0]}': expected in the table, not found")
    columns = [
        encode_values(frame[feature.name], feature, first_row) for feature in schema.features
    ]
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0), np.float32)


def encode_values(values: Any, feature: Feature, first_row: int = 0) -> NDArray[np.float32]:
    """Encodes values of one feature; shape `(n,)`.

    Args:
        values: The values.
        feature: What they are values of.
        first_row: The number of the first row, for messages.

    Raises:
        InputError: If a value is missing, unknown or out of range; says which, and in which row.
    """
    series = pd.Series(values)
    codes = _scaled(series, feature) if feature.kind.is_number else _coded(series, feature)
    bad = np.flatnonzero(~((codes >= 0) & (codes <= 1)))
    if bad.size:
        expected = (
            f"a number from {feature.minimum:g} to {feature.maximum:g}"
            if feature.kind.is_number
            else f"one of {_listed(feature.levels or ())}"
        )
        raise InputError(
            f"column '{feature.name}', row {first_row + bad[0]}: expected {expected}, got "
            f"{plain_value(series.iloc[bad[0]])!r}"
        )
    return codes.astype(np.float32)


def clip_to_ranges(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    """Moves numbers outside their feature's range to its nearest end, in place.

    What is missing or infinite stays as it is.

    Args:
        frame: One column per feature, by name; numbers as float64.
        schema: The features.

    Returns:
        How many were moved, by column; only columns with some.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> frame = pd.DataFrame({"age": [19.0, 30.0, 41.0]})
        >>> clip_to_ranges(frame, Schema(features=(age,), label="y", classes=("no", "yes")))
        {'age': 2}
        >>> frame["age"].tolist()
        [20.0, 30.0, 40.0]
    """
    moved = {}
    for feature in schema.features:
        if not feature.kind.is_number:
            continue
        values = frame[feature.name].to_numpy(np.float64)
        inside = np.clip(values, feature.minimum, feature.maximum)
        outside = np.isfinite(values) & (inside != values)
        if outside.any():
            frame[feature.name] = np.where(outside, inside, values)
            moved[feature.name] = int(np.count_nonzero(outside))
    return moved


def plain_value(value: Any) -> Any:
    """The same as a Python value, which is shown without its type."""
    return value.item() if isinstance(value, np.generic) else value


def _listed(levels: tuple[Any, ...]) -> str:
    shown = ", ".join(map(str, levels[:MOST_LISTED]))
    more = len(levels) - MOST_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _scaled(series: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    assert feature.minimum is not None
    assert feature.maximum is not None  # held by the schema; for the type checker
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    span = feature.maximum - feature.minimum
    if span == 0:
        return np.where(numbers == feature.minimum, 0.0, np.nan)
    scaled: NDArray[np.float64] = (numbers - feature.minimum) / span
    return scaled


def _coded(series: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    levels = feature.levels or ()
    codes = {level: code / max(len(levels) - 1, 1) for code, level in enumerate(levels)}
    return series.map(codes).to_numpy(np.float64, na_value=np.nan)


def decode(rows: Rows, schema: Schema) -> pd.DataFrame:
    """Turns encoded rows back into the data's own units; levels become the nearest one.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Returns:
        A frame with one column per feature. Numbers stay where a perturbation put them, so an
        integer feature may come back as 37.4.

    Example:
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(sex,), label="y", classes=("no", "yes"))
        >>> decode(np.array([[0.2], [0.8]], np.float32), schema)["sex"].tolist()
        ['female', 'male']
    """
    columns = {
        feature.name: decode_values(rows[:, i], feature)
        for i, feature in enumerate(schema.features)
    }
    return pd.DataFrame(columns)


def decode_values(codes: NDArray[np.float32], feature: Feature) -> NDArray[Any]:
    """Decodes values of one feature; shape `(n,)`."""
    exact = np.asarray(codes, np.float64)
    if feature.kind.is_number:
        assert feature.minimum is not None
        assert feature.maximum is not None  # held by the schema; for the type checker
        numbers = feature.minimum + exact * (feature.maximum - feature.minimum)
        # float32 carries about seven digits; more would show its rounding as if it were data
        span = max(abs(feature.minimum), abs(feature.maximum), 1e-30)
        digits = 6 - int(np.ceil(np.log10(span)))
        rounded: NDArray[np.float64] = np.round(numbers, max(digits, 0))
        return rounded
    levels = feature.levels or ()
    nearest = np.clip(np.rint(exact * max(len(levels) - 1, 1)), 0, len(levels) - 1).astype(np.int64)
    return np.array(levels, dtype=object)[nearest]
