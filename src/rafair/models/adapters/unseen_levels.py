"""Levels that an estimator was not trained on, and for which it answers all the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from rafair.errors import RafairWarning
from rafair.tabular.schema import Schema


def parts_of(estimator: Any) -> Iterator[Any]:
    """An estimator, and every estimator that it holds, each once."""
    seen: set[int] = set()
    left = [estimator]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            left += part
        elif isinstance(part, dict):
            left += part.values()
        elif hasattr(part, "get_params") and not isinstance(part, type):
            yield part
            left += vars(part).values()


def tell_unseen_levels(estimator: Any, schema: Schema, name: str) -> None:
    """Warns of levels that an encoder takes for nothing, or for something else, without a word.

    Args:
        estimator: A fitted estimator.
        schema: The features of the table.
        name: What to call the model.
    """
    told = set()
    for part in parts_of(estimator):
        columns = getattr(part, "feature_names_in_", None)
        known = getattr(part, "categories_", None)
        if columns is None or known is None or getattr(part, "handle_unknown", "") == "error":
            continue
        for column, categories in zip(columns, known, strict=False):
            unseen = _unseen(schema, str(column), categories)
            if unseen and column not in told:
                told.add(column)
                warnings.warn(
                    f"model '{name}': was not trained on level "
                    f"{', '.join(map(repr, unseen[:5]))} of '{column}'; its "
                    f"{type(part).__name__} answers for it all the same",
                    RafairWarning,
                    stacklevel=3,
                )


def _unseen(schema: Schema, column: str, categories: Any) -> list[Any]:
    if column not in schema.names or schema[column].kind.is_number:
        return []
    known = {value for value in np.asarray(categories).tolist() if value == value}
    return [level for level in schema[column].levels or () if level not in known]
