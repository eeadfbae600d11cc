"""Which level a value is: numbers, truth values and texts that look alike stay apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.plain_values import plain
from rafair.tabular.value_types import Held, held_by, held_in

Known = Mapping[Held, Mapping[Any, float]]
"""By what values are, what stands for each."""


def looked_up(series: pd.Series[Any], known: Known) -> NDArray[np.float64]:
    """What stands for each value of a column, NaN for what is not known; shape `(n,)`.

    Args:
        series: The column, of any type.
        known: What stands for what.

    Example:
        >>> looked_up(pd.Series(["1", 1.0, True], dtype=object), by_kind([(1, 0.0), ("1", 1.0)]))
        array([ 1.,  0., nan])
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        # each category is looked up once, not once per row; code -1 is a missing value
        found = looked_up(pd.Series(series.cat.categories), known)
        return np.append(found, np.nan)[series.cat.codes.to_numpy()]
    series = plain(series)
    kind = held_in(series)
    if kind is not None and series.dtype != object:
        return series.map(dict(known.get(kind, {}))).to_numpy(np.float64, na_value=np.nan)
    return np.array([_code(value, known) for value in series.tolist()], np.float64)


def by_kind(pairs: Iterable[tuple[Any, float]]) -> dict[Held, dict[Any, float]]:
    """Values and what stands for each, by what the values are."""
    known: dict[Held, dict[Any, float]] = {}
    for value, code in pairs:
        known.setdefault(held_by(type(value)), {})[value] = code
    return known


def _code(value: Any, known: Known) -> float:
    kind = held_by(type(value))
    if not kind.can_be_used:  # a list, which cannot be looked up; what is missing
        return np.nan
    if kind is Held.NUMBERS and not isinstance(value, int | float):
        value = value.item() if isinstance(value, np.generic) else float(value)
    return known.get(kind, {}).get(value, np.nan)
