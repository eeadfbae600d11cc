"""A classifier that decides, with the gradients of a torch module that guides the search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.models.adapters.score_model import BlackBox
from rafair.models.adapters.user_torch_module import OpenedModule, Recipe
from rafair.models.classifier import Classifier, Cotangent, Labels, Logits, Rows
from rafair.models.decision import settled


class LabelledModule(Classifier):
    """Logits and gradients of a torch module, raised where the model itself decides otherwise.

    Args:
        module: Gives logits and gradients.
        model: Knows the decision.
        recipe: What makes it again, from what, and with which options.
    """

    def __init__(self, module: OpenedModule, model: BlackBox, recipe: Recipe) -> None:
        self._module, self._model, self._recipe = module, model, recipe
        self.name, self.terms = model.name, model.terms
        self.n_features, self.n_classes = module.n_features, module.n_classes

    @property
    def options(self) -> Any:
        """How it was opened."""
        return self._recipe[2]

    def reopened(self, options: Any) -> Classifier:
        """The same model, opened with other options."""
        make, content, _ = self._recipe
        opened: Classifier = make(content, self._module.schema, options)
        return opened

    @property
    def differentiable(self) -> bool:
        """True: the module is."""
        return True

    @property
    def n_parameters(self) -> int | None:
        """The module's."""
        return self._module.n_parameters

    @property
    def sha256(self) -> str | None:
        """The model's."""
        return self._model.sha256

    def by_scores(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)` that steer, whatever the model itself decides."""
        return self._module.logits(rows)

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`; their largest is at the class that the model decides for."""
        return settled(self._module.logits(rows).copy(), self._decisions(rows))

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients of `sum(cotangent * logits)`, `(n, d)`."""
        decided, found = self._decisions(rows), list[tuple[slice, Logits]]()

        def weights(logits: Logits, part: slice) -> NDArray[np.float32]:
            judged = settled(logits.copy(), decided[part])
            found.append((part, judged))
            return cotangent(judged, part)

        logits, gradients = self._module.logits_and_gradients(rows, weights)
        judged = logits.copy()
        for part, values in found:
            judged[part] = values
        return judged, gradients

    def _decisions(self, rows: Rows) -> Labels:
        return np.asarray(self._model.logits(rows).argmax(axis=1), np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        make, content, options = self._recipe
        return make, (content, self._module.schema, options)
