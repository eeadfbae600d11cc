"""Which columns of the table a model takes, by the names or the number that its file gives."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError, RafairWarning
from rafair.models.classifier import Rows
from rafair.models.raw_inputs import level_places, raw_matrix
from rafair.tabular.encoding import plain_value
from rafair.tabular.schema import Feature, Schema


def columns_taken(
    schema: Schema, names: Sequence[str] | None, number: int | None, where: str
) -> list[int]:
    """The table's columns that a model takes, in the order in which it takes them.

    A model that names its columns takes these, wherever they are; others it does not see.

    Args:
        schema: The features of the table.
        names: The names in the model's file; None where it has none.
        number: How many columns it takes; None where it does not say.
        where: What to call the model in messages.

    Raises:
        ModelError: If the table lacks a column of that name, or the number is another.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> columns_taken(schema, None, 2, "m.json")
        Traceback (most recent call last):
        rafair.errors.ModelError: model 'm.json': a 2-column model for a 1-column table (age)
    """
    if number is None and names is not None:
        number = len(names)
    if number is not None and (number > len(schema) or (names is None and number != len(schema))):
        listed = ", ".join(schema.names[:20]) + (", …" if len(schema) > 20 else "")
        lacking = [name for name in names or () if name not in schema.names]
        more = f"; the table has no column '{lacking[0]}'" if lacking else ""
        raise ModelError(
            f"model '{where}': a {number}-column model for a {len(schema)}-column table ({listed})"
            + more
        )
    if names is None:
        return list(range(len(schema)))
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise ModelError(
            f"model '{where}': takes a column '{unknown[0]}', which the table does not have "
            f"(columns: {', '.join(schema.names)})"
        )
    return list(schema.columns(names))


class TreeColumns:
    """The matrix that boosted trees take: numbers in the data's own units, levels as numbers.

    Args:
        schema: The features of the table.
        columns: Which of them the trees take, in order; see `columns_taken`.
        encoded: Whether they were trained on encoded rows instead.
        categories: By column of the trees, the categories that codes stand for; where
            a column is not in it, levels are as `raw_rows.level_numbers` has them.
        where: What to call the model in messages.
        refuses: Whether the library refuses a level that is no such category; else it takes it for
            missing, which is told.

    Raises:
        ModelError: If none of a feature's levels is a category that the trees know, or one is not
            and the library refuses it.
    """

    def __init__(
        self,
        schema: Schema,
        columns: list[int],
        *,
        encoded: bool,
        categories: Mapping[int, Sequence[Any]],
        where: str,
        refuses: bool,
    ) -> None:
        self._schema, self._columns, self._encoded = schema, columns, encoded
        self._codes = {
            position: _codes(schema.features[columns[position]], known, where, refuses=refuses)
            for position, known in categories.items()
            if not encoded
        }

    @property
    def taken(self) -> list[int]:
        """Which columns of the table the trees take, in order."""
        return list(self._columns)

    @property
    def encoded(self) -> bool:
        """Whether they take codes, rather than the table's own values."""
        return self._encoded

    def matrix(self, rows: Rows) -> NDArray[np.float64]:
        """What the trees take for encoded rows; shape `(n, columns of the trees)`."""
        if self._encoded:
            return rows[:, self._columns].astype(np.float64)
        found: NDArray[np.float64] = raw_matrix(rows, self._schema, self._columns)
        for position, codes in self._codes.items():
            column = self._columns[position]
            places = level_places(rows[:, column], self._schema.features[column])
            there = ~np.isnan(found[:, position])
            found[there, position] = codes[places[there]]
        return found


def _codes(
    feature: Feature, known: Sequence[Any], where: str, *, refuses: bool
) -> NDArray[np.float64]:
    """The code of each level of a feature among the known categories; NaN for others."""
    if feature.kind.is_number:
        raise ModelError(
            f"model '{where}': was trained on categories of '{feature.name}', which is a number in "
            "the table"
        )
    place = {_value(category): float(code) for code, category in enumerate(known)}
    levels = feature.levels or ()
    codes = np.array([place.get(_value(level), np.nan) for level in levels])
    unknown = [level for level, code in zip(levels, codes, strict=True) if np.isnan(code)]
    if len(unknown) == len(levels):
        raise ModelError(
            f"model '{where}': knows none of the levels of '{feature.name}', but "
            f"{', '.join(map(repr, known[:20]))}"
        )
    if unknown and refuses:
        raise ModelError(
            f"model '{where}': was not trained on level {unknown[0]!r} of '{feature.name}', and "
            f"its library refuses it; it knows {', '.join(map(repr, known[:20]))}"
        )
    if unknown:
        warnings.warn(
            f"model '{where}': was not trained on level {', '.join(map(repr, unknown[:5]))} of "
            f"'{feature.name}'; its library takes that for missing",
            RafairWarning,
            stacklevel=2,
        )
    return codes


def _value(level: Any) -> tuple[str, object]:
    """What tells levels apart: numbers by value, never from texts or truth values by spelling."""
    level = plain_value(level)
    if isinstance(level, bool):
        return "truth value", level
    if isinstance(level, int | float):
        return "number", level
    return "text", str(level)
