"""Feasible perturbations: rows that could really happen to a person's file.

Numbers stay on their grids, ordinals on their levels, categories and one-hot groups change as a
whole and only so many of them; directions, largest changes and linear relations hold; what is
immutable or missing never moves. All lies within the paper's box as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.derived import Derivations
from rafair.tabular.encoding import MISSING, Rows, plain_value
from rafair.tabular.grids import Grids, Values
from rafair.tabular.nearest_related import Linked
from rafair.tabular.one_hot_categories import UNKNOWN, categories_of
from rafair.tabular.perturbation import PerFeature, PerturbationSet
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Schema
from rafair.tabular.schema_check import expected_grid, off_grid

NEARER = (0.5, 0.25, 0.0)
"""Which shares of a move are tried where the whole would take a derived column out of its range."""


@dataclass(frozen=True, kw_only=True)
class FeasibleSet(PerturbationSet):
    """The feasible rows around a row.

    A search moves a *shadow*, a row that `project` keeps inside the box and that lies on no grid; a
    step too short for the grid would otherwise be rounded away again and again. What is asked about
    and stored is `nearest`, the feasible row closest to the shadow. A shadow always has real
    levels: they have no distance, so nothing but a choice (`search.categories`) changes them.

    Args:
        epsilon: The largest change of each ordered feature, encoded; `(d,)`.
        categories: What may change its level.
        max_category_changes: How many categories may differ from those of the centre.
        grids: The values that ordered features may take.
        linked: The relations that hold.
        derivations: The columns that follow from others.
        coarse: The names of features that may move, but whose grid is coarser than epsilon.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> start = Feature(name="start", kind="integer", minimum=0, maximum=10)
        >>> end = Feature(name="end", kind="integer", minimum=0, maximum=10)
        >>> job = Feature(name="job", kind="categorical", levels=("a", "b", "c"))
        >>> schema = Schema(features=(start, end, job), label="y", classes=("no", "yes"),
        ...     relations=("end >= start",))
        >>> box = FeasibleSet.of(schema, 0.3)
        >>> centre = np.float32([[0.5, 0.6, 0]])
        >>> shadow = np.float32([[0.78, 0.68, 1]])
        >>> [round(float(value), 2) for value in box.nearest(shadow, centre)[0]]
        [0.7, 0.7, 1.0]
    """

    grids: Grids
    linked: Linked
    derivations: Derivations
    coarse: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        schema: Schema,
        epsilon: PerFeature,
        *,
        perturb_sensitive: bool = False,
        max_category_changes: int = 1,
    ) -> FeasibleSet:
        """The set that a schema's rules leave of the paper's.

        Args:
            schema: The features, and the relations between them.
            epsilon: The largest change, in encoded units; of a category, above 0 where it may
                change at all.
            perturb_sensitive: Whether sensitive features may move as well.
            max_category_changes: How many categories may change.

        Raises:
            InputError: If nothing may move, a relation cannot be read, or a sensitive feature's
                domain holds a number off its grid, which no counterpart could have.
        """
        _check_domains(schema)
        sizes = PerturbationSet.of(schema, epsilon, perturb_sensitive=perturb_sensitive).epsilon
        categories = categories_of(schema, sizes > 0) if max_category_changes else ()
        grids = Grids.of(schema)
        coarse = grids.too_coarse(sizes) & (sizes > 0)
        sizes = np.where(grids.ordered & ~coarse, sizes, 0).astype(np.float32)
        names = tuple(np.array(schema.names)[coarse])
        if not sizes.any() and not categories:
            raise InputError(
                "epsilon: expected enough for at least one feature to reach another value of its "
                f"own, got less than a step of {', '.join(map(repr, map(str, names))) or 'any'}"
            )
        linked = Linked.of(parse_all(schema), schema, grids)
        return cls(
            epsilon=sizes,
            categories=categories,
            max_category_changes=max_category_changes,
            grids=grids,
            linked=linked,
            derivations=Derivations.of(schema, grids, linked.weights),
            coarse=tuple(map(str, names)),
        )

    @property
    def stride(self) -> NDArray[np.float32]:
        """The encoded distance between two values of each feature's grid; `(d,)`."""
        return self.grids.stride()

    def bounds(self, centre: Rows) -> tuple[Rows, Rows]:
        """The least and the largest allowed value of each feature; categories stay; `(n, d)`."""
        lower, upper = self._reach(centre)
        return lower.astype(np.float32), upper.astype(np.float32)

    def project(self, rows: Rows, centre: Rows) -> Rows:
        """The nearest shadows: inside the box, on no grid; levels are those of `rows`."""
        return self.with_levels(super().project(rows, centre), rows)

    def nearest(self, rows: Rows, centre: Rows, instead: Rows | None = None) -> Rows:
        """The nearest feasible rows; all arrays have shape `(n, d)`.

        Distance is the sum of encoded differences. Where the solver finds no row in which the
        relations hold, the features that stand in them stay at the centre. Where a derived column
        would leave its range, what it follows from goes half of the way, a quarter, or none.

        Args:
            rows: The rows.
            centre: The rows that they are perturbations of.
            instead: Feasible rows from which features are taken that stand in relations that fail,
                or that derived columns follow from out of their range; a solver, which takes
                milliseconds for a row, then looks for no nearer ones.
        """
        bounds = self._reach(centre)
        moved = self._related(rows, centre, bounds, instead)
        outside = self.derivations.follow(moved, centre)
        if not outside.any():
            return moved
        if instead is not None:
            return np.where(outside @ self.derivations.together, instead, moved)
        wanted = rows.copy()
        for share in NEARER:
            failing = np.flatnonzero(outside.any(axis=1))
            if not failing.size:
                break
            at = centre[failing]
            back = outside[failing] @ self.derivations.together
            nearer = (at + share * (rows[failing] - at)).astype(np.float32)
            wanted[failing] = np.where(back, nearer, wanted[failing])
            narrow = bounds[0][failing], bounds[1][failing]
            moved[failing] = self._related(wanted[failing], at, narrow, None)
            placed = moved[failing]
            outside[failing] = self.derivations.follow(placed, at)
            moved[failing] = placed
        return moved

    def _related(
        self, rows: Rows, centre: Rows, bounds: tuple[Values, Values], instead: Rows | None
    ) -> Rows:
        """The nearest rows on grids in which the relations hold; derived columns stay."""
        lower, upper = bounds
        moved = self.grids.nearest(rows, centre, lower, upper)
        moved = np.where(upper > lower, moved, centre)
        self._write_levels(moved, rows, centre)
        if not self.linked.relations:
            return moved
        if instead is not None:
            related = self._failing(moved, centre) @ (self.linked.weights != 0)
            return np.where(related, instead, moved)
        self._relate(moved, rows, centre, lower, upper)
        return moved

    def following(self, rows: Rows, before: Rows) -> Rows:
        """The rows with what their derived columns follow to; out of range, the nearest end."""
        self.derivations.follow(rows, before)
        return rows

    def reached(self, wanted: Rows, rows: Rows, lower: Rows, upper: Rows) -> Rows:
        """The nearest values of the features' grids between bounds; relations play no part.

        A value of `rows` that lies on no grid can be gone back to; a missing one never moves, nor
        does one that takes its place in a counterpart.
        """
        bounds = lower.astype(np.float64), upper.astype(np.float64)
        found: Rows = np.where(lower < 0, rows, self.grids.nearest(wanted, rows, *bounds))
        return found

    def broken(self, rows: Rows) -> Mapping[str, int]:
        """How many rows break each relation; only relations with some."""
        counts = (~self.linked.holds(rows)).sum(axis=0)
        texts = [relation.text for relation in self.linked.relations]
        return {text: int(n) for text, n in zip(texts, counts, strict=True) if n}

    def _reach(self, centre: Rows) -> tuple[Values, Values]:
        """Bounds in double precision; equal where a feature does not move."""
        lower, upper = self.grids.bounds(centre, self.epsilon)
        # what stands in a relation that was broken from the start cannot be told apart from wrong
        stuck = ~self.linked.holds(centre).astype(bool) @ (self.linked.weights != 0)
        if self.derivations.columns:
            stuck |= ~self.derivations.hold(centre) @ self.derivations.together
        still = ~self.movable | (centre == MISSING) | stuck
        return np.where(still, centre, lower), np.where(still, centre, upper)

    def _write_levels(self, moved: Rows, rows: Rows, centre: Rows) -> None:
        """Lets the first categories that changed keep their change, as many as are allowed."""
        left = np.full(len(rows), self.max_category_changes)
        each = np.arange(len(rows))
        for category in self.categories:
            wanted = category.level(rows)
            allowed = category.allowed(centre)[each, wanted] & (wanted != UNKNOWN) & (left > 0)
            category.write(moved, np.where(allowed, wanted, UNKNOWN))
            left -= allowed

    def _relate(self, moved: Rows, rows: Rows, centre: Rows, lower: Values, upper: Values) -> None:
        """Moves rows in which relations fail to the nearest ones in which they hold, in place."""
        enforced = self._failing(moved, centre)
        for row in np.flatnonzero(enforced.any(axis=1)):
            related = (self.linked.weights[enforced[row]] != 0).any(axis=0)
            wanted = np.where(related, rows[row], moved[row])
            found = self.linked.nearest(wanted, centre[row], lower[row], upper[row], enforced[row])
            if found is None or (enforced[row] & ~self.linked.holds(found[None])[0]).any():
                found = np.where(related, centre[row], moved[row])
            moved[row] = found

    def _failing(self, moved: Rows, centre: Rows) -> NDArray[np.bool_]:
        """The relations that hold at the centre and fail, with all that are joined to them."""
        enforced = self.linked.holds(centre)
        failing = enforced & ~self.linked.holds(moved)
        # what shares no feature with a relation that fails is nearest already
        together: NDArray[np.bool_] = enforced & (failing @ self.linked.joined)
        return together


def _check_domains(schema: Schema) -> None:
    """Refuses numbers of a domain that lie between two values of their feature's grid."""
    for feature in map(schema.__getitem__, schema.sensitive):
        values = pd.Series(feature.domain or ())
        off = off_grid(values, feature, values.isna().to_numpy())
        if off.any():
            raise InputError(
                f"sensitive feature '{feature.name}': domain: expected {expected_grid(feature)}, "
                f"which feasible rows have, got {plain_value(values[off].iloc[0])!r}"
            )
