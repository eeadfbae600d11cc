"""What all models without gradients share: scores in, logits out, one line for an error."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.errors import ModelError, RafairError
from rafair.models.adapters.output_classes import order_of
from rafair.models.classifier import Classifier, Cotangent, Labels, Logits, Rows
from rafair.models.decision import THRESHOLD, DecisionRule, Terms, Threshold, threshold_of
from rafair.models.logits_from_answers import as_logits, by_class
from rafair.models.model_file import reason_of
from rafair.models.model_options import ModelOptions
from rafair.models.raw_inputs import alike
from rafair.tabular.derived import Derivations
from rafair.tabular.grids import Grids
from rafair.tabular.schema import Schema

WHOLE = 16
"""Rows of which every batch for a library is a multiple."""


@dataclass(frozen=True)
class Answer:
    """What a model says of some rows.

    Args:
        scores: One score per class, or one of the second class; shape `(n, c)`, `(n, 1)` or `(n,)`.
        decided: The table's class that the model itself decides for, of each row; None where its
            decision follows from the scores.
    """

    scores: Any
    decided: Labels | None = None


class BlackBox(Classifier):
    """A classifier that only answers, bound to the table that its schema describes.

    It is pickled as what it was made from, never as a library's own objects.

    Args:
        name: What to call it in reports.
        schema: The features of the rows it is asked about.
        sha256: The hash of the file it comes from; None where it comes from none.
        recipe: The class, and the content and options to make it from again.
        takes: What it takes where nobody says: "encoded" or "raw".

    Raises:
        InputError: If the options name a class that the table lacks.
    """

    differentiable = False
    n_parameters = None
    n_classes = None
    probabilities: bool = False
    """Whether it scores by probabilities."""
    stated: bool = True
    """Whether it is known what the scores are; where not, answers that look like probabilities are
    refused once rows of the table are at hand."""
    no_gradients: str = ""
    """Why it gives none, where that needs saying."""

    def __init__(
        self,
        name: str,
        schema: Schema,
        sha256: str | None,
        recipe: tuple[Callable[..., Any], Any, ModelOptions],
        *,
        takes: str = "encoded",
    ) -> None:
        self.name = name
        self.n_features = len(schema)
        self._schema = schema
        self._sha256 = sha256
        self._recipe = recipe
        self.threshold = threshold_of(self.options.threshold, schema.classes)
        self.order = order_of(self.options.classes, schema, name)
        self.terms = terms_of(self.options, self.threshold, default=takes)

    @property
    def sha256(self) -> str | None:
        """The hash of the file it comes from."""
        return self._sha256

    @property
    def options(self) -> ModelOptions:
        """How it was opened."""
        return self._recipe[2]

    def reopened(self, options: ModelOptions) -> Classifier:
        """The same model, opened with other options."""
        make, content, _ = self._recipe
        opened: Classifier = make(content, self._schema, options)
        return opened

    @abstractmethod
    def answer(self, rows: Rows) -> Answer:
        """What the model itself says, in the order of its own outputs."""

    def chances_of(self, given: Any) -> NDArray[np.floating[Any]]:
        """Probabilities as the model gives them, one for each class in the table's order."""
        values = by_class(np.asarray(given), probabilities=True)
        return values if self.order is None else values[:, self.order]

    def by_scores(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)` that steer, whatever the model itself decides."""
        return as_logits(
            self.answer(rows).scores,
            probabilities=self.probabilities,
            name=self.name,
            order=self.order,
        )

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`; their largest is at the class that the model decides for.

        Raises:
            ModelError: If the model does not take the rows, or its answers are no probabilities.
        """
        found = self.answer(rows)
        return as_logits(
            found.scores,
            probabilities=self.probabilities,
            name=self.name,
            order=self.order,
            threshold=self.threshold,
            decided=found.decided,
        )

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        why = f" ({self.no_gradients})" if self.no_gradients else ""
        raise ModelError(f"model '{self.name}': gives answers only, no gradients{why}")

    def __reduce__(self) -> tuple[Any, ...]:
        make, content, options = self._recipe
        return make, (content, self._schema, options)


def filled(rows: Rows) -> Rows:
    """The rows with the first one repeated, up to a multiple of 16.

    Libraries multiply a single row, and the last few of a batch, by other code that rounds
    otherwise; a row near a tie would then be decided by who shares its batch.
    """
    missing = -len(rows) % WHOLE
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else rows


def in_alike_parts(rows: Rows, schema: Schema, ask: Callable[[Rows], Answer]) -> Answer:
    """Asks about rows whose frames have other types in calls of their own (`raw_rows.alike`)."""
    parts = alike(rows, schema)
    if len(parts) < 2:
        return ask(rows)
    found = [ask(rows[part]) for part in parts]
    places = np.argsort(np.concatenate(parts))
    scores = np.concatenate([np.asarray(answer.scores) for answer in found])[places]
    decided = [answer.decided for answer in found if answer.decided is not None]
    return Answer(scores, np.concatenate(decided)[places] if decided else None)


def terms_of(options: ModelOptions, threshold: Threshold | None, *, default: str) -> Terms:
    """What a user says of a model, and what is taken for granted."""
    rule = DecisionRule(THRESHOLD, threshold) if threshold else DecisionRule()
    return Terms(
        input=options.inputs or default,
        input_stated=options.inputs is not None,
        decision=rule,
        outputs=options.classes,
        outputs_stated=options.classes is not None,
    )


@contextmanager
def asked(name: str, hint: str = "") -> Iterator[None]:
    """Makes one line of whatever a model raises, with a hint at its end."""
    try:
        yield
    except RafairError:
        raise
    except Exception as error:
        raise ModelError(
            f"model '{name}': does not take these rows: {type(error).__name__}: {reason_of(error)}"
            + hint
        ) from error


def probe_rows(schema: Schema, n: int = 8) -> Rows:
    """A few rows that could be, to look at a model's answers; always the same ones.

    Numbers lie on their grids, levels are real ones, and what is derived follows, or lies at the
    end of its range: some servers refuse others.
    """
    drawn = np.random.default_rng(0).random((n, len(schema)))
    grids = Grids.of(schema)
    unit = np.where(grids.step > 0, grids.step, 1)
    first, last = grids.places(np.zeros_like(drawn), np.ones_like(drawn))
    values = grids.minimum + drawn * grids.span
    places = np.clip(np.rint((values - grids.anchor) / unit), first, last)
    rows = grids.encode(np.where(grids.step > 0, grids.anchor + places * unit, values))
    for column, feature in enumerate(schema.features):
        if not feature.kind.is_number:
            most = max(len(feature.levels or ()) - 1, 1)
            rows[:, column] = np.rint(drawn[:, column] * most) / most
    derivations = Derivations.of(schema, grids, np.zeros((0, len(schema))))
    unlike = np.where(derivations.takes.any(axis=0), np.float32(np.nan), rows)
    derivations.follow(rows, unlike)
    return rows
