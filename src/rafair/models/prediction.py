"""Predicted classes of many rows, chunk by chunk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.engine.workers import Workers
from rafair.models.adapting import check_finite
from rafair.models.classifier import Classifier, Rows


def predict(
    classifier: Classifier, rows: Rows, workers: Workers, chunk_rows: int
) -> NDArray[np.int64]:
    """The class with the largest logit of each row, ties to the lowest; shape `(n,)`.

    Raises:
        ModelError: If a logit is not finite.
    """

    def classes(start: int) -> NDArray[np.int64]:
        chunk = rows[start : start + chunk_rows]
        padded = np.concatenate([chunk, np.repeat(chunk[:1], chunk_rows - len(chunk), axis=0)])
        logits = classifier.logits(padded)[: len(chunk)]
        check_finite(logits, classifier.name)
        largest: NDArray[np.int64] = logits.argmax(axis=1)
        return largest

    return np.concatenate(list(workers.map(classes, range(0, len(rows), chunk_rows))))
