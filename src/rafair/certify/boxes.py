"""Boxes of counterparts: a range of domain values of each sensitive feature, many rows' at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rafair.certify.counterpart_bounds import Planes
from rafair.tabular.counterparts import Counterparts, Indices

SLACK = 1e-9
"""Bounds no further above zero than this count as doubtful where they are solved for a value; what
double precision loses there is less than the intervals of single precision have to spare."""

NO_PLACE = np.iinfo(np.int64).max
"""A place behind all others."""


class Boxes(NamedTuple):
    """Boxes of `m` places, each of counterparts of one row.

    Args:
        row: The row; shape `(m,)`.
        begin: Each range's first place in its domain; shape `(m, k)`.
        end: One behind each range's last place; shape `(m, k)`.
    """

    row: Indices
    begin: Indices
    end: Indices

    @classmethod
    def whole(cls, rows: int, counterparts: Counterparts) -> Boxes:
        """One box of all counterparts for each row."""
        sizes = np.array(counterparts.sizes)
        ends = np.repeat(sizes[None], rows, axis=0)
        return cls(np.arange(rows), np.zeros_like(ends), ends)

    def where(self, chosen: NDArray[Any]) -> Boxes:
        """Those that a mask, or places, choose."""
        return Boxes(self.row[chosen], self.begin[chosen], self.end[chosen])

    def and_those(self, others: Boxes) -> Boxes:
        """These, and then the others."""
        return Boxes(*(np.concatenate(pair) for pair in zip(self, others, strict=True)))

    @property
    def sizes(self) -> Indices:
        """How many counterparts each holds."""
        sizes: Indices = (self.end - self.begin).prod(axis=1)
        return sizes


class Grid:
    """What boxes mean for a table's counterparts.

    Args:
        counterparts: The counterparts of a row.

    Example:
        >>> grid = Grid(Counterparts([0, 2], [np.float32([0, 1]), np.float32([0, 0.5, 1])]))
        >>> boxes = Boxes.whole(1, grid.counterparts)
        >>> halves = grid.cut(boxes, np.array([[0.0, 2.0]]))
        >>> halves.begin.tolist(), halves.end.tolist()
        ([[0, 0], [0, 1]], [[2, 1], [2, 3]])
        >>> grid.first(halves).tolist(), halves.sizes.tolist()
        ([0, 1], [2, 4])
        >>> grid.points(halves)[1].tolist()
        [0, 3, 1, 2, 4, 5]
    """

    def __init__(self, counterparts: Counterparts) -> None:
        self.counterparts = counterparts
        self.strides = np.array(counterparts.strides)
        self._sizes = np.array(counterparts.sizes)
        self._domains = [domain.astype(np.float64) for domain in counterparts.domains]
        self._columns = list(counterparts.columns)

    def first(self, boxes: Boxes) -> Indices:
        """The index of each box's first counterpart."""
        first: Indices = boxes.begin @ self.strides
        return first

    def spread(self, boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The centres of the ranges of values, and how far they reach; both `(m, k)`."""
        low, high = np.empty(boxes.begin.shape), np.empty(boxes.begin.shape)
        for side, domain in enumerate(self._domains):
            low[:, side] = domain[boxes.begin[:, side]]
            high[:, side] = domain[boxes.end[:, side] - 1]
        return (low + high) / 2, (high - low) / 2

    def before(self, boxes: Boxes, index: Indices) -> Boxes:
        """What may lie before counterparts `index`: all that does, and some that does not."""
        end, same = boxes.end.copy(), np.ones(len(index), bool)
        index = np.minimum(index, self.counterparts.size - 1)
        for side, (stride, size) in enumerate(zip(self.strides, self._sizes, strict=True)):
            place = index // stride % size
            np.minimum(end[:, side], place + 1, out=end[:, side], where=same)
            same &= boxes.begin[:, side] == place
        return Boxes(boxes.row, boxes.begin, end)

    def doubtful(self, boxes: Boxes, planes: Planes) -> Boxes:
        """The hulls of where a plane is not positive; empty where it is throughout."""
        centre, radius = self.spread(boxes)
        begin, end = np.full_like(boxes.begin, NO_PLACE), np.zeros_like(boxes.end)
        for other in range(planes.level.shape[1]):
            slopes = planes.slopes[:, other]
            moved = np.abs(slopes) * radius
            least = planes.level[:, other] - moved.sum(axis=1)
            low, high = boxes.begin.copy(), boxes.end.copy()
            for side, domain in enumerate(self._domains):
                slope = slopes[:, side]
                # with the others at their least, slope * (x - centre) may be up to this
                room = SLACK - least - moved[:, side]
                some = np.flatnonzero((room < moved[:, side]) & (slope != 0))
                limit = centre[some, side] + room[some] / slope[some]
                rising = slope[some] > 0
                up, down = some[rising], some[~rising]
                last = np.searchsorted(domain, limit[rising], side="right")
                high[up, side] = np.minimum(high[up, side], last)
                from_ = np.searchsorted(domain, limit[~rising], side="left")
                low[down, side] = np.maximum(low[down, side], from_)
            empty = (least > SLACK) | (low >= high).any(axis=1)
            begin = np.where(empty[:, None], begin, np.minimum(begin, low))
            end = np.where(empty[:, None], end, np.maximum(end, high))
        return Boxes(boxes.row, np.minimum(begin, end), end)

    def first_around(self, boxes: Boxes, inner: Boxes) -> Indices:
        """The first index of each box that is not in the one inside it; NO_PLACE if none is."""
        first, empty = self.first(boxes), inner.sizes == 0
        found = np.where(empty | (inner.begin > boxes.begin).any(axis=1), first, NO_PLACE)
        for side, stride in enumerate(self.strides):
            behind = first + (inner.end[:, side] - boxes.begin[:, side]) * stride
            ends = ~empty & (inner.end[:, side] < boxes.end[:, side])
            found = np.where(ends, np.minimum(found, behind), found)
        return found

    def points(self, boxes: Boxes) -> tuple[Indices, Indices, Indices]:
        """All counterparts of all boxes: their box, their index and their places `(p, k)`."""
        sizes = boxes.sizes
        owner = np.repeat(np.arange(len(sizes)), sizes)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        spans, places = boxes.end - boxes.begin, np.empty((len(owner), len(self._sizes)), np.int64)
        for side in range(len(self._sizes) - 1, -1, -1):
            number, places[:, side] = np.divmod(number, spans[owner, side])
        places += boxes.begin[owner]
        return owner, places @ self.strides, places

    def positive(
        self, boxes: Boxes, planes: Planes, owner: Indices, places: Indices
    ) -> NDArray[np.bool_]:
        """Whether all planes of the box `owner`, as it was bounded, are positive at `places`."""
        centre, _ = self.spread(boxes)
        values = np.stack([d[places[:, side]] for side, d in enumerate(self._domains)], axis=1)
        moved = values - centre[owner]
        found = np.ones(len(owner), bool)
        for other in range(planes.level.shape[1]):
            level = planes.level[owner, other]
            found &= level + (planes.slopes[owner, other] * moved).sum(axis=1) > SLACK
        return found

    def corner(self, boxes: Boxes, planes: Planes) -> Indices:
        """The index of the counterpart where the lowest of a box's planes is lowest."""
        _, radius = self.spread(boxes)
        least = planes.level - (np.abs(planes.slopes) * radius[:, None]).sum(axis=2)
        slopes = planes.slopes[np.arange(len(least)), least.argmin(axis=1)]
        index: Indices = np.where(slopes > 0, boxes.begin, boxes.end - 1) @ self.strides
        return index

    def cut(self, boxes: Boxes, influence: NDArray[np.float64], times: int = 1) -> Boxes:
        """Cuts boxes in two along the feature that matters most, and the parts again."""
        for _ in range(times):
            spans = boxes.end - boxes.begin
            side = np.where(spans > 1, influence, -1).argmax(axis=1)
            each = np.arange(len(side))
            middle = (boxes.begin[each, side] + boxes.end[each, side]) // 2
            low, high = boxes.end.copy(), boxes.begin.copy()
            low[each, side] = high[each, side] = middle
            influence = influence.copy()
            influence[each, side] /= 2
            can = spans[each, side] > 1
            low[~can] = boxes.end[~can]
            parts = Boxes(boxes.row, boxes.begin, low)
            boxes = parts.and_those(Boxes(boxes.row[can], high[can], boxes.end[can]))
            influence = np.concatenate([influence, influence[can]])
        return boxes
