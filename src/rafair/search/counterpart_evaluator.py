"""Predictions and gradients of all counterparts of rows, computed in chunks of one shape.

Rows and their counterparts are laid out one after the other and cut into chunks of one fixed
shape. Each chunk is made, computed and summed up by one thread; what is kept of it is one line per
row it touches. Memory is bounded by the chunks in flight, never by rows times counterparts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.certify.counterpart_proofs import Proofs
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier, Labels, Logits, Queries
from rafair.models.fit_to_table import check_finite
from rafair.models.losses import Loss
from rafair.models.prediction import logits_of
from rafair.search.chunk_layout import Layout
from rafair.search.counterpart_choice import Part, Tally
from rafair.search.disparity import Disparity, DisparityTally
from rafair.search.observation import Numbers, Observation
from rafair.search.settled_by_proofs import LEAST_COUNTERPARTS, settle
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows

CHUNK_ROWS = 4096
"""Rows per chunk: few enough to stay in cache, enough that Python's share of the time is small."""

LEAST_CHUNK_ROWS = 512

MOST_AT_ONCE = 16 * CHUNK_ROWS
"""Rows per chunk where the model cuts it into blocks by itself: what Python does once for each
chunk then takes less of the time."""

MOST_ON_DEVICES = 4 * CHUNK_ROWS
"""Rows per chunk on accelerators."""

OWN_CHUNK_ROWS = 200
"""Rows per chunk where only the rows themselves are asked about: few enough that little of a small
batch is padding; chunks of 100 and of 1,000 took longer for 10,000 rows."""

STACKS = 2, 12
"""How many such chunks a thread computes at once, at least and at most: fewer are not worth a
thread of their own, more would not stay in cache."""


def _nothing(rows: int) -> None:
    """Ignores how many rows were done."""


