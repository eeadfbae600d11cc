"""The pass over all counterparts of rows: one product of chunks, from which all else is read.

Rows and their counterparts are laid out one after the other and cut into chunks of one fixed
shape. Each chunk is made, computed and summed up by one thread; what is kept of it is one line per
row it touches. Memory is bounded by the chunks in flight, never by rows times counterparts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.engine.workers import Workers
from rafair.models.adapting import check_finite
from rafair.models.classifier import Classifier, Labels, Logits, Queries
from rafair.models.losses import Loss, margins
from rafair.search.layout import Chunk, Layout
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.spreads import Spread, SpreadTally
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows

CHUNK_ROWS = 4096
"""Rows per chunk: few enough to stay in cache, enough that Python's share of the time is small."""

LEAST_CHUNK_ROWS = 512

OWN_CHUNK_ROWS = 200
"""Rows per chunk where only the rows themselves are asked about: few enough that little of a small
batch is padding; chunks of 100 and of 1,000 took longer for 10,000 rows."""

STACKS = 2, 12
"""How many such chunks a thread computes at once, at least and at most: fewer are not worth a
thread of their own, more would not stay in cache."""

NEVER = np.iinfo(np.int64).max
"""The place of the first counterpart of a class that no counterpart has."""

LEAST_SCORE = -1e300
"""The score of a counterpart without any gradient: below all others, above none at all."""


def _nothing(rows: int) -> None:
    """Ignores how many rows were done."""


