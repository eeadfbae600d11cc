"""What servers answer, as logits that decide as the server does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import InputError, ModelError
from rafair.models.adapters.output_classes import order_of
from rafair.models.classifier import Labels, Logits
from rafair.models.decision import Threshold
from rafair.models.logits_from_answers import as_logits
from rafair.tabular.labels import class_numbers, encode_labels
from rafair.tabular.schema import Schema

ROUNDING = 0.01
"""How far probabilities may be from adding up to 1."""


class Malformed(Exception):  # no error of ours: it is asked again
    """An answer that is not what the server should have given; the message says why."""


@dataclass(frozen=True)
class Said:
    """What one answer says, read by its keys.

    Args:
        scores: Scores of shape `(n, c)`; of two classes also `(n,)` or `(n, 1)`: the probability of
            the second class, or its logit against the first.
        probabilities: Whether they are probabilities; logits otherwise.
        labels: The class that the server decides for, of each row; None where it does not say.
        classes: The classes in the order of the scores; None where it does not say.
    """

    scores: Any
    probabilities: bool
    labels: Sequence[Any] | None = None
    classes: Sequence[str] | None = None


@dataclass(frozen=True)
class Reading:
    """How answers become logits of the table's classes.

    Args:
        name: What to call the model.
        schema: The classes.
        order: Where among the scores each of them stands, where a user says so.
        threshold: How it decides, where a user says so.
    """

    name: str
    schema: Schema
    order: Sequence[int] | None = None
    threshold: Threshold | None = None

    def logits(self, said: Said, n_rows: int) -> Logits:
        """Logits of shape `(n, c)`; their largest is at the class that the server decides for.

        Args:
            said: What the server answered.
            n_rows: How many rows were asked about.

        Raises:
            Malformed: If there are not as many answers as rows, or one is not a finite number.
            ModelError: If there are scores of other classes, or probabilities are none.

        Example:
            >>> schema = Schema(features=(), label="y", classes=("no", "yes"))
            >>> even = Reading("m", schema).logits(Said([0.5, 0.5], probabilities=True), 2)
            >>> even.shape, bool((even[:, 0] == even[:, 1]).all())
            ((2, 2), True)
        """
        scores, n_classes = _numbers(said.scores), len(self.schema.classes)
        if scores.ndim not in (1, 2) or len(scores) != n_rows:
            raise Malformed(f"answers of shape {scores.shape} for {n_rows} rows")
        if not np.isfinite(scores).all():
            raise Malformed("answers with NaN or infinity")
        scores = scores.reshape(n_rows, -1)
        if scores.shape[1] != n_classes and (scores.shape[1], n_classes) != (1, 2):
            raise ModelError(
                f"model '{self.name}': expected one score for each of {n_classes} classes, got "
                f"{scores.shape[1]}"
            )
        if said.probabilities:
            _check_sums(scores, self.name)
        order = self._order(said.classes)
        decided = None
        if said.labels is not None and self.threshold is None:
            decided = self._decided(said.labels, order, n_rows)
        return as_logits(
            scores,
            probabilities=said.probabilities,
            name=self.name,
            order=order,
            threshold=self.threshold,
            decided=decided,
        )

    def _order(self, named: Sequence[str] | None) -> Sequence[int] | None:
        order = order_of(None if named is None else [str(c) for c in named], self.schema, self.name)
        if order is not None and self.order is not None and list(order) != list(self.order):
            raise ModelError(
                f"model '{self.name}': names its classes itself, {', '.join(map(str, named or ()))}"
                "; got another order (model_classes)"
            )
        return order or self.order

    def _decided(self, labels: Sequence[Any], order: Sequence[int] | None, n_rows: int) -> Labels:
        """Labels as the table's classes: names, or the places of scores."""
        if len(labels) != n_rows:
            raise Malformed(f"{len(labels)} labels for {n_rows} rows")
        numbers = all(isinstance(label, int | float) for label in labels)
        try:
            codes = encode_labels(list(labels), self.schema)
        except (InputError, TypeError, ValueError) as error:
            shown = ", ".join(dict.fromkeys(map(str, labels[:5])))
            raise ModelError(
                f"model '{self.name}': expected labels of the classes "
                f"{', '.join(self.schema.classes)}, got {shown}"
            ) from error
        if numbers and class_numbers(self.schema) is None and order is not None:
            codes = np.argsort(order).astype(np.int64)[codes]
        return codes


def _numbers(values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise Malformed("answers that are no numbers, or not equally many per row") from error


def _check_sums(scores: NDArray[np.float64], name: str) -> None:
    both = scores if scores.shape[1] > 1 else np.hstack([1 - scores, scores])
    wrong = (both < -ROUNDING).any(axis=1) | (np.abs(both.sum(axis=1) - 1) > ROUNDING)
    if wrong.any():
        found = ", ".join(f"{score:.4g}" for score in scores[wrong][0][:5])
        raise ModelError(
            f"model '{name}': expected probabilities that add up to 1, got {found}; "
            "`model_output='logits'` takes scores as they are"
        )
