"""Verdicts that proofs give where there are too many counterparts to predict each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.certify.counterpart_proofs import Proofs
from rafair.models.classifier import Logits
from rafair.models.losses import Loss
from rafair.search.chunk_layout import Layout
from rafair.search.observation import NONE, Observation
from rafair.tabular.encoding import Rows

LEAST_COUNTERPARTS = 100_000
"""From so many counterparts on proofs take less time than enumeration, on all networks measured."""

GIVEN_UP = 128
"""A row is given up once its boxes and points are one in so many of its counterparts: bounding a
box takes about as long as 200 predictions, so that little is lost where proofs do not pay."""


@dataclass(frozen=True)
class Settlement:
    """What proofs tell of rows.

    Args:
        seen: What is known; rows that were given up are not judged.
        asked: How many rows the model was asked about.
    """

    seen: Observation
    asked: int

    @property
    def left(self) -> NDArray[np.int64]:
        """The rows that were given up."""
        return np.flatnonzero(~self.seen.judged)


def settle(
    layout: Layout,
    proofs: Proofs,
    logits: Callable[[Rows], Logits],
    loss: Loss,
    *,
    consensus: bool,
) -> Settlement:
    """Judges rows by proofs.

    Args:
        layout: The rows, their classes, and the counterparts whose loss is wanted.
        proofs: How.
        logits: From rows to their logits, computed as enumeration does.
        loss: What "worse" means.
        consensus: Whether the class predicted most often is wanted too; it stays unknown if not.

    Raises:
        ModelError: If a logit is not finite.
    """
    rows, labels = layout.rows, layout.labels
    seen = Observation.empty(*rows.shape)
    own = logits(rows)
    seen.prediction, seen.loss = own.argmax(axis=1), loss.value(own, labels)
    budget = proofs.counterparts.size // GIVEN_UP
    settled = proofs.settle(rows, seen.prediction, consensus=consensus, budget=budget)
    seen.judged, seen.fair = settled.done, settled.fair
    seen.disagreeing = settled.disagreeing
    seen.disagreeing_prediction = settled.disagreeing_prediction
    seen.consensus = settled.consensus
    asked = len(rows) + int(settled.predicted.sum())
    seen.counterpart[:] = layout.watched
    watched = np.flatnonzero(layout.watched != NONE)
    if watched.size:
        others = rows[watched]
        layout.counterparts.substitute(others, layout.watched[watched])
        seen.counterpart_loss[watched] = loss.value(logits(others), labels[watched])
        asked += watched.size
    return Settlement(seen, asked)
