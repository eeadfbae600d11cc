"""Where rows and their counterparts stand in the long list that is cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.observation import NONE, Numbers
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows


class Layout:
    """Where every row's counterparts stand in the long list that is cut into chunks.

    Args:
        rows: Encoded rows of shape `(n, d)`.
        labels: The classes that losses are measured against; shape `(n,)`.
        counterparts: The counterparts of a row.
        watched: For each row, the counterpart whose loss is wanted, or -1; shape `(n,)`.
        with_margins: Whether the margin of every counterpart is wanted.
        with_worst: Whether the counterpart with the largest loss is wanted.
    """

    def __init__(
        self,
        rows: Rows,
        labels: Labels,
        counterparts: Counterparts,
        watched: Numbers | None = None,
        *,
        with_margins: bool = False,
        with_worst: bool = False,
    ) -> None:
        self.with_margins, self.with_worst = with_margins, with_worst
        self.rows, self.labels, self.counterparts = rows, labels, counterparts
        own = counterparts.own_index(rows)
        self.own = np.where(own < 0, counterparts.size, own)
        self.watched = np.full(len(rows), NONE) if watched is None else watched
        self.offsets = np.concatenate([[0], np.cumsum(counterparts.counts(rows))])
        self.total = int(self.offsets[-1])

    def chunk(self, start: int, stop: int, size: int) -> Chunk:
        """Places `start` to `stop` of the list, padded to `size` rows with the first of them."""
        first, last = np.searchsorted(self.offsets, [start, stop - 1], side="right") - 1
        touched = np.arange(first, last + 1)
        bounds = np.clip(self.offsets[first : last + 2], start, stop)
        lengths = np.diff(bounds)
        owner = np.repeat(touched, lengths)
        index = np.arange(start, stop) - np.repeat(self.offsets[touched], lengths)
        batch = np.empty((size, self.rows.shape[1]), np.float32)
        filled = batch[: stop - start]
        # "clip" spares a check and a copy; every owner is a row
        np.take(self.rows, owner, axis=0, out=filled, mode="clip")
        self.counterparts.substitute(filled, index)
        batch[stop - start :] = batch[0]
        labels = np.concatenate(
            [self.labels[owner], np.repeat(self.labels[first], size - len(owner))]
        )
        return Chunk(self, start, touched, bounds[:-1] - start, owner, index, batch, labels)


@dataclass(eq=False)
class Chunk:
    """Consecutive counterparts of consecutive rows.

    Args:
        layout: The list it is a part of.
        begin: Its first place there.
        touched: The rows it holds counterparts of, ascending; shape `(t,)`.
        starts: Where the counterparts of each of these begin in it; shape `(t,)`.
        owner: The row that each counterpart belongs to; shape `(m,)`.
        index: Which of its counterparts it is; shape `(m,)`.
        batch: The counterparts, and padding; shape `(size, d)`.
        labels: The class of each row of the batch; shape `(size,)`.
    """

    layout: Layout
    begin: int
    touched: Numbers
    starts: Numbers
    owner: Numbers
    index: Numbers
    batch: Rows
    labels: Labels

    def __len__(self) -> int:
        return len(self.owner)

    def places_of(self, counterparts: Numbers) -> NDArray[np.int64]:
        """Where in this chunk the rows' `counterparts`, of shape `(n,)`, stand, if they do."""
        wanted = counterparts[self.touched]
        places = self.layout.offsets[self.touched] + wanted - self.begin
        here = (wanted != NONE) & (places >= 0) & (places < len(self))
        found: NDArray[np.int64] = places[here]
        return found
