"""Raw values to numbers in [0, 1] and back.

Numbers are scaled by their feature's range; levels become their code divided by `levels - 1`;
what is missing, where it may be, becomes -1. All are computed in float64 and stored as float32, so
a value always encodes to the same bits: that is what lets a row be found among its own
counterparts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.number_codes import SINGLE, inside, number_codes
from rafair.tabular.opaque_columns import opaque_codes
from rafair.tabular.plain_values import as_numbers
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.value_lookup import by_kind, looked_up
from rafair.tabular.value_types import plain_value as plain_value
from rafair.tabular.value_types import shown
from rafair.wording import few

Rows = NDArray[np.float32]

MISSING = np.float32(-1)
"""How a missing value is encoded, where a feature allows it; all other codes lie in [0, 1]."""

MOST_LISTED = 20
"""How many levels an error message names."""

OFF_GRID = 1e-6
"""A share of a step by which a number may miss the grid: decimals are no binary fractions."""

FINEST = 1e-4
"""A number without a step is kept to the digits in which it is shown, where these are finer than
this share of its range."""

MOST_SHOWN = 290
"""Decimals that a float can be rounded to without leaving its range."""

MOST_DECIMALS = 12
"""Digits behind the point beyond which a number is taken for a fraction such as 1/3."""


def encode(frame: pd.DataFrame, schema: Schema, first_row: int = 0) -> Rows:
    """Encodes raw rows.

    Args:
        frame: One column per feature, by name; other columns are ignored.
        schema: The features.
        first_row: The number of the first row, for messages.

    Returns:
        Rows of shape `(len(frame), len(schema))` in [0, 1], `MISSING` where a value is missing.

    Raises:
        InputError: If a column is missing, or a value is unknown, out of range, or missing where
            the feature does not allow it.

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
        InputError: If a value is missing and may not be, unknown, or out of range; says which, and
            in which row.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40, missing=True)
        >>> encode_values([20, None, 40], age).tolist()
        [0.0, -1.0, 1.0]
    """
    series = pd.Series(values)
    codes = value_codes(series, feature)
    bad = np.flatnonzero(np.isnan(codes))
    if bad.size:
        raise InputError(
            f"column '{feature.name}', row {first_row + bad[0]}: expected "
            f"{expected_values(feature)}, got {shown(series.iloc[bad[0]])}"
        )
    return codes.astype(np.float32)


def value_codes(series: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    """The codes of raw values, NaN for what cannot be encoded; shape `(n,)`."""
    if feature.kind.is_number:
        codes = number_codes(as_numbers(series), feature)
    elif feature.is_opaque:
        codes = opaque_codes(series, feature)
    else:
        codes = inside(_coded(series, feature))
    if feature.missing:
        codes[series.isna().to_numpy()] = MISSING
    return codes


def expected_values(feature: Feature) -> str:
    """What a value of a feature may be, in the words of an error message."""
    if feature.kind.is_number:
        return f"a number from {feature.minimum:.10g} to {feature.maximum:.10g}"
    if feature.is_opaque:
        return "a value of this very table" if feature.levels else "a value that can be held"
    return f"one of {few([*map(str, feature.levels or ())], MOST_LISTED)}"


def _coded(series: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    levels = feature.levels or ()
    last = max(len(levels) - 1, 1)
    return looked_up(series, by_kind((level, code / last) for code, level in enumerate(levels)))


def decode(rows: Rows, schema: Schema) -> pd.DataFrame:
    """Turns encoded rows back into the data's own units; levels become the nearest one.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Returns:
        A frame with one column per feature. Numbers stay where a perturbation put them, so an
        integer feature may come back as 37.4. What is missing is NaN in all columns, as in a frame
        that pandas has read.

    Example:
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(sex,), label="y", classes=("no", "yes"))
        >>> decode(np.array([[0.2], [0.8]], np.float32), schema)["sex"].tolist()
        ['female', 'male']
    """
    columns = {}
    for column, feature in enumerate(schema.features):
        values = decode_values(rows[:, column], feature)
        if values.dtype == object:
            values[pd.isna(values)] = np.nan
        columns[feature.name] = values
    return pd.DataFrame(columns)


def decode_values(codes: NDArray[np.float32], feature: Feature) -> NDArray[Any]:
    """Decodes values of one feature; shape `(n,)`. A missing number is NaN, a missing level None.

    A number whose code is that of a point of the feature's grid, as far as single precision can
    tell, is exactly this point: a tree that splits there would see another value otherwise.

    Example:
        >>> rate = Feature(name="rate", kind="numeric", minimum=0, maximum=1, step=0.1)
        >>> decode_values(encode_values([0.3, 0.7], rate), rate).tolist()
        [0.3, 0.7]
        >>> decode_values(np.float32([0.34]), rate).tolist()
        [0.34]
    """
    exact = np.asarray(codes, np.float64)
    absent = (exact < 0) & feature.missing
    if feature.kind.is_number:
        return np.where(absent, np.nan, _numbers(exact, feature))
    levels = feature.levels or ()
    nearest = np.clip(np.rint(exact * max(len(levels) - 1, 1)), 0, len(levels) - 1).astype(np.int64)
    if all(isinstance(level, bool) for level in levels) and not absent.any():
        return np.array(levels, dtype=bool)[nearest]
    values = np.array(levels, dtype=object)[nearest]
    values[absent] = None
    return values


class Rounding(NamedTuple):
    """How decoded numbers of a feature are rounded.

    Args:
        decimals: Digits behind the point (before it, if negative) of a number on no grid.
        grid: The distance between two points of its grid; 0 without one.
        grid_decimals: Digits behind the point of a number on it.
    """

    decimals: int
    grid: float
    grid_decimals: int


def rounding_of(feature: Feature) -> Rounding:
    """How numbers of a feature are rounded; of one with levels, nothing that matters.

    A number on no grid has at least the digits of the grid: with fewer, one that lies just above a
    point could be rounded to below it, and numbers would not grow with their codes.

    Example:
        >>> rounding_of(Feature(name="pay", kind="numeric", minimum=0, maximum=90_000, step=0.01))
        Rounding(decimals=2, grid=0.01, grid_decimals=2)
    """
    if not feature.kind.is_number:
        return Rounding(0, 0.0, 0)
    low, decimals = feature.minimum or 0.0, shown_decimals(feature)
    if feature.grid is None:
        return Rounding(decimals, 0.0, 0)
    on_grid = max(_decimals(low), _decimals(feature.grid))
    return Rounding(max(decimals, on_grid), feature.grid, on_grid)


@np.errstate(over="ignore", invalid="ignore")  # near the largest number there is
def _numbers(codes: NDArray[np.float64], feature: Feature) -> NDArray[np.float64]:
    assert feature.minimum is not None
    assert feature.maximum is not None  # held by the schema; for the type checker
    span, rule = feature.maximum - feature.minimum, rounding_of(feature)
    rounded: NDArray[np.float64] = np.round(feature.minimum + codes * span, rule.decimals)
    if not rule.grid:
        return rounded
    steps = np.rint(codes * span / rule.grid)
    near = np.abs(codes * span - steps * rule.grid) <= SINGLE * span
    return np.where(near, grid_points(steps, feature), rounded)


def shown_decimals(feature: Feature) -> int:
    """In how many decimals a number comes back from its code.

    Single precision carries about seven digits; more would show its rounding as if it were data.
    They are counted from the largest value on, or, where the range is short beside its values,
    from the range: 2019.25 is not 2019.

    Example:
        >>> shown_decimals(Feature(name="pay", kind="numeric", minimum=0, maximum=90_000))
        1
        >>> shown_decimals(Feature(name="year", kind="numeric", minimum=2e6, maximum=2e6 + 1))
        6
    """
    assert feature.minimum is not None
    assert feature.maximum is not None  # held by the schema; for the type checker
    span = feature.maximum - feature.minimum
    largest = max(abs(feature.minimum), abs(feature.maximum), 1e-30)
    decimals = max(6 - _digits(largest), 0)
    if span > 0 and 10.0**-decimals > FINEST * span:
        return max(decimals, min(-_digits(span * SINGLE), MOST_SHOWN))
    return decimals


def _digits(size: float) -> int:
    """How many digits a number has before the point; below 0 for zeros behind it."""
    return int(np.ceil(np.log10(max(size, 1e-300))))


def grid_points(steps: NDArray[Any], feature: Feature) -> NDArray[np.float64]:
    """The numbers so many of a feature's steps above its minimum, without rounding errors.

    Example:
        >>> rate = Feature(name="rate", kind="numeric", minimum=0, maximum=1, step=0.1)
        >>> 3 * 0.1, grid_points(np.array([3]), rate).tolist()
        (0.30000000000000004, [0.3])
    """
    assert feature.minimum is not None
    assert feature.grid is not None  # nobody asks otherwise
    points = feature.minimum + steps * feature.grid
    return np.round(points, max(_decimals(feature.minimum), _decimals(feature.grid)))


def _decimals(number: float) -> int:
    """How many digits a number has behind the point, when it is written in full."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return min(max(-int(exponent), 0), MOST_DECIMALS)