def suitable_chunk_rows(rows: int) -> int:
    """Rows per chunk for sweeps of about `rows` rows: small sweeps should not be mostly padding.

    Example:
        >>> suitable_chunk_rows(100 * 24), suitable_chunk_rows(100 * 740)
        (1024, 4096)
    """
    quarter = 1 << max(rows // 4 - 1, 0).bit_length()
    return min(max(quarter, LEAST_CHUNK_ROWS), CHUNK_ROWS)


@dataclass(frozen=True)
class Sweep:
    """Asks a classifier about rows and all their counterparts.

    Args:
        classifier: The model.
        counterparts: The counterparts of a row.
        loss: What "worse" means.
        workers: The open pool of threads to compute with.
        k: The factor K: a counterpart disagrees if 1[ŷ ≠ ŷ'] > K · d.
        chunk_rows: Rows per chunk.
        queries: Where rows are counted.
        on_rows: Told how many rows were done, after each chunk.
    """

    classifier: Classifier
    counterparts: Counterparts
    loss: Loss
    workers: Workers
    k: float = 0.0
    chunk_rows: int = CHUNK_ROWS
    queries: Queries = field(default_factory=Queries)
    on_rows: Callable[[int], None] = _nothing

    def observe(self, rows: Rows, labels: Labels) -> Observation:
        """Predictions, losses and gradients, with the counterpart of the largest gradient.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against; shape `(n,)`.

        Raises:
            ModelError: If the model has no gradients, or a logit is not finite.
        """
        return self._run(Layout(rows, labels, self.counterparts), differentiate=True)

    def judge(
        self,
        rows: Rows,
        labels: Labels,
        watched: Numbers | None = None,
        *,
        spread: Spread | None = None,
    ) -> Observation:
        """Predictions and losses only, without gradients.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against; shape `(n,)`.
            watched: For each row, the counterpart whose loss is wanted; shape `(n,)`.
            spread: How to sum up how far the counterparts' probabilities lie apart.

        Raises:
            ModelError: If a logit is not finite.
        """
        layout = Layout(rows, labels, self.counterparts, watched, with_margins=spread is not None)
        tally = spread.tally(rows, layout.own) if spread else None
        return self._run(layout, differentiate=False, tally=tally)

    def follow(self, rows: Rows, labels: Labels, *, losses: bool = True) -> Observation:
        """Gradient and loss of the rows themselves; no counterpart is looked at.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against; shape `(n,)`.
            losses: Whether losses are wanted as well.

        Raises:
            ModelError: If the model has no gradients, or a logit is not finite.
        """
        logits, gradients = self.differentiate(rows, labels)
        seen = Observation.of_gradients(gradients)
        if losses:
            seen.loss[:] = self.loss.value(logits, labels)
        return seen

    def differentiate(self, rows: Rows, labels: Labels | None = None) -> tuple[Logits, Rows]:
        """Logits of the rows themselves, and the loss's gradient up to a positive factor.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against, of shape `(n,)`; the predicted
                classes if None.

        Returns:
            Logits of shape `(n, c)` and gradients of shape `(n, d)`.

        Raises:
            ModelError: If the model has no gradients, or a logit is not finite.
        """
        gradients = np.empty_like(rows, np.float32)
        if not len(rows):
            return np.empty((0, 0), np.float32), gradients
        at_once = self._chunks_at_once(len(rows)) * OWN_CHUNK_ROWS

        def stack(start: int) -> Logits:
            some = rows[start : start + at_once]
            classes = None if labels is None else _filled(labels[start : start + at_once])

            def cotangent(logits: Logits) -> NDArray[np.float32]:
                flat = logits.reshape(-1, logits.shape[-1])
                known = flat.argmax(axis=1) if classes is None else classes
                return self.loss.cotangent(flat, known).reshape(logits.shape)

            batch = _filled(some)
            if self.classifier.stacks:
                batch = batch.reshape(-1, OWN_CHUNK_ROWS, batch.shape[1])
            logits, found = self.classifier.logits_and_gradients(batch, cotangent)
            check_finite(logits, self.classifier.name)
            gradients[start : start + at_once] = found.reshape(-1, rows.shape[1])[: len(some)]
            return logits.reshape(-1, logits.shape[-1])[: len(some)]

        logits = np.concatenate(list(self.workers.map(stack, range(0, len(rows), at_once))))
        self.queries.add(gradient_rows=len(rows))
        self.on_rows(len(rows))
        return logits, gradients

    def _chunks_at_once(self, n: int) -> int:
        """How many chunks of `n` rows go to a thread together; answers do not depend on it."""
        if not self.classifier.stacks:
            return 1
        chunks, (least, most) = math.ceil(n / OWN_CHUNK_ROWS), STACKS
        # every thread gets equally many stacks, or one of them waits for the other
        rounds = math.ceil(chunks / most / self.workers.threads)
        return max(math.ceil(chunks / rounds / self.workers.threads), least)

    def with_loss(self, loss: Loss) -> Sweep:
        """The same sweep, and the same count of rows, with another loss."""
        return replace(self, loss=loss)

    def _run(
        self, layout: Layout, *, differentiate: bool, tally: SpreadTally | None = None
    ) -> Observation:
        parts = _Tally(layout)
        starts = range(0, layout.total, self.chunk_rows)
        for part in self.workers.map(lambda at: self._chunk(layout, at, differentiate), starts):
            parts.add(part)
            if tally:
                tally.add(*part.margins)
            if differentiate:
                self.queries.add(gradient_rows=part.n_rows)
            else:
                self.queries.add(prediction_rows=part.n_rows)
            self.on_rows(part.n_rows)
        seen = parts.observation()
        if tally:
            tally.write(seen)
        return seen

    def _chunk(self, layout: Layout, start: int, differentiate: bool) -> _Part:
        """Makes one chunk, asks the model about it, and sums it up row by row."""
        chunk = layout.chunk(start, self.chunk_rows)
        if differentiate:
            logits, gradients = self.classifier.logits_and_gradients(
                chunk.batch, lambda logits: self.loss.cotangent(logits, chunk.batch_labels)
            )
        else:
            logits, gradients = self.classifier.logits(chunk.batch), None
        check_finite(logits, self.classifier.name)
        return self._sum_up(layout, chunk, logits, gradients)

    def _sum_up(
        self, layout: Layout, chunk: Chunk, logits: Logits, gradients: Rows | None
    ) -> _Part:
        n = len(chunk.owner)
        logits, labels = logits[:n], chunk.batch_labels[:n]
        losses = self.loss.value(logits, labels)
        first, counts = self._classes(layout, chunk, logits)
        part = _Part(chunk, logits.shape[1], first, counts)
        own = np.flatnonzero(chunk.index == layout.own[chunk.owner])
        part.own = (chunk.owner[own], logits[own].argmax(axis=1), losses[own])
        if gradients is None:
            watched = np.flatnonzero(chunk.index == layout.watched[chunk.owner])
            part.watched = (chunk.owner[watched], losses[watched])
            if layout.with_margins:
                part.margins = (chunk.owner, chunk.index, margins(logits, labels))
            return part
        gradients = gradients[:n]
        part.own_gradient = gradients[own]
        scores = self._scores(gradients, self.loss.log_scale(logits, labels))
        scores[own] = -np.inf
        best = _first_maximum(scores, chunk.starts)
        part.best = (scores[best], chunk.index[best], losses[best], gradients[best])
        return part

    @staticmethod
    def _scores(gradients: Rows, log_scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logarithm of the L1 norm of each row's loss gradient."""
        norms = np.abs(gradients).sum(axis=1, dtype=np.float64)
        logarithms = np.full(len(norms), LEAST_SCORE)
        np.log(norms, out=logarithms, where=norms > 0)
        return np.maximum(logarithms + log_scale, LEAST_SCORE)

    def _classes(self, layout: Layout, chunk: Chunk, logits: Logits) -> tuple[Numbers, Numbers]:
        """For each row touched and each class: the first counterpart predicted so, and how many."""
        predictions = logits.argmax(axis=1)
        near = None
        if self.k > 0:
            n = len(chunk.owner)
            moved = chunk.batch[:n] - layout.rows[chunk.owner]
            distances = np.square(moved, dtype=np.float64).mean(axis=1)
            near = self.k * distances < 1
        first, counts = [], []
        for label in range(logits.shape[1]):
            predicted = predictions == label
            counts.append(np.add.reduceat(predicted, chunk.starts, dtype=np.int64))
            counted = predicted if near is None else predicted & near
            places = np.where(counted, chunk.index, NEVER)
            first.append(np.minimum.reduceat(places, chunk.starts))
        return np.stack(first, axis=1), np.stack(counts, axis=1)


class _Part:
    """What is kept of one chunk."""

    own: tuple[Numbers, Numbers, NDArray[np.float64]]
    margins: tuple[Numbers, Numbers, NDArray[np.float64]]
    own_gradient: Rows | None = None
    watched: tuple[Numbers, NDArray[np.float64]] | None = None
    best: tuple[NDArray[np.float64], Numbers, NDArray[np.float64], Rows] | None = None

    def __init__(self, chunk: Chunk, n_classes: int, first: Numbers, counts: Numbers) -> None:
        self.n_rows = len(chunk.owner)
        self.touched = chunk.owner[chunk.starts]
        self.n_classes, self.first, self.counts = n_classes, first, counts


class _Tally:
    """Parts, added in order, until every row's counterparts are complete."""

    def __init__(self, layout: Layout) -> None:
        n, d = layout.rows.shape
        self._seen = Observation.empty(n, d)
        self._score = np.full(n, -np.inf)
        self._first: Numbers | None = None
        self._counts: Numbers | None = None
        self._seen.counterpart[:] = layout.watched

    def add(self, part: _Part) -> None:
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

    def _add_best(
        self,
        touched: Numbers,
        scores: NDArray[np.float64],
        index: Numbers,
        losses: NDArray[np.float64],
        gradients: Rows,
    ) -> None:
        better = scores > self._score[touched]  # not >=: ties go to the first
        rows = touched[better]
        self._seen.compared[rows] = True
        self._score[rows] = scores[better]
        self._seen.counterpart[rows] = index[better]
        self._seen.counterpart_loss[rows] = losses[better]
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


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    """The same with its first entry repeated until the last chunk is full."""
    missing = -len(values) % OWN_CHUNK_ROWS
    return np.concatenate([values, np.repeat(values[:1], missing, axis=0)]) if missing else values


def _first_maximum(values: NDArray[np.float64], starts: Numbers) -> Numbers:
    """The position of the first maximum of each run of `values`; runs begin at `starts`."""
    lengths = np.diff(np.append(starts, len(values)))
    largest = np.repeat(np.maximum.reduceat(values, starts), lengths)
    places = np.where(values == largest, np.arange(len(values)), NEVER)
    first: Numbers = np.minimum.reduceat(places, starts)
    return first
