"""Regions: boxes that hold every row that an instance may become, perturbed and substituted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafair.certify.derived_intervals import Followers
from rafair.tabular.counterparts import Counterparts, Indices
from rafair.tabular.encoding import Rows
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.grids import ROUNDING
from rafair.tabular.one_hot_categories import Category
from rafair.tabular.perturbation import PerturbationSet

Flags = NDArray[np.bool_]
Listed = NDArray[np.float32]

MOST_VALUES = 1 << 16
"""A grid of more values than this counts as an interval: that is wider, so what is proven holds."""

BEYOND = np.float32(2 * ROUNDING)
"""How far feasible values may lie beyond their bounds: what single precision makes of them."""

MOST_BRANCHES = 512
"""Where more boxes than this would be needed for one instance's categories, one that holds all of
them takes their place."""


@dataclass(frozen=True)
class Region:
    """Boxes of `m` places, each of rows that one instance may become; features are encoded.

    Args:
        owner: The instance that each box belongs to; shape `(m,)`.
        lower: The least value of each feature; shape `(m, d)`.
        upper: The largest; likewise.
        listed: Whether a feature has no other values in the box than those of `values`; `(m, d)`.
        values: Of each feature the values that it can have, ascending; None where there is no
            list, and every number between the ends counts.
        followers: The derived columns, which follow from others.
        box: What instances may be moved to.
        sensitive: The sensitive columns.
    """

    owner: Indices
    lower: Rows
    upper: Rows
    listed: Flags
    values: tuple[Listed | None, ...]
    followers: Followers
    box: PerturbationSet
    sensitive: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.owner)

    def where(self, chosen: NDArray[np.generic]) -> Region:
        """Those boxes that a mask, or places, choose."""
        return replace(
            self,
            owner=self.owner[chosen],
            lower=self.lower[chosen],
            upper=self.upper[chosen],
            listed=self.listed[chosen],
        )

    def placed(self, owner: Indices, rows: Rows) -> Rows:
        """The possible rows nearest to others, which keep their own sensitive values.

        Args:
            owner: The instance that each row is near to; shape `(m,)`.
            rows: Encoded rows of shape `(m, d)`.
        """
        centres, columns = self.followers.centres[owner], list(self.sensitive)
        wanted = rows.copy()
        wanted[:, columns] = centres[:, columns]
        moved = self.box.nearest(self.box.project(wanted, centres), centres, centres).copy()
        moved[:, columns] = rows[:, columns]
        return moved

    @staticmethod
    def joined(parts: Sequence[Region]) -> Region:
        """The boxes of all parts, one after the other."""
        return replace(
            parts[0],
            owner=np.concatenate([part.owner for part in parts]),
            lower=np.concatenate([part.lower for part in parts]),
            upper=np.concatenate([part.upper for part in parts]),
            listed=np.concatenate([part.listed for part in parts]),
        )


@dataclass(frozen=True)
class Surroundings:
    """The regions of instances under one perturbation set.

    Relations between features are left out, which makes regions larger: what is proven of them
    holds for what the relations leave.

    Args:
        box: The perturbation set; without sensitive features.
        counterparts: The counterparts of a row.

    Example:
        >>> both = Counterparts([1], [np.float32([0, 0.5, 1])])
        >>> around = Surroundings(PerturbationSet(np.float32([0.25, 0])), both)
        >>> region = around.joint(np.float32([[0.5, 0.5], [0.75, 0.25]]))
        >>> region.owner.tolist(), region.lower.tolist()
        ([0, 1, 1], [[0.25, 0.0], [0.5, 0.0], [0.5, 0.25]])
    """

    box: PerturbationSet
    counterparts: Counterparts

    def own(self, centres: Rows) -> Region:
        """What instances may become without a change of their sensitive values.

        Args:
            centres: The instances, encoded; shape `(n, d)`.
        """
        lower, upper = self.box.bounds(centres)
        followers = Followers.of(self.box, centres)
        values = self._values(len(centres[0]))
        listed = np.array([some is not None for some in values])[None] & (upper > lower)
        listed &= self._on_grid(centres, values)
        lower, upper = self._reached(lower, upper, listed, values)
        each, columns = np.arange(len(centres)), self.counterparts.columns
        whole = Region(each, lower, upper, listed, values, followers, self.box, columns)
        parts = list(self._branches(whole, centres)) or [whole]
        region = Region.joined(parts)
        region = region.where(np.argsort(region.owner, kind="stable"))
        followers.follow(region.owner, region.lower, region.upper)
        return region

    def joint(self, centres: Rows) -> Region:
        """What instances may become, with the sensitive values of every counterpart.

        A row whose own sensitive values are new to the domain has boxes of these as well.

        Args:
            centres: The instances, encoded; shape `(n, d)`.
        """
        own = self.own(centres)
        lower, upper, listed = own.lower.copy(), own.upper.copy(), own.listed.copy()
        columns = list(self.counterparts.columns)
        for column, domain in zip(columns, self.counterparts.domains, strict=True):
            lower[:, column], upper[:, column], listed[:, column] = domain[0], domain[-1], True
        new = self.counterparts.own_index(centres)[own.owner] < 0
        every = replace(own, lower=lower, upper=upper, listed=listed)
        region = Region.joined([every, own.where(new)])
        return region.where(np.argsort(region.owner, kind="stable"))

    def _values(self, width: int) -> tuple[Listed | None, ...]:
        """The values that features are listed with: domains, levels, and grids that are short."""
        found: list[Listed | None] = [None] * width
        if isinstance(self.box, FeasibleSet):
            grids = self.box.grids
            for column in np.flatnonzero(self.box.movable & (grids.step > 0)).tolist():
                count = grids.span[column] / grids.step[column]
                if count <= MOST_VALUES:
                    found[column] = _grid_values(self.box, column)
        for category in self.box.categories:
            if len(category.columns) == 1:
                found[category.columns[0]] = np.unique(category.codes[:, 0])
        for column, domain in zip(
            self.counterparts.columns, self.counterparts.domains, strict=True
        ):
            found[column] = domain
        return tuple(found)

    def _reached(
        self, lower: Rows, upper: Rows, listed: Flags, values: Sequence[Listed | None]
    ) -> tuple[Rows, Rows]:
        """The ends that feasible rows reach: listed values, and what rounding lets others have."""
        if not isinstance(self.box, FeasibleSet):
            return lower, upper
        moves = upper > lower
        lower = np.where(moves, np.maximum(lower - BEYOND, 0), lower).astype(np.float32)
        upper = np.where(moves, np.minimum(upper + BEYOND, 1), upper).astype(np.float32)
        for column, some in enumerate(values):
            rows = listed[:, column]
            if some is not None and rows.any():
                first = np.searchsorted(some, lower[rows, column])
                last = np.searchsorted(some, upper[rows, column], side="right") - 1
                lower[rows, column], upper[rows, column] = some[first], some[last]
        return lower, upper

    def _on_grid(self, centres: Rows, values: Sequence[Listed | None]) -> Flags:
        """Which values of instances are among those listed: others can always be gone back to."""
        found = np.zeros(centres.shape, bool)
        for column, some in enumerate(values):
            if some is not None:
                found[:, column] = np.isin(centres[:, column], some)
        return found

    def _branches(self, whole: Region, centres: Rows) -> Iterator[Region]:
        """Boxes in which as many categories as may change at once have any level."""
        categories = self.box.categories
        at_once = min(self.box.max_category_changes, len(categories))
        if not at_once:
            return
        sizes = [1 if len(category.columns) == 1 else len(category) for category in categories]
        chosen = list(itertools.combinations(range(len(categories)), at_once))
        if sum(math.prod(sizes[one] for one in some) for some in chosen) > MOST_BRANCHES:
            yield self._with_any(whole, centres, categories)
            return
        for some in chosen:
            for levels in itertools.product(*(range(sizes[one]) for one in some)):
                yield self._changed(whole, centres, [categories[one] for one in some], levels)

    def _with_any(self, whole: Region, centres: Rows, categories: Sequence[Category]) -> Region:
        """One box that holds every level of every category; of groups, their hull."""
        lower, upper, listed = whole.lower.copy(), whole.upper.copy(), whole.listed.copy()
        for category in categories:
            least, most = _ends(category, centres)
            columns = list(category.columns)
            lower[:, columns], upper[:, columns] = least, most
            listed[:, columns] = (most > least) & (len(columns) == 1)
        return replace(whole, lower=lower, upper=upper, listed=listed)

    def _changed(
        self,
        whole: Region,
        centres: Rows,
        categories: Sequence[Category],
        levels: Sequence[int],
    ) -> Region:
        """The boxes in which some categories may have any level, or one, if they are a group."""
        lower, upper, listed = whole.lower.copy(), whole.upper.copy(), whole.listed.copy()
        there = np.ones(len(centres), bool)
        for category, level in zip(categories, levels, strict=True):
            columns = list(category.columns)
            if len(columns) == 1:
                least, most = _ends(category, centres)
                lower[:, columns], upper[:, columns] = least, most
                listed[:, columns] = most > least
                continue
            own = category.level(centres)
            there &= (
                category.allowed(centres)[:, level] | (own == level) | ((own < 0) & (level == 0))
            )
            written = lower.copy()
            category.write(written, np.where(own < 0, own, level))
            lower[:, columns] = upper[:, columns] = written[:, columns]
        return replace(whole, lower=lower, upper=upper, listed=listed).where(there)


def _ends(category: Category, centres: Rows) -> tuple[Rows, Rows]:
    """The least and the largest code of what each column of a category may become; `(n, c)`."""
    columns = list(category.columns)
    least, most = centres[:, columns].copy(), centres[:, columns].copy()
    allowed = category.allowed(centres)
    for level, codes in enumerate(category.codes):
        some = allowed[:, level]
        least[some] = np.minimum(least[some], codes)
        most[some] = np.maximum(most[some], codes)
    return least, most


def _grid_values(box: FeasibleSet, column: int) -> Listed:
    """All values of a feature's grid inside its range, encoded; ascending."""
    grids, width = box.grids, len(box.epsilon)
    first, last = grids.places(np.zeros((1, width)), np.ones((1, width)))
    places = np.arange(first[0, column], last[0, column] + 1)
    values = np.zeros((len(places), width))
    values[:, column] = grids.anchor[column] + places * grids.step[column]
    return np.unique(grids.encode(values)[:, column])
