"""Where rows and their counterparts stand in the long list that is cut into chunks."""

from __future__ import annotations

import numpy as np

from rafair.models.classifier import Labels
from rafair.search.observation import NONE, Numbers
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows


class Layout:
    """Where every row's counterparts stand in the long list that is cut into chunks."""

    def __init__(
        self,
        rows: Rows,
        labels: Labels,
        counterparts: Counterparts,
        watched: Numbers | None = None,
        *,
        with_margins: bool = False,
    ) -> None:
        self.with_margins = with_margins
        self.rows, self.labels, self.counterparts = rows, labels, counterparts
        own = counterparts.own_index(rows)
        self.own = np.where(own < 0, counterparts.size, own)
        self.watched = np.full(len(rows), NONE) if watched is None else watched
        self.offsets = np.concatenate([[0], np.cumsum(counterparts.counts(rows))])
        self.total = int(self.offsets[-1])

    def chunk(self, start: int, size: int) -> Chunk:
        """The rows from `start` on, padded to `size` by repeating the first of them."""
        places = np.arange(start, min(start + size, self.total))
        owner = np.searchsorted(self.offsets, places, side="right") - 1
        index = places - self.offsets[owner]
        padded = np.concatenate([owner, np.full(size - len(owner), owner[0])])
        batch = self.rows[padded]
        self.counterparts.substitute(batch[: len(owner)], index)
        return Chunk(owner, index, batch, self.labels[padded])


class Chunk:
    """Consecutive counterparts of consecutive rows."""

    def __init__(self, owner: Numbers, index: Numbers, batch: Rows, batch_labels: Labels) -> None:
        self.owner, self.index = owner, index
        self.batch, self.batch_labels = batch, batch_labels
        self.starts = np.concatenate([[0], np.flatnonzero(np.diff(owner)) + 1])
