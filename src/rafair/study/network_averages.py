"""Means over data sets and networks, with the spread from network to network."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rafair.study.table_order import MEAN

DATASET, MODEL = "dataset", "model"


def averaged(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Means over networks, per data set and for the mean over data sets.

    Args:
        frame: Columns `dataset`, `model`, those of `by`, `value` and `n`.
        by: What tells the figures of one network apart, such as attack and metric.

    Returns:
        Columns `dataset` (a name, or "mean"), those of `by`, `value`, `sd` (between networks, of
        the mean over data sets where that is what the row tells; empty for a single network) and
        `n` (instances in all), in the order in which they first came, means first.

    Example:
        >>> frame = pd.DataFrame(
        ...     {"dataset": ["a", "b"] * 2, "model": [0, 0, 1, 1], "value": [0.1, 0.3, 0.2, 0.6]}
        ... ).assign(metric="m", n=10)
        >>> averaged(frame, ["metric"]).round(3).to_dict("list")["value"]
        [0.3, 0.15, 0.45]
    """
    keys = list(by)
    over_sets = frame.groupby([MODEL, *keys], sort=False, observed=True, as_index=False).agg(
        value=("value", "mean"), n=("n", "sum")
    )
    both = pd.concat([over_sets.assign(**{DATASET: MEAN}), frame], ignore_index=True)
    found = both.groupby([DATASET, *keys], sort=False, observed=True, as_index=False).agg(
        value=("value", "mean"), sd=("value", "std"), n=("n", "sum")
    )
    return found[[DATASET, *keys, "value", "sd", "n"]]
