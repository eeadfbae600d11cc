"""A model that is open already: another's, by file or address, or a caller's object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafair.engine.progress import Progress
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier
from rafair.models.fit_to_table import check_fits
from rafair.models.http.http_classifier import HttpClassifier
from rafair.models.repeatability import check_steady
from rafair.models.stored_answers import with_answers
from rafair.sources.model_checks import first_look
from rafair.sources.row_sources import DataSource
from rafair.tabular.table import Table


@dataclass(frozen=True)
class OpenedModel:
    """A classifier that answers already; files of such a model are not copied.

    Args:
        classifier: The model.
        kind: What it was opened as; None where a caller handed it in.
        options: How it was opened, as plain values.
    """

    classifier: Classifier
    kind: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the model, as far as it can be told from outside."""
        told = {} if self.kind is None else {"options": dict(self.options)}
        return {"model": self.classifier.sha256} | told

    @property
    def identified(self) -> bool:
        """Whether its hash says all of it: what a caller's code computes does not show in one."""
        return self.kind is not None and self.classifier.sha256 is not None

    def stand_in(self, data: DataSource) -> Classifier:
        """The model itself."""
        return self.classifier

    def check(self, table: Table) -> None:
        """Asks a caller's model about a few rows; answers of others are kept in the folder."""
        if self.kind is None:
            self._check_fits(table)

    def begin(self, table: Table, folder: Path, *, resumed: bool) -> None:
        """Takes up the answers that were paid for, and asks about a few rows.

        Raises:
            ModelError: If the model does not fit the rows, or does not answer the same when it is
                asked twice.
        """
        if self.kind is None:
            return
        asked = self.classifier
        if isinstance(asked, CachedClassifier):
            asked = asked.classifier
            if isinstance(asked, HttpClassifier):
                with_answers(self.classifier, folder, table.rows if resumed else None)
        self._check_fits(table)
        if not resumed:
            check_steady(self.classifier, asked, table.rows)

    def _check_fits(self, table: Table) -> None:
        check_fits(self.classifier, table.rows, len(table.schema.classes))

    def look(
        self, asked: Classifier, table: Table, workers: Workers, instances: NDArray[np.int64]
    ) -> list[str]:
        """What its answers to the table tell of it; what we saved was looked at before."""
        return (
            []
            if self.kind in ("rafair", "wrapped")
            else first_look(asked, table, workers, instances)
        )

    def ready(self, data: DataSource, folder: Path, progress: Progress) -> Classifier:
        """The model as it is; nothing is stored."""
        return self.classifier
