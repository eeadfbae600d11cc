"""The seam between rafair and models: encoded rows in, logits and gradients out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.models.decision import Terms

Rows = NDArray[np.float32]
Logits = NDArray[np.float32]
Labels = NDArray[np.int64]
Cotangent = Callable[[Logits, slice], NDArray[np.float32]]
"""From the logits of some rows of a batch, of shape `(n, c)`, and which rows these are, to the
weight of each logit in the gradient; the same shape."""


class Classifier(ABC):
    """Maps encoded rows to logits of two or more classes; may give gradients.

    The class that it decides for has the largest logit, ties to the lowest class, whatever its own
    rule is (`models/decision.py`): whoever takes the arg max judges the decision that is taken.

    Implementations must be safe to call from several threads at once, and must answer for a row
    what they would answer for it in any other batch of the same size.
    """

    name: str
    n_features: int | None
    """How many features a row must have; None where the model does not say."""
    n_classes: int | None
    """How many logits it gives; None where it does not say."""
    block_rows: int | None = None
    """Of so many rows it computes each block of a batch by itself, so that any batch of whole
    blocks gives a row the same answer; None where only batches of one size do."""
    stacks: bool = False
    """Whether `logits_and_gradients` takes stacks of batches as well, rows of shape `(b, n, d)`,
    and answers each batch what it would answer it alone."""

    terms: Terms = Terms()
    """How it is asked, and how it decides."""

    @property
    @abstractmethod
    def differentiable(self) -> bool:
        """Whether `logits_and_gradients` can be asked."""

    @property
    @abstractmethod
    def n_parameters(self) -> int | None:
        """How many trained numbers it has; None where it does not say."""

    @property
    @abstractmethod
    def sha256(self) -> str | None:
        """The hash of its parameters; None where they cannot be seen."""

    def without_shortcut(self) -> Classifier | None:
        """The model asked without any short cut of ours; None where none is taken."""
        return None

    @abstractmethod
    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)` for rows of shape `(n, d)`."""

    def logits_in_parts(self, rows: Rows) -> Iterator[tuple[slice, Logits]]:
        """Logits of parts of the rows, in any order, as soon as they are known.

        What was yielded before an error is good, and may be kept.

        Args:
            rows: Encoded rows of shape `(n, d)`.
        """
        yield slice(0, len(rows)), self.logits(rows)

    @abstractmethod
    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits, and for each row the gradient of `sum(cotangent * logits)` to that row.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            cotangent: Says how much each logit counts, once the logits are known; asked once for
                the batch, or for parts of it.

        Returns:
            Logits of shape `(n, c)` and gradients of shape `(n, d)`.
        """


class Around(Classifier):
    """A classifier around another, `_inner`, that says of itself what that one says."""

    _inner: Classifier

    @property
    def differentiable(self) -> bool:
        """Whether the model inside is."""
        return self._inner.differentiable

    @property
    def n_parameters(self) -> int | None:
        """Those of the model inside."""
        return self._inner.n_parameters

    @property
    def sha256(self) -> str | None:
        """The hash of the model inside."""
        return self._inner.sha256


@dataclass
class Queries:
    """How many rows a model was asked about; padding does not count.

    Args:
        gradient_rows: Rows that went forward and backward.
        prediction_rows: Rows that went forward only.
    """

    gradient_rows: int = 0
    prediction_rows: int = 0
    _lock: Any = field(default_factory=Lock, repr=False, compare=False)

    def add(self, *, gradient_rows: int = 0, prediction_rows: int = 0) -> None:
        """Counts further rows."""
        with self._lock:
            self.gradient_rows += gradient_rows
            self.prediction_rows += prediction_rows
