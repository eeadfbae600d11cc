"""What is known of rows' counterparts while only some have been looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.tabular.counterparts import NONE, Indices

NEVER = np.iinfo(np.int64).max
"""The place of the first counterpart that disagrees, where none is known."""


class Findings:
    """The first counterparts that disagree, and how many there are of each class.

    Args:
        predictions: The rows' own classes; shape `(n,)`.
        known: Whether their own sensitive values are in the domain: where not, the row is one
            counterpart more, behind all others; shape `(n,)`.
        size: How many counterparts there are apart from these.
        n_classes: How many classes there are.
        consensus: Whether the class predicted most often is wanted.

    Example:
        >>> both = np.array([True, True])
        >>> found = Findings(np.array([0, 1]), both, 9, n_classes=2, consensus=True)
        >>> found.disagree(np.array([0, 0]), np.array([7, 4]), np.array([1, 1]))
        >>> found.first[0], found.first_label[0]
        (np.int64(4), np.int64(1))
        >>> found.count(np.array([0, 1]), np.array([1, 1]), np.array([4, 5]))
        >>> found.decide()
        >>> found.consensus.tolist()
        [-1, 1]
    """

    def __init__(
        self,
        predictions: Labels,
        known: NDArray[np.bool_],
        size: int,
        n_classes: int,
        consensus: bool,
    ) -> None:
        n = len(predictions)
        self.predictions = predictions
        self.first, self.first_label = np.full(n, NEVER), np.full(n, NONE)
        self.consensus, self.undecided = np.full(n, NONE), np.full(n, consensus)
        self._counts = np.zeros((n, n_classes), np.int64)
        self._counts[np.flatnonzero(~known), predictions[~known]] = 1
        self._left = np.full(n, size)

    def disagree(self, rows: Indices, indices: Indices, labels: Labels) -> None:
        """Counterparts `indices` of `rows` get the classes `labels`, which may disagree."""
        other = labels != self.predictions[rows]
        order = np.lexsort((indices[other], rows[other]))
        rows, indices, labels = rows[other][order], indices[other][order], labels[other][order]
        foremost = np.diff(rows, prepend=NONE) > 0
        rows, indices, labels = rows[foremost], indices[foremost], labels[foremost]
        better = indices < self.first[rows]
        self.first[rows[better]] = indices[better]
        self.first_label[rows[better]] = labels[better]

    def count(self, rows: Indices, labels: Labels, numbers: Indices) -> None:
        """`numbers` further counterparts of `rows`, each counted once, get the classes `labels`."""
        np.add.at(self._counts, (rows, labels), numbers)
        np.subtract.at(self._left, rows, numbers)

    def decide(self) -> None:
        """Notes the consensus of rows where those that are left cannot change it any more."""
        some = np.flatnonzero(self.undecided)
        counts, each = self._counts[some], np.arange(len(some))
        top = counts.argmax(axis=1)
        # ties go to the lowest class
        rivals = counts + (np.arange(counts.shape[1]) < top[:, None])
        rivals[each, top] = 0
        decided = counts[each, top] - self._left[some] >= rivals.max(axis=1, initial=0)
        self.consensus[some[decided]] = top[decided]
        self.undecided[some[decided]] = False
