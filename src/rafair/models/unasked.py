"""A classifier that stands in for a dear one where only the amount of work matters."""

from __future__ import annotations

import numpy as np

from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows


class Unasked(Classifier):
    """Answers every row alike, without asking the model it stands in for.

    Args:
        classifier: That model.
        n_classes: How many logits it gives.

    Example:
        >>> from rafair.models.function import FunctionClassifier
        >>> Unasked(FunctionClassifier(len), 3).logits(np.zeros((2, 5), np.float32)).shape
        (2, 3)
    """

    differentiable = False
    block_rows = 1

    def __init__(self, classifier: Classifier, n_classes: int) -> None:
        self.name, self.n_features = classifier.name, classifier.n_features
        self.n_classes: int = n_classes
        self._sha256 = classifier.sha256

    @property
    def n_parameters(self) -> int | None:
        """None."""
        return None

    @property
    def sha256(self) -> str | None:
        """The model's."""
        return self._sha256

    def logits(self, rows: Rows) -> Logits:
        """Zeros of shape `(n, c)`."""
        return np.zeros((len(rows), self.n_classes), np.float32)

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"model '{self.name}': gives answers only, no gradients")
