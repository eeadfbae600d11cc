"""Frames in long form, looked up by the keys of their rows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

Row = dict[Hashable, Any]


def rows_by(frame: pd.DataFrame, *keys: str) -> dict[Any, Row]:
    """Each row as a dictionary, by its key (a tuple where there are several).

    Example:
        >>> frame = pd.DataFrame({"attack": ["apgd"], "metric": ["tfr"], "value": [0.4]})
        >>> rows_by(frame, "attack", "metric")["apgd", "tfr"]["value"]
        0.4
    """
    return {_key(row, keys): row for row in frame.to_dict("records")}


def values_by(frame: pd.DataFrame, *keys: str, value: str = "value") -> dict[Any, float]:
    """The figure of each row, by its key.

    Example:
        >>> values_by(pd.DataFrame({"attack": ["apgd"], "value": [0.4]}), "attack")
        {'apgd': 0.4}
    """
    return {key: float(row[value]) for key, row in rows_by(frame, *keys).items()}


def means_by(frame: pd.DataFrame, *keys: str, value: str) -> dict[Any, float]:
    """The mean of a column for each key, in the order in which keys first come; gaps are left out.

    Example:
        >>> frame = pd.DataFrame({"goal": ["b", "a", "b"], "share": [0.5, 1.0, 1.0]})
        >>> means_by(frame, "goal", value="share")
        {'b': 0.75, 'a': 1.0}
    """
    mean = frame.groupby(list(keys), sort=False, as_index=False).agg(**{value: (value, "mean")})
    return values_by(mean, *keys, value=value)


def distinct(frame: pd.DataFrame, column: str) -> list[Any]:
    """The values of a column, in the order in which they first come."""
    return list(dict.fromkeys(frame[column].tolist()))


def _key(row: Row, keys: tuple[str, ...]) -> Any:
    return row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)
