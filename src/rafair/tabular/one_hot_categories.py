"""Categories: features, or one-hot groups of them, whose levels have no distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Direction, Schema

Levels = NDArray[np.int64]
UNKNOWN = -1
"""The level of a row that has none: a value is missing, or a group has not exactly one true."""


@dataclass(frozen=True)
class Category:
    """One nominal feature, or the truth values of one one-hot group.

    Args:
        columns: Its features' positions; one, or those of the group.
        codes: How each level is encoded in these columns; shape `(levels, columns)`.
        direction: Which way its levels may change, by their order; of a group always both.

    Example:
        >>> job = Category((1,), np.float32([[0], [0.5], [1]]))
        >>> rows = np.float32([[0.3, 0.5], [0.3, -1]])
        >>> job.level(rows).tolist(), job.allowed(rows).tolist()
        ([1, -1], [[True, False, True], [False, False, False]])
    """

    columns: tuple[int, ...]
    codes: NDArray[np.float32]
    direction: Direction = Direction.BOTH

    def __len__(self) -> int:
        return len(self.codes)

    def level(self, rows: Rows) -> Levels:
        """The level of each row, or `UNKNOWN`; shape `(n,)`."""
        here = rows[:, self.columns]
        # the nearest level by its code; of a group, the one that is true
        places = here.argmax(axis=1) if len(self.columns) > 1 else self._nearest(here[:, 0])
        known = (self.codes[places] == here).all(axis=1)
        return np.where(known, places, UNKNOWN).astype(np.int64)

    def write(self, rows: Rows, levels: Levels) -> None:
        """Gives each row its level, in place; `UNKNOWN` leaves it as it is."""
        known = levels != UNKNOWN
        for place, column in enumerate(self.columns):
            rows[known, column] = self.codes[levels[known], place]

    def allowed(self, centre: Rows) -> NDArray[np.bool_]:
        """Which levels a row may be changed to, apart from its own; shape `(n, levels)`."""
        own, levels = self.level(centre)[:, None], np.arange(len(self))
        allowed: NDArray[np.bool_] = (own != UNKNOWN) & (levels != own)
        if self.direction is Direction.INCREASE_ONLY:
            allowed &= levels > own
        elif self.direction is Direction.DECREASE_ONLY:
            allowed &= levels < own
        return allowed

    def _nearest(self, codes: NDArray[np.float32]) -> Levels:
        last = len(self) - 1
        places: Levels = np.clip(np.rint(codes.astype(np.float64) * last), 0, last).astype(np.int64)
        return places


def categories_of(schema: Schema, movable: NDArray[np.bool_]) -> tuple[Category, ...]:
    """The categories of a schema that may change.

    A one-hot group changes as a whole, if all of its features may; `true` is the level with the
    higher code.

    Args:
        schema: The features.
        movable: Which of them may change; shape `(d,)`.
    """
    groups: dict[str, list[int]] = {}
    found = []
    for column, feature in enumerate(schema.features):
        if not feature.is_nominal:
            continue
        if feature.group is not None:
            groups.setdefault(feature.group, []).append(column)
        elif movable[column] and len(feature.levels or ()) > 1:
            codes = np.arange(len(feature.levels or ())) / (len(feature.levels or ()) - 1)
            found.append(Category((column,), codes.astype(np.float32)[:, None], feature.direction))
    whole = [columns for columns in groups.values() if movable[columns].all() and len(columns) > 1]
    found += [Category(tuple(columns), np.eye(len(columns), dtype=np.float32)) for columns in whole]
    return tuple(found)
