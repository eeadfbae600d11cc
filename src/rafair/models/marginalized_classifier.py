"""A model's mean answer over combinations of sensitive values, for rows that are all different."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Around, Classifier, Cotangent, Logits, Rows
from rafair.tabular.counterparts import Counterparts

ROWS_AT_ONCE = 16_384
"""Rows that a model is asked about at once where it computes block by block."""

FIXED_ROWS, FIXED_ROWS_OF_OTHERS = 4096, 1024
"""Rows of every batch of a model that answers alike in batches of one size only; where it gives no
gradients, each row may take long, and so does what fills a batch."""


class MarginalizedClassifier(Around):
    """Asks a model about rows with each combination of sensitive values, and averages.

    A row gets the same mean in any batch, to the last bit: the model is asked in whole blocks, or
    in batches of one size, and each row's answers are added up in one order.

    Args:
        classifier: The model.
        counterparts: The combinations of sensitive values.
        chosen: Which of them to average over.
    """

    block_rows = 1

    def __init__(
        self, classifier: Classifier, counterparts: Counterparts, chosen: NDArray[np.int64]
    ) -> None:
        self._inner, self._counterparts, self._chosen = classifier, counterparts, chosen
        self.name = classifier.name
        self.n_features, self.n_classes = classifier.n_features, classifier.n_classes
        self.terms = classifier.terms
        fixed = FIXED_ROWS if classifier.differentiable else FIXED_ROWS_OF_OTHERS
        block = classifier.block_rows
        most = ROWS_AT_ONCE if block else fixed
        self._people = max(most // len(chosen), 1)
        # so many rows always go together, and batches are of a multiple of it
        self._unit = block or min(self._people * len(chosen), fixed)
        self._batch = max(ROWS_AT_ONCE // self._unit, 1) * self._unit if block else self._unit

    def logits(self, rows: Rows) -> Logits:
        """Mean logits of shape `(n, c)`."""
        return np.concatenate([_means(each) for each in self.of_combinations(rows)])

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Mean logits `(n, c)` and their gradients `(n, d)`."""
        logits = self.logits(rows)
        return logits, self.slopes(rows, cotangent(logits, slice(0, len(rows))))

    def of_combinations(self, rows: Rows) -> Iterator[Logits]:
        """The logits of every combination, `(m, combinations, c)`, for some of the rows at a time.

        Args:
            rows: Encoded rows of shape `(n, d)`; their sensitive values are not looked at.
        """
        for start in range(0, len(rows), self._people):
            some = rows[start : start + self._people]
            batch = self._batch_of(some)
            parts = [self._inner.logits(batch[part]) for part in self._parts(len(batch))]
            yield self._by_person(parts, len(some))

    def slopes(self, rows: Rows, weights: Logits) -> Rows:
        """Gradients of the weighted mean logits; shape `(n, d)`.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            weights: How much each of their logits counts; shape `(n, c)`.
        """
        found = []
        for start in range(0, len(rows), self._people):
            some = slice(start, start + self._people)
            batch, n = self._batch_of(rows[some]), len(rows[some])
            each = _filled(np.repeat(weights[some], len(self._chosen), axis=0), len(batch))
            parts = [self._slopes_of(batch[part], each[part]) for part in self._parts(len(batch))]
            found.append(_means(self._by_person(parts, n)))
        return np.concatenate(found)

    def _slopes_of(self, batch: Rows, weights: Logits) -> Rows:
        return self._inner.logits_and_gradients(batch, lambda _, part: weights[part])[1]

    def _batch_of(self, rows: Rows) -> Rows:
        """Each row with each combination, one row after the other, filled to whole units."""
        each = np.repeat(rows, len(self._chosen), axis=0)
        self._counterparts.substitute(each, np.tile(self._chosen, len(rows)))
        return _filled(each, -(-len(each) // self._unit) * self._unit)

    def _parts(self, n: int) -> Iterator[slice]:
        return (slice(start, start + self._batch) for start in range(0, n, self._batch))

    def _by_person(self, parts: list[Logits], n: int) -> Logits:
        whole = np.concatenate([np.asarray(part, np.float32) for part in parts])
        return whole[: n * len(self._chosen)].reshape(n, len(self._chosen), -1)


def _means(values: Logits) -> Logits:
    """The means over the second axis, each of them added up in the same way; shape `(n, c)`."""
    # what is added up lies side by side: numpy's order then depends on nothing but how much it is
    turned = np.ascontiguousarray(values.transpose(0, 2, 1), np.float64)
    means: Logits = (turned.sum(axis=2) / values.shape[1]).astype(np.float32)
    return means


def _filled(rows: Rows, n: int) -> Rows:
    """The same with the first row repeated until there are `n`."""
    missing = n - len(rows)
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else rows
