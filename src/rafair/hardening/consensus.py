"""Consensus: the mean answer over all sensitive values, whatever the row's own are."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.tabular.counterparts import Counterparts

ROWS_AT_ONCE = 16_384


class ConsensusClassifier(Classifier):
    """Averages another model's logits over the sensitive domain.

    The row's own sensitive values are not looked at, so that all counterparts get the very same
    logits: no perturbation of any size makes them differ. Nothing is trained, and the mean may be
    wrong for more rows than the model itself.

    Args:
        classifier: The model.
        counterparts: All combinations of sensitive values.

    Example:
        >>> from rafair.models.function import FunctionClassifier
        >>> model = FunctionClassifier(lambda rows: np.stack([rows[:, 0], rows[:, 1]], axis=1))
        >>> both = Counterparts([0], [np.float32([0, 1])])
        >>> ConsensusClassifier(model, both).logits(np.float32([[0, 0.3], [1, 0.3]])).tolist()
        [[0.5, 0.30000001192092896], [0.5, 0.30000001192092896]]
    """

    def __init__(self, classifier: Classifier, counterparts: Counterparts) -> None:
        self._inner, self._counterparts = classifier, counterparts
        self.name = f"consensus of {classifier.name}"
        self.n_features, self.n_classes = classifier.n_features, classifier.n_classes
        self._frozen = list(counterparts.columns)

    @property
    def differentiable(self) -> bool:
        """Whether the model itself is."""
        return self._inner.differentiable

    @property
    def n_parameters(self) -> int | None:
        """Those of the model itself."""
        return self._inner.n_parameters

    @property
    def sha256(self) -> str | None:
        """The hash of the model's own, and of the domain; None where it has none."""
        if self._inner.sha256 is None:
            return None
        parts = [b"consensus", self._inner.sha256.encode(), repr(self._frozen).encode()]
        parts += [domain.tobytes() for domain in self._counterparts.domains]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`."""
        people, which = _distinct(self._plain(rows))
        mean: Logits = np.stack([self._mean(person) for person in people])[which]
        return mean

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients `(n, d)`, which are zero for sensitive features.

        Raises:
            ModelError: If the model itself gives no gradients.
        """
        if not self.differentiable:
            raise ModelError(f"model '{self.name}': has no gradients, as its model has none")
        logits = self.logits(rows)
        weights = cotangent(logits, slice(0, len(rows)))
        width = rows.shape[1]
        asked, which = _distinct(np.concatenate([self._plain(rows), weights], axis=1))
        slopes = np.stack([self._slope(each[:width], each[width:]) for each in asked])
        slopes[:, self._frozen] = 0
        return logits, slopes[which]

    def _plain(self, rows: Rows) -> Rows:
        """The rows without their own sensitive values; shape `(n, d)`."""
        plain = np.array(rows, np.float32)
        plain[:, self._frozen] = 0
        return plain

    def _mean(self, person: Rows) -> Logits:
        sums = [self._inner.logits(block).sum(0, np.float64) for block in self._blocks(person)]
        mean: Logits = (np.sum(sums, axis=0) / self._counterparts.size).astype(np.float32)
        return mean

    def _slope(self, row: Rows, weight: Logits) -> Rows:
        total = np.zeros(len(row), np.float64)
        for block in self._blocks(row):

            def alike(logits: Logits, part: slice) -> Logits:
                return np.broadcast_to(weight, logits.shape).astype(np.float32)

            total += self._inner.logits_and_gradients(block, alike)[1].astype(np.float64).sum(0)
        slope: Rows = (total / self._counterparts.size).astype(np.float32)
        return slope

    def _blocks(self, person: Rows) -> list[Rows]:
        """The person's row with every combination of sensitive values, in blocks of one size."""
        size = self._counterparts.size
        each = np.repeat(person[None], size, axis=0)
        self._counterparts.substitute(each, np.arange(size))
        return [each[start : start + ROWS_AT_ONCE] for start in range(0, size, ROWS_AT_ONCE)]


def _distinct(rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """The distinct rows, and which of them each row is."""
    people, which = np.unique(rows, axis=0, return_inverse=True)
    return people, which.reshape(-1)
