"""What an estimator's matrix holds of encoded rows: each column of it follows from one of theirs.

The matrix is always made by the model's own code: scaling, rounding and types are not computed
anew. Known is only how a column of it moves with the column of the table that it follows from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError
from rafair.models.classifier import Rows
from rafair.models.raw_inputs import level_places
from rafair.tabular.encoding import decode_values
from rafair.tabular.schema import Schema

Codes = NDArray[np.float32]
Matrix = NDArray[np.floating[Any]]
Passes = Callable[[Matrix, NDArray[np.int64]], NDArray[np.bool_]]
"""Whether row `i` of a matrix lies below the bound of the question that stands in place `i`."""

ONE = int(np.float32(1).view(np.int32))
"""The place of 1 among the numbers of single precision from 0 on."""

NEVER = np.float32(np.inf)
"""A cut behind all codes."""

AT_ONCE = 4096
"""About how many codes are looked at together."""

MOST_POINTS = 1 << 16
"""Grids of more points are not looked at one by one."""


@dataclass(frozen=True)
class Source:
    """What a column of an estimator's matrix follows from.

    Args:
        column: The column of the table.
        plain: Whether the column's own values are in it, but for what stands for missing ones.
        steps: None where it never decreases when the column's number grows; else the numbers
            between which it is constant.
    """

    column: int
    plain: bool = True
    steps: tuple[float, ...] | None = None

    def scaled(self) -> Source:
        """The same, in another unit."""
        return replace(self, plain=False)


@dataclass(frozen=True)
class Inputs:
    """How an estimator's matrix follows from encoded rows.

    Args:
        schema: The features.
        sources: What each column of the matrix follows from.
        matrix: Makes the matrix of rows of shape `(n, d)`; shape `(n, columns)`.
        encoded: Whether it holds codes, rather than the table's own values.
        where: What to call the model in messages.
    """

    schema: Schema
    sources: tuple[Source, ...]
    matrix: Callable[[Rows], Matrix]
    encoded: bool
    where: str

    def of_column(self, column: int) -> NDArray[np.int64]:
        """The columns of the matrix that follow from a column of the table."""
        return np.array([i for i, one in enumerate(self.sources) if one.column == column], np.int64)

    def in_cells(self, column: int) -> bool:
        """Whether what follows from a column has few values, one in each of its `cells`."""
        if not self.encoded and not self.schema.features[column].kind.is_number:
            return True
        return any(self.sources[one].steps is not None for one in self.of_column(column).tolist())

    def cells(self, column: int) -> Codes:
        """Where among a column's codes what follows from it may change; ascending, from 0 on.

        Args:
            column: One of those `in_cells`.

        Raises:
            ModelError: If it takes steps, and moves between them as well.
        """
        feature = self.schema.features[column]
        if not self.encoded and not feature.kind.is_number:
            last = len(feature.levels or ()) - 1
            wanted = np.arange(1, last + 1)
            cuts = first_code(lambda codes: level_places(codes, feature) < wanted, len(wanted))
        else:
            sources = [self.sources[one] for one in self.of_column(column).tolist()]
            if any(one.steps is None for one in sources):
                raise ModelError(
                    f"model '{self.where}': takes '{feature.name}' as a number and as a category, "
                    "which cannot be certified"
                )
            steps = np.unique([number for one in sources for number in one.steps or ()])

            def at_least(codes: Codes) -> NDArray[np.bool_]:
                return self.numbers(column, codes) < steps

            def above(codes: Codes) -> NDArray[np.bool_]:
                return self.numbers(column, codes) <= steps

            cuts = np.concatenate([first_code(one, len(steps)) for one in (at_least, above)])
        return np.unique(np.append(np.float32(0), cuts[cuts <= 1]))

    def numbers(self, column: int, codes: Codes) -> NDArray[np.float64]:
        """The numbers that codes of a column stand for, as the model is given them."""
        if self.encoded:
            return codes.astype(np.float64)
        return np.asarray(decode_values(codes, self.schema.features[column]), np.float64)

    def at_codes(self, column: int, codes: Codes, base: Rows) -> Matrix:
        """The matrix of a row whose value in one column is each of the codes."""
        rows = np.repeat(base, len(codes), axis=0)
        rows[:, column] = codes
        return self.matrix(rows)

    def cuts(self, asked: Sequence[int], passes: Passes, base: Rows) -> Codes:
        """The first code of a column that no longer lies below a bound, for many questions.

        Args:
            asked: For each question the column of the matrix that it is about.
            passes: Whether a value of the matrix lies below the question's bound.
            base: A row, of which one column at a time changes.
        """
        columns = np.array([self.sources[one].column for one in asked], np.int64)
        # one row carries a question of every column: what follows from one moves with no other
        places = _nth_of_each(columns)
        width = int(places.max(initial=-1)) + 1

        def below(codes: Codes) -> NDArray[np.bool_]:
            rows = np.repeat(base, len(codes) * width, axis=0)
            at = np.arange(len(codes))[:, None] * width + places
            rows[at, columns] = codes
            matrix = self.matrix(rows)
            return np.stack([passes(matrix[some], np.arange(len(asked))) for some in at])

        return first_code(below, len(asked)) if len(asked) else np.empty(0, np.float32)


def first_code(below: Callable[[Codes], NDArray[np.bool_]], n: int) -> Codes:
    """The first code from 0 to 1 that does not lie below something, for `n` questions at once.

    Args:
        below: Of codes of shape `(k, n)`, whether each lies below what the question in its place
            is about; true up to some code, and false from there on.
        n: How many questions.

    Returns:
        The codes; `NEVER` where 1 still lies below.

    Example:
        >>> half = first_code(lambda codes: codes < np.float32([0.5, 3, 0]), 3)
        >>> half.tolist()
        [0.5, inf, 0.0]
    """
    least, most = np.zeros(n, np.int64), np.full(n, ONE + 1)
    parts = max(AT_ONCE // max(n, 1), 1) + 1
    while (least < most).any():
        # many codes at once: asking takes longer than many rows do
        inner = least + (most - least) * np.arange(1, parts)[:, None] // parts
        count = below(_code_at(inner)).sum(axis=0)
        ends = np.concatenate([least[None] - 1, inner, most[None]])
        each = np.arange(n)
        found = ends[count, each] + 1, ends[count + 1, each]
        least, most = np.where(least < most, found, (least, most))
    return np.where(least > ONE, NEVER, _code_at(least)).astype(np.float32)


def _code_at(place: NDArray[np.int64]) -> Codes:
    """The code in a place among all of single precision, 1 at most."""
    return np.minimum(place, ONE).astype(np.int32).view(np.float32)


def _nth_of_each(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same column stand before each; shape `(n,)`."""
    order = np.argsort(columns, kind="stable")
    ordered = columns[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))[: len(columns)]
    counts = np.diff(np.append(starts, len(columns)))
    places = np.empty(len(columns), np.int64)
    places[order] = np.arange(len(columns)) - np.repeat(starts, counts)
    return places
