"""Which counterpart of a row is chosen, and what else is kept of each chunk of counterparts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels, Logits
from rafair.models.losses import Loss, margins
from rafair.search.chunk_layout import Chunk, Layout
from rafair.search.observation import NONE, Numbers, Observation
from rafair.tabular.encoding import Rows

NEVER = np.iinfo(np.int64).max
"""The place of the first counterpart of a class that no counterpart has."""

LEAST_SCORE = -1e300
"""The score of a counterpart without any gradient: below all others, above none at all."""


class Part:
    """What is kept of one chunk: a line for each row it touches.

    Args:
        layout: The list that the chunk is a part of.
        chunk: The chunk.
        logits: Its counterparts' logits; shape `(m, c)`.
        gradients: Their gradients, up to a positive factor, where they were asked for; `(m, d)`.
        loss: What "worse" means.
        k: The factor K: a counterpart disagrees if 1[ŷ ≠ ŷ'] > K · d.
    """

    own_gradient: Rows | None = None
    watched: tuple[Numbers, NDArray[np.float64]] | None = None
    best: tuple[NDArray[np.float64], Numbers, NDArray[np.float64], Rows | None] | None = None
    margins: tuple[Numbers, Numbers, NDArray[np.float64]]
    leaders: tuple[NDArray[np.float64], Numbers] | None = None
    """The largest loss, and less the least, of each row touched, and where; `(t, 2)` each. With K
    above 0 among the counterparts that are near enough to disagree."""

    def __init__(
        self,
        layout: Layout,
        chunk: Chunk,
        logits: Logits,
        gradients: Rows | None,
        loss: Loss,
        k: float,
    ) -> None:
        labels = chunk.labels[: len(chunk)]
        predictions = _predictions(logits)
        self.n_rows, self.touched, self.n_classes = len(chunk), chunk.touched, logits.shape[1]
        self.first, self.counts = _classes(layout, chunk, predictions, self.n_classes, k)
        own = chunk.places_of(layout.own)
        self.own = (chunk.owner[own], predictions[own], loss.value(logits[own], labels[own]))
        if gradients is None:
            watched = chunk.places_of(layout.watched)
            self.watched = (chunk.owner[watched], loss.value(logits[watched], labels[watched]))
            if layout.with_margins:
                self.margins = (chunk.owner, chunk.index, margins(logits, labels))
            if layout.with_worst:
                scores = loss.value(logits, labels)
                sides = np.stack([scores, -scores])
                if k > 0:  # what others are predicted counts for nothing
                    close = near(chunk.batch[: len(chunk)], layout.rows[chunk.owner], k)
                    sides[:, ~close] = -np.inf
                ends = [first_maximum(side, chunk.starts) for side in sides]
                self.leaders = (
                    np.stack([side[end] for side, end in zip(sides, ends, strict=True)], axis=1),
                    np.stack([chunk.index[end] for end in ends], axis=1),
                )
                scores[own] = -np.inf
                best = first_maximum(scores, chunk.starts)
                self.best = (scores[best], chunk.index[best], scores[best], None)
            return
        self.own_gradient = gradients[own]
        scores = _scores(gradients, loss.log_scale(logits, labels))
        scores[own] = -np.inf
        best = first_maximum(scores, chunk.starts)
        losses = loss.value(logits[best], labels[best])
        self.best = (scores[best], chunk.index[best], losses, gradients[best])


def near(others: Rows, rows: Rows, k: float) -> NDArray[np.bool_]:
    """Whether counterparts are so near to their rows that another prediction counts; `(n,)`.

    Args:
        others: Encoded counterparts of shape `(n, d)`.
        rows: The rows that they are counterparts of; likewise.
        k: The factor K, above 0.

    Example:
        >>> near(np.float32([[0, 1], [0.5, 0]]), np.float32([[0, 0], [0, 0]]), k=4).tolist()
        [False, True]
    """
    close: NDArray[np.bool_] = k * np.square(others - rows, dtype=np.float64).mean(axis=1) < 1
    return close


def _predictions(logits: Logits) -> Labels:
    """The class with the largest logit of each row, ties to the lowest; shape `(n,)`."""
    if logits.shape[1] == 2:
        return (logits[:, 1] > logits[:, 0]).astype(np.int64)
    predictions: Labels = logits.argmax(axis=1)
    return predictions


def _scores(gradients: Rows, log_scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the L1 norm of each row's loss gradient."""
    # numpy adds whole columns several times faster than it adds along short rows
    by_feature = np.ascontiguousarray(gradients.T)
    norms = np.abs(by_feature, out=by_feature).sum(axis=0, dtype=np.float64)
    logarithms = np.full(len(norms), LEAST_SCORE)
    np.log(norms, out=logarithms, where=norms > 0)
    return np.maximum(logarithms + log_scale, LEAST_SCORE)


def _classes(
    layout: Layout, chunk: Chunk, predictions: Labels, n_classes: int, k: float
) -> tuple[Numbers, Numbers]:
    """For each row touched and each class: the first counterpart predicted so, and how many."""
    close = near(chunk.batch[: len(chunk)], layout.rows[chunk.owner], k) if k > 0 else None
    first, counts = [], []
    for label in range(n_classes):
        predicted = predictions == label
        counts.append(np.add.reduceat(predicted, chunk.starts, dtype=np.int64))
        counted = predicted if close is None else predicted & close
        places = np.where(counted, chunk.index, NEVER)
        first.append(np.minimum.reduceat(places, chunk.starts))
    return np.stack(first, axis=1), np.stack(counts, axis=1)


class Tally:
    """Parts, added in order, until every row's counterparts are complete."""

    def __init__(self, layout: Layout) -> None:
        n, d = layout.rows.shape
        self._seen = Observation.empty(n, d)
        self._score = np.full(n, -np.inf)
        self._ends = np.full((n, 2), -np.inf)
        self._first: Numbers | None = None
        self._counts: Numbers | None = None
        self._seen.counterpart[:] = layout.watched

    def add(self, part: Part) -> None:
        """Adds the next chunk's part."""
        if self._first is None or self._counts is None:
            shape = (len(self._score), part.n_classes)
            self._first, self._counts = np.full(shape, NEVER), np.zeros(shape, np.int64)
        self._first[part.touched] = np.minimum(self._first[part.touched], part.first)
        self._counts[part.touched] += part.counts
        rows, predictions, losses = part.own
        self._seen.prediction[rows], self._seen.loss[rows] = predictions, losses
        if part.own_gradient is not None:
            self._seen.gradient[rows] = part.own_gradient
            self._seen.differentiated[rows] = True
        if part.watched is not None:
            watched, watched_losses = part.watched
            self._seen.counterpart_loss[watched] = watched_losses
        if part.best is not None:
            self._add_best(part.touched, *part.best)
        if part.leaders is not None:
            ends, index = part.leaders
            better = ends > self._ends[part.touched]
            for side in range(2):
                rows = part.touched[better[:, side]]
                self._ends[rows, side] = ends[better[:, side], side]
                self._seen.leaders[rows, side] = index[better[:, side], side]

    def _add_best(
        self,
        touched: Numbers,
        scores: NDArray[np.float64],
        index: Numbers,
        losses: NDArray[np.float64],
        gradients: Rows | None,
    ) -> None:
        better = scores > self._score[touched]  # not >=: ties go to the first
        rows = touched[better]
        self._seen.compared[rows] = True
        self._score[rows] = scores[better]
        self._seen.counterpart[rows] = index[better]
        self._seen.counterpart_loss[rows] = losses[better]
        if gradients is not None:
            self._seen.counterpart_gradient[rows] = gradients[better]

    def observation(self) -> Observation:
        """What all parts together say."""
        if self._first is None or self._counts is None:
            return self._seen
        each = np.arange(len(self._first))
        others = self._first.copy()
        others[each, self._seen.prediction] = NEVER
        label = others.argmin(axis=1)
        place = others[each, label]
        self._seen.fair = place == NEVER
        self._seen.disagreeing = np.where(self._seen.fair, NONE, place)
        self._seen.disagreeing_prediction = np.where(self._seen.fair, NONE, label)
        self._seen.consensus = self._counts.argmax(axis=1)
        self._seen.judged[:] = True
        return self._seen


def first_maximum(values: NDArray[np.float64], starts: Numbers) -> Numbers:
    """The position of the first maximum of each run of `values`; runs begin at `starts`."""
    lengths = np.diff(np.append(starts, len(values)))
    largest = np.repeat(np.maximum.reduceat(values, starts), lengths)
    places = np.where(values == largest, np.arange(len(values)), NEVER)
    first: Numbers = np.minimum.reduceat(places, starts)
    return first
