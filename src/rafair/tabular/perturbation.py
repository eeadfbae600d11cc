"""The perturbation set Δ(v): the rows that an input may be moved to, and the projection onto it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_real
from rafair.errors import InputError
from rafair.tabular.encoding import Rows
from rafair.tabular.one_hot_categories import Category
from rafair.tabular.scales import least_moves, shares_of_range
from rafair.tabular.schema import Schema

PerFeature = float | Mapping[str, float]
"""One number for all features, or numbers by feature name; a feature not named does not move."""


@dataclass(frozen=True)
class PerturbationSet:
    """Boxes around rows: at most `epsilon` per feature, inside [0, 1], frozen features at rest.

    Missing values stay missing.

    Args:
        epsilon: The largest change of each feature, encoded; zero where it may not move; `(d,)`.
        categories: What changes its level as a whole, if anything (see `FeasibleSet`).
        max_category_changes: How many of them may differ from the centre's.

    Example:
        >>> box = PerturbationSet(np.float32([0.2, 0.0]))
        >>> centre = np.float32([[0.9, 0.5]])
        >>> box.project(centre + 1, centre).tolist()
        [[1.0, 0.5]]
    """

    epsilon: NDArray[np.float32]
    categories: tuple[Category, ...] = ()
    max_category_changes: int = 1

    @classmethod
    def of(
        cls, schema: Schema, epsilon: PerFeature, *, perturb_sensitive: bool = False
    ) -> PerturbationSet:
        """The set that lets mutable, non-sensitive features move by at most `epsilon`.

        Args:
            schema: The features.
            epsilon: The largest change, as a share of each feature's scale (its range, where the
                schema states no scale; where it does, a step of the feature's grid at least).
            perturb_sensitive: Whether sensitive features may move as well (the wider set of the
                paper).

        Raises:
            InputError: If a number is not above 0 and up to 1, or nothing may move.
        """
        sizes = per_feature("epsilon", epsilon, schema)
        sizes = np.where(sizes > 0, np.maximum(sizes, least_moves(schema)), 0)
        for column, feature in enumerate(schema.features):
            if not feature.mutable or (feature.sensitive and not perturb_sensitive):
                sizes[column] = 0
        if not sizes.any():
            raise InputError(
                "epsilon: expected above 0 for at least one feature that may move (mutable and not "
                "sensitive), found none"
            )
        return cls(sizes.astype(np.float32))

    @property
    def movable(self) -> NDArray[np.bool_]:
        """Which features may move; shape `(d,)`."""
        return self.epsilon > 0

    def bounds(self, centre: Rows) -> tuple[Rows, Rows]:
        """The least and the largest allowed value of each feature, each of shape `(n, d)`.

        A missing value has nowhere to go: both are what it is.
        """
        moves = self.movable & (centre >= 0)
        lower = np.where(moves, np.maximum(centre - self.epsilon, 0), centre)
        upper = np.where(moves, np.minimum(centre + self.epsilon, 1), centre)
        return lower.astype(np.float32), upper.astype(np.float32)

    def project(self, rows: Rows, centre: Rows) -> Rows:
        """The nearest allowed rows; `rows` and `centre` have shape `(n, d)`."""
        lower, upper = self.bounds(centre)
        return np.clip(rows, lower, upper).astype(np.float32)

    def with_levels(self, rows: Rows, others: Rows) -> Rows:
        """The same rows with the levels of others, in place; those of no category are numbers."""
        columns = [column for category in self.categories for column in category.columns]
        if columns:
            rows[:, columns] = others[:, columns]
        return rows

    def nearest(self, rows: Rows, centre: Rows, instead: Rows | None = None) -> Rows:
        """The rows that are asked about: here the projected ones themselves."""
        return rows

    def reached(self, wanted: Rows, rows: Rows, lower: Rows, upper: Rows) -> Rows:
        """What a model may be asked about nearest to `wanted`, feature by feature: here all.

        Args:
            wanted: Shape `(n, d)`.
            rows: The rows that features are moved from; likewise.
            lower: The least value of each feature; likewise.
            upper: The largest; likewise.
        """
        return np.clip(wanted, lower, upper)

    def following(self, rows: Rows, before: Rows) -> Rows:
        """The rows with what their derived columns follow to: here nothing follows.

        Args:
            rows: What a model may be asked about; changed in place; shape `(n, d)`.
            before: The rows that features were moved from; likewise.
        """
        return rows

    @property
    def stride(self) -> NDArray[np.float32]:
        """The least distance between two values of each feature: none here; shape `(d,)`."""
        return np.zeros_like(self.epsilon)


def per_feature(name: str, value: PerFeature, schema: Schema) -> NDArray[np.float32]:
    """Spreads shares of scales, one or by feature name, over the columns; encoded; shape `(d,)`.

    Raises:
        InputError: If a number is not above 0 and up to 1.
        UnknownNameError: If a name is not a feature.
    """
    numbers = np.zeros(len(schema))
    if not isinstance(value, Mapping):
        numbers[:] = check_real(name, value, 0, 1)
    elif not value:
        raise InputError(f"{name}: expected at least one feature, got none")
    else:
        for feature, number in value.items():
            numbers[schema.column(feature)] = check_real(f"{name} of '{feature}'", number, 0, 1)
    return np.minimum(numbers * shares_of_range(schema), 1).astype(np.float32)
