"""From a loader's frame to a table: what each column is, and which class each row has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rafair.tabular.schema import Feature, Kind, Schema
from rafair.tabular.table import Table, infer_feature

YES_NO = ("no", "yes")


@dataclass(frozen=True)
class Described:
    """What the values of a data set's columns do not show.

    Args:
        label: What the label is called.
        classes: The names of classes 0 and 1.
        sensitive: The columns whose change must not change the decision.
        levels: For columns whose levels have a stated order, that order.
        nominal: Those of them whose order is only the order of the publisher's codes.
        units: What the numbers of a column count.
        steps: For numbers that are no integers, the least difference between two values.
    """

    label: str
    classes: tuple[str, str]
    sensitive: Collection[str]
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nominal: Collection[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)


def make_table(name: str, frame: pd.DataFrame, positive: pd.Series[bool], told: Described) -> Table:
    """Describes a frame's columns by their values and makes it a table.

    Args:
        name: The data set.
        frame: One column per feature, in the model's order.
        positive: Which rows have class 1.
        told: What the values do not show.

    Example:
        >>> frame = pd.DataFrame({"age": [30, 40], "pay": ["low", "high"]})
        >>> told = Described(
        ...     "older", ("no", "yes"), ["age"], levels={"pay": ("low", "high")},
        ...     units={"age": "years"},
        ... )
        >>> table = make_table("people", frame, frame["age"] > 35, told)
        >>> table.rows.tolist(), table.labels.tolist()
        ([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    """
    features = tuple(
        _feature(
            frame[column],
            order=told.levels.get(column),
            ordered=column not in told.nominal,
            sensitive=column in told.sensitive,
            unit=told.units.get(column, ""),
            step=told.steps.get(column),
        )
        for column in map(str, frame.columns)
    )
    labels = positive.to_numpy().astype(np.int64)
    schema = Schema(features=features, label=told.label, classes=told.classes)
    return Table(frame.reset_index(drop=True), labels, schema, name)


def _feature(
    values: pd.Series[Any],
    *,
    order: Sequence[str] | None,
    ordered: bool,
    sensitive: bool,
    unit: str,
    step: float | None,
) -> Feature:
    inferred = infer_feature(values, sensitive=sensitive)
    if inferred.kind.is_number:
        return inferred.model_copy(update={"unit": unit, "step": step})
    kind = inferred.kind
    if order is not None:
        kind = Kind.ORDINAL if ordered else Kind.CATEGORICAL
    elif inferred.levels == YES_NO:
        kind = Kind.BOOLEAN
    levels = tuple(order or inferred.levels or ())
    domain = tuple(level for level in levels if level in set(values)) if sensitive else None
    return inferred.model_copy(update={"kind": kind, "levels": levels, "domain": domain})


def decoded(values: pd.Series[Any], levels: Mapping[Any, str]) -> pd.Series[str]:
    """Replaces a publisher's codes by readable levels; a code without one becomes missing."""
    return values.map(dict(levels))
