"""Opaque columns: given to a model as they are, so kept as places in a list of the table's values.

The list lives beside the rows, in the schema of the table in memory, and is written nowhere: a
schema file, `audit.json` and hashes of a schema know the column's name and kind alone. So rows can
be encoded where their table is, and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.plain_values import plain
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.value_types import check_held

MOST_VALUES = 1 << 22
"""Different values that single precision gives a code each."""


def with_values(schema: Schema, frame: pd.DataFrame) -> Schema:
    """The schema with the values that a table's opaque columns hold, as far as they are not there.

    Args:
        schema: The features.
        frame: The rows, all that the schema will ever encode.

    Raises:
        InputError: If an opaque column holds values of more than one kind, of one that no model is
            given (lists, structs, bytes), or too many.

    Example:
        >>> case = Feature(name="case", kind="opaque")
        >>> schema = Schema(features=(case,), label="y", classes=("no", "yes"))
        >>> with_values(schema, pd.DataFrame({"case": ["c7", "c2", "c7"]}))["case"].levels
        ('c2', 'c7')
    """
    if not any(_lacks_values(feature, frame) for feature in schema.features):
        return schema
    features = tuple(
        _with_values(feature, frame[feature.name]) if _lacks_values(feature, frame) else feature
        for feature in schema.features
    )
    return schema.model_copy(update={"features": features})


def _lacks_values(feature: Feature, frame: pd.DataFrame) -> bool:
    return feature.is_opaque and feature.levels is None and feature.name in frame.columns


def _with_values(feature: Feature, values: pd.Series[Any]) -> Feature:
    values = plain(values)
    check_held(values, f"column '{feature.name}'", times=True)
    seen = values.dropna().unique().tolist()
    if len(seen) > MOST_VALUES:
        raise InputError(
            f"column '{feature.name}': expected at most {MOST_VALUES:,} different values of an "
            f"opaque column, found {len(seen):,}; drop it, if the model does not see it"
        )
    return feature.model_copy(update={"levels": tuple(sorted(seen))})


def opaque_codes(series: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    """The codes of values: 0 for each where the table's values are not known; shape `(n,)`.

    A value that is none of the table's is NaN, and so is a missing one.
    """
    series = plain(series)
    if feature.levels is None:
        return np.where(series.isna(), np.nan, 0.0)
    places = pd.Index(feature.levels, dtype=object).get_indexer(pd.Index(series.astype(object)))
    return np.where(places < 0, np.nan, places / max(len(feature.levels) - 1, 1))
