"""What an audit is about: a model and data, from wherever either comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rafair.engine.progress import Progress
from rafair.engine.thread_pool import Workers
from rafair.metrics.rates import rate
from rafair.models.classifier import Classifier
from rafair.sources.row_sources import DataSource, some_table
from rafair.tabular.table import Table


class ModelSource(Protocol):
    """A model, wherever it comes from."""

    @property
    def kind(self) -> str | None:
        """What it was opened as, such as "onnx"; None where a caller handed it in."""

    @property
    def options(self) -> Mapping[str, object]:
        """What a user said of it: what it takes, gives and decides."""

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the model, as plain values."""

    @property
    def identified(self) -> bool:
        """Whether equal plans mean the same model for sure, so that work may be carried on."""

    def stand_in(self, data: DataSource) -> Classifier:
        """A classifier that costs what the real one will cost.

        Raises:
            ModelError: If the model was made for other rows.
        """

    def check(self, table: Table) -> None:
        """Refuses, before any folder is made, a model that does not fit the rows."""

    def begin(self, table: Table, folder: Path, *, resumed: bool) -> None:
        """Gets the model ready once `folder` is there, `resumed` if an earlier run left it.

        Raises:
            ModelError: If the model does not fit the rows.
        """

    def look(
        self, asked: Classifier, table: Table, workers: Workers, instances: NDArray[np.int64]
    ) -> list[str]:
        """Looks at what the model answers to the table, and says what a reader should know.

        Raises:
            ModelError: If its classes are in another order.
        """

    def ready(self, data: DataSource, folder: Path, progress: Progress) -> Classifier:
        """The model; stores in `folder` what belongs to it."""


@dataclass(frozen=True)
class Source:
    """A model and the data that it is asked about.

    Args:
        model: The model.
        data: The data.
    """

    model: ModelSource
    data: DataSource

    @property
    def plan(self) -> dict[str, object]:
        """What decides both, as plain values."""
        return {**self.model.plan, **self.data.plan}

    def stand_in(self) -> Classifier:
        """A classifier that costs what the real one will cost."""
        return self.model.stand_in(self.data)

    def check(self) -> None:
        """Refuses, before any folder is made, a model that does not fit the rows."""
        if self.data.stream is None:  # else its rows are not read yet
            self.model.check(self.data.table)

    def begin(self, folder: Path, *, resumed: bool) -> None:
        """Gets the model ready once `folder` is there, `resumed` if an earlier run left it."""
        if self.data.stream is None or self.data.stream.own:
            self.model.begin(some_table(self.data), folder, resumed=resumed)

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """Says what a reader should know of what the model answers to the rows."""
        return self.model.look(asked, self.data.table, workers, instances)

    def ready(self, folder: Path, progress: Progress) -> Classifier:
        """The model; stores in `folder` what belongs to it."""
        return self.model.ready(self.data, folder, progress)

    def model_section(
        self, classifier: Classifier, answers: NDArray[np.int64]
    ) -> dict[str, object]:
        """The section `model` of `audit.json`.

        Args:
            classifier: The model as it was asked.
            answers: How many rows of each class were predicted to be of each; `(c, c)`, true
                classes in rows.
        """
        n, terms = int(answers.sum()), classifier.terms
        return {
            "name": classifier.name,
            "kind": self.model.kind,
            "input": terms.input,
            "decision": terms.decision.facts(self.data.schema.classes, terms.outputs),
            "options": dict(self.model.options),
            "parameters": classifier.n_parameters,
            "test_accuracy": rate(int(np.trace(answers)), n),
            "majority": rate(int(answers.sum(axis=1).max()), n),
            "predicted_classes": int(np.count_nonzero(answers.sum(axis=0))),
            "sha256": classifier.sha256,
        }


def count_answers(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """How many rows of each class were predicted to be of each; `(c, c)`, true classes in rows.

    Example:
        >>> count_answers(np.array([0, 1, 1]), np.array([1, 1, 1]), 2).tolist()
        [[0, 1], [0, 2]]
    """
    places = np.bincount(labels * n_classes + predictions, minlength=n_classes**2)
    return places.reshape(n_classes, n_classes)
