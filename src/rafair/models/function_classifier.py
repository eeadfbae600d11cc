"""A plain Python function as a classifier, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from rafair.arguments import check_name
from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows

LEAST_PROBABILITY = 1e-30


class FunctionClassifier(Classifier):
    """A function from encoded rows `(n, d)` to one score per class `(n, c)`.

    Clean verdicts can be given for it; attacks that follow gradients cannot.

    Args:
        function: Called with float32 rows; must answer for each of them.
        outputs: What it gives: "logits", or "probabilities", whose logarithm is then used.
        name: What to call it in reports; the function's own name by default.

    Raises:
        UnknownNameError: If `outputs` is neither.

    Example:
        >>> def by_age(rows):
        ...     return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)
        >>> classifier = FunctionClassifier(by_age, outputs="probabilities")
        >>> np.round(classifier.logits(np.float32([[0.25]])), 2)
        array([[-1.39, -0.29]], dtype=float32)
    """

    n_features = None
    n_classes = None
    n_parameters = None
    sha256 = None
    differentiable = False

    def __init__(
        self,
        function: Callable[[Rows], Any],
        *,
        outputs: Literal["logits", "probabilities"] = "logits",
        name: str | None = None,
    ) -> None:
        check_name("kind of outputs", outputs, ["logits", "probabilities"])
        self._function = function
        self._probabilities = outputs == "probabilities"
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`.

        Raises:
            ModelError: If probabilities are negative.
        """
        scores = np.asarray(self._function(rows), np.float32)
        if not self._probabilities:
            return scores
        if (scores < 0).any():
            raise ModelError(f"model '{self.name}': expected probabilities, got a negative number")
        return np.log(np.maximum(scores, np.float32(LEAST_PROBABILITY)))

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"model '{self.name}': a plain Python function has no gradients")