def suitable_chunk_rows(rows: int, device: str = "cpu") -> int:
    """Rows per chunk for sweeps of about `rows` rows: small sweeps should not be mostly padding.

    Accelerators take more at once: there a chunk costs a round trip, and no cache is to be spared.

    Example:
        >>> suitable_chunk_rows(100 * 24), suitable_chunk_rows(100 * 740)
        (1024, 4096)
    """
    quarter = 1 << max(rows // 4 - 1, 0).bit_length()
    return min(max(quarter, LEAST_CHUNK_ROWS), CHUNK_ROWS if device == "cpu" else MOST_ON_DEVICES)


@dataclass(frozen=True)
class CounterpartEvaluator:
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
        spread: Disparity | None = None,
        consensus: bool = False,
    ) -> Observation:
        """Predictions and losses only, without gradients.

        Where there are many counterparts, a fully connected ReLU network's verdicts are proven for
        whole boxes of them; they are those of enumeration, to the last bit.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against; shape `(n,)`.
            watched: For each row, the counterpart whose loss is wanted; shape `(n,)`.
            spread: How to sum up how far the counterparts' probabilities lie apart.
            consensus: Whether the consensus is wanted in any case; without, it stays unknown where
                proofs do not give it.

        Raises:
            ModelError: If a logit is not finite.
        """
        layout = Layout(rows, labels, self.counterparts, watched, with_margins=spread is not None)
        if spread:
            tally = spread.tally(rows, layout.own)
            return self._run(layout, differentiate=False, tally=tally)
        proofs = self._proofs() if len(rows) else None
        if proofs is None:
            return self._run(layout, differentiate=False)
        return self._settle(layout, proofs, consensus=consensus)

    def suspect(self, rows: Rows, labels: Labels) -> Observation:
        """Predictions and losses, with the counterpart of the largest loss; no gradient.

        `leaders` are those with the largest and the least loss, the row itself among them; with K
        above 0, of those that are near enough to disagree.

        Where the gradient of the margin is about the same everywhere, that counterpart has the
        largest gradient of cross-entropy as well.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that the loss is measured against; shape `(n,)`.

        Raises:
            ModelError: If a logit is not finite.
        """
        layout = Layout(rows, labels, self.counterparts, with_worst=True)
        return self._run(layout, differentiate=False)

    def losses(self, rows: Rows, labels: Labels) -> NDArray[np.float64]:
        """The loss of the rows themselves; shape `(n,)`.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            labels: The classes that it is measured against; shape `(n,)`.

        Raises:
            ModelError: If a logit is not finite.
        """

        def part(cut: tuple[int, int, int]) -> NDArray[np.float64]:
            start, stop, size = cut
            some = rows[start:stop]
            batch = np.concatenate([some, np.repeat(some[:1], size - len(some), axis=0)])
            logits = self.classifier.logits(batch)[: len(some)]
            check_finite(logits, self.classifier.name)
            return self.loss.value(logits, labels[start:stop])

        found = list(self.workers.map(part, self._cuts(len(rows)))) if len(rows) else []
        self.queries.add(prediction_rows=len(rows))
        self.on_rows(len(rows))
        return np.concatenate([np.empty(0), *found])

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

            def cotangent(logits: Logits, _: slice) -> NDArray[np.float32]:
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

    def predict(self, rows: Rows) -> Logits:
        """Logits of the rows themselves, without gradients; shape `(n, c)`.

        Raises:
            ModelError: If a logit is not finite.
        """
        unit = self._unit
        # as many units as are allowed: a model behind HTTP has units of one row
        units = min(math.ceil(len(rows) / unit), self.chunk_rows // unit)
        logits = logits_of(self.classifier, rows, self.workers, max(units, 1) * unit)
        self.queries.add(prediction_rows=len(rows))
        self.on_rows(len(rows))
        return logits

    def _chunks_at_once(self, n: int) -> int:
        """How many chunks of `n` rows go to a thread together; answers do not depend on it."""
        if not self.classifier.stacks:
            return 1
        chunks, (least, most) = math.ceil(n / OWN_CHUNK_ROWS), STACKS
        # every thread gets equally many stacks, or one of them waits for the other
        rounds = math.ceil(chunks / most / self.workers.threads)
        return max(math.ceil(chunks / rounds / self.workers.threads), least)

    def with_loss(self, loss: Loss) -> CounterpartEvaluator:
        """The same sweep, and the same count of rows, with another loss."""
        return replace(self, loss=loss)

    def _proofs(self) -> Proofs | None:
        """Proofs to use instead of enumeration; None where they do not apply or do not pay."""
        if self.k > 0 or self.counterparts.size < LEAST_COUNTERPARTS:
            return None
        return Proofs.of(self.classifier, self.counterparts, self.workers, self._unit)

    def _settle(self, layout: Layout, proofs: Proofs, *, consensus: bool) -> Observation:
        """Judges by proofs, and enumerates for the rows where they take too long."""

        def logits(rows: Rows) -> Logits:
            return logits_of(self.classifier, rows, self.workers, self._unit)

        settlement = settle(layout, proofs, logits, self.loss, consensus=consensus)
        self.queries.add(prediction_rows=settlement.asked)
        self.on_rows(settlement.asked)
        left = settlement.left
        if left.size:
            watched = layout.watched[left]
            rest = Layout(layout.rows[left], layout.labels[left], self.counterparts, watched)
            settlement.seen.put(left, self._run(rest, differentiate=False))
        return settlement.seen

    @property
    def _unit(self) -> int:
        """The rows of the least batch whose answers are those of any batch that is computed."""
        block = self.classifier.block_rows
        return block if block and block <= self.chunk_rows else self.chunk_rows

    def _run(
        self, layout: Layout, *, differentiate: bool, tally: DisparityTally | None = None
    ) -> Observation:
        parts = Tally(layout)
        for part in self.workers.map(
            lambda cut: self._part(layout, cut, differentiate), self._cuts(layout.total)
        ):
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

    def _cuts(self, total: int) -> Iterator[tuple[int, int, int]]:
        """Where chunks begin and end in a list of `total` places, and their rows with padding."""
        unit = self._unit
        most = MOST_AT_ONCE if self.classifier.block_rows == unit else unit
        units = math.ceil(total / unit)
        # every thread gets equally much, or one of them waits for the other
        rounds = math.ceil(units * unit / most / self.workers.threads)
        chunks = min(units, rounds * self.workers.threads)
        ends = [units * number // chunks * unit for number in range(chunks + 1)]
        for start, end in pairwise(ends):
            yield start, min(end, total), end - start

    def _part(self, layout: Layout, cut: tuple[int, int, int], differentiate: bool) -> Part:
        """Makes one chunk, asks the model about it, and sums it up row by row."""
        chunk = layout.chunk(*cut)
        if differentiate:
            logits, gradients = self.classifier.logits_and_gradients(
                chunk.batch, lambda logits, rows: self.loss.cotangent(logits, chunk.labels[rows])
            )
            gradients = gradients[: len(chunk)]
        else:
            logits, gradients = self.classifier.logits(chunk.batch), None
        check_finite(logits, self.classifier.name)
        return Part(layout, chunk, logits[: len(chunk)], gradients, self.loss, self.k)


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    """The same with its first entry repeated until the last chunk is full."""
    missing = -len(values) % OWN_CHUNK_ROWS
    return np.concatenate([values, np.repeat(values[:1], missing, axis=0)]) if missing else values
