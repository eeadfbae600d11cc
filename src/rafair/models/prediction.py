"""Logits and predicted classes of many rows, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier, Logits, Rows
from rafair.models.fit_to_table import check_finite


def predict(
    classifier: Classifier, rows: Rows, workers: Workers, chunk_rows: int
) -> NDArray[np.int64]:
    """The class with the largest logit of each row, ties to the lowest; shape `(n,)`.

    Raises:
        ModelError: If a logit is not finite.
    """
    # chunk by chunk: the logits of all rows are never held together
    chunks = _chunks(classifier, rows, workers, chunk_rows)
    return np.concatenate([chunk.argmax(axis=1) for chunk in chunks])


def logits_of(classifier: Classifier, rows: Rows, workers: Workers, chunk_rows: int) -> Logits:
    """The logits of rows, computed in padded chunks of `chunk_rows`; shape `(n, c)`.

    Raises:
        ModelError: If a logit is not finite.
    """
    return np.concatenate(list(_chunks(classifier, rows, workers, chunk_rows)))


def _chunks(
    classifier: Classifier, rows: Rows, workers: Workers, chunk_rows: int
) -> Iterator[Logits]:
    def ask(start: int) -> Logits:
        chunk = rows[start : start + chunk_rows]
        padded = np.concatenate([chunk, np.repeat(chunk[:1], chunk_rows - len(chunk), axis=0)])
        logits = classifier.logits(padded)[: len(chunk)]
        check_finite(logits, classifier.name)
        return logits

    return workers.map(ask, range(0, len(rows), chunk_rows))
