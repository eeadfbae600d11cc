"""A classifier that repairs every row before it classifies it, with consensus labels."""

from __future__ import annotations

import hashlib

import numpy as np

from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, ModelError
from rafair.models.answer_cache import keys_of
from rafair.models.classifier import Around, Classifier, Cotangent, Logits, Rows
from rafair.models.losses import loss_named
from rafair.models.prediction import logits_of
from rafair.models.wrapper_description import BenignWrapper
from rafair.repairs.benign_perturbation import BenignPerturbation
from rafair.search.counterpart_evaluator import CHUNK_ROWS, CounterpartEvaluator
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet, per_feature
from rafair.tabular.schema import Schema

MOST_GRADIENT_ROWS = 100_000
"""What one prediction may cost: some tenths of a second on one core."""

ROWS_AT_ONCE = 1024
"""Rows that are repaired together; more would only take more memory."""

LOSS = "cross-entropy"

ALONE = Workers(1)
"""A pool that is never opened: a classifier computes in the thread that asks it."""


class RepairedClassifier(Around):
    """Answers for a row what another model answers for the repaired row.

    The repair follows the majority prediction over the row's counterparts, since no label is known.
    Counterparts are repaired each for themselves, and may get different decisions all the same:
    nothing is constant by construction. There are no gradients: attacks take it as a black box.

    Args:
        classifier: The model, which must give gradients.
        schema: The features of its rows.
        wrapper: How to repair.

    Raises:
        ModelError: If the model gives no gradients.
        InputError: If nothing may move, or a prediction costs too much.

    Example:
        >>> import rafair
        >>> from rafair.models.torch_module import TorchClassifier
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> repaired = RepairedClassifier(TorchClassifier(network), data.test.schema)
        >>> repaired.gradient_rows_per_prediction, repaired.logits(data.test.rows[:5]).shape
        (480, (5, 2))
    """

    differentiable = False
    block_rows = 1

    def __init__(
        self, classifier: Classifier, schema: Schema, wrapper: BenignWrapper | None = None
    ) -> None:
        wrapper = wrapper or BenignWrapper()
        if not classifier.differentiable:
            raise ModelError(
                f"model '{classifier.name}': expected a model with gradients, which the repair "
                "follows, found one without; 'consensus' takes any model"
            )
        self._inner, self._wrapper, self._schema = classifier, wrapper, schema
        self.name = f"benign repair of {classifier.name}"
        self.n_features, self.n_classes = classifier.n_features, classifier.n_classes
        self.terms = classifier.terms
        self._counterparts = Counterparts.of(schema)
        box = PerturbationSet.of(schema, wrapper.reach)
        sizes = per_feature("benign step_size", wrapper.step_size, schema)
        self._budget = Budget(wrapper.steps, sizes, box)
        cost = self.gradient_rows_per_prediction
        if cost > MOST_GRADIENT_ROWS:
            raise InputError(
                f"benign: expected at most {MOST_GRADIENT_ROWS:,} gradient rows for a prediction, "
                f"got {cost:,} ({wrapper.steps:,} steps × {self._counterparts.size:,} "
                "counterparts); fewer steps cost less, and 'consensus' one row per counterpart"
            )

    @property
    def gradient_rows_per_prediction(self) -> int:
        """What one prediction costs at most: steps × counterparts."""
        return self._wrapper.steps * self._counterparts.size

    @property
    def sha256(self) -> str | None:
        """The hash of the model's own, the repair's options and the domain; None without one."""
        if self._inner.sha256 is None:
            return None
        wrapper = self._wrapper
        options = repr((wrapper.steps, wrapper.step_size, wrapper.reach))
        parts = [b"benign", self._inner.sha256.encode(), options.encode()]
        parts.append(self._budget.box.epsilon.tobytes())
        parts.append(repr(self._counterparts.columns).encode())
        parts += [domain.tobytes() for domain in self._counterparts.domains]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def logits(self, rows: Rows) -> Logits:
        """Logits of the repaired rows; shape `(n, c)`."""
        if not len(rows):
            return np.empty((0, self.n_classes or 0), np.float32)
        keys, firsts = keys_of(rows)
        known = rows[list(firsts.values())]
        places = {key: place for place, key in enumerate(firsts)}
        unit = self._inner.block_rows or CHUNK_ROWS
        logits = logits_of(self._inner, self.repaired(known), ALONE, unit)
        return logits[[places[key] for key in keys]]

    def repaired(self, rows: Rows) -> Rows:
        """The rows that the model is asked about instead; shape `(n, d)`."""
        sweep = CounterpartEvaluator(self._inner, self._counterparts, loss_named(LOSS), ALONE)
        repair, found = BenignPerturbation("consensus"), []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = np.ascontiguousarray(rows[start : start + ROWS_AT_ONCE], np.float32)
            # labels decide verdicts alone, which nobody asks for
            unknown = np.zeros(len(some), np.int64)
            found.append(repair.run(sweep, some, unknown, self._budget).rows[-1])
        return np.concatenate(found)

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"model '{self.name}': has no gradients; a repair cannot be followed")
