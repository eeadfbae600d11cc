"""A model and a table that somebody else made: what decides an audit of the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.first_look import first_look
from rafair.auditing.preparation import WithTable
from rafair.auditing.subject import Subject
from rafair.engine.progress import Progress
from rafair.engine.workers import Workers
from rafair.models.adapting import check_fits
from rafair.models.asked_once import AskedOnce
from rafair.models.classifier import Classifier
from rafair.models.http.endpoint import HttpClassifier
from rafair.models.kept_answers import with_answers
from rafair.models.steadiness import check_steady
from rafair.tabular.table import Table


@dataclass(frozen=True)
class OwnModelOnOwnData(WithTable):
    """A model that an adapter opened, audited on a table that was read whole.

    Args:
        classifier: The model.
        table: All rows of the file.
        path: The file.
        file_sha256: The hash of its bytes.
        kind: What the model was opened as.
        options: How it was opened, as plain values.
    """

    classifier: Classifier
    table: Table
    path: Path
    file_sha256: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject."""
        return {
            "model": self.classifier.sha256,
            "options": dict(self.options),
            "table": self.table.sha256,
            "file": self.file_sha256,
            "schema": self.table.schema.model_dump(mode="json"),
        }

    @property
    def identified(self) -> bool:
        """Whether the model's hash says all of it, so that work may be carried on."""
        return self.classifier.sha256 is not None

    def check(self) -> None:
        """Nothing yet: what a model answers is kept in the run's folder."""

    def begin(self, folder: Path, *, resumed: bool) -> None:
        """Takes up the answers that were paid for, and asks about a few rows.

        Raises:
            ModelError: If the model does not fit the rows, or does not answer the same when it is
                asked twice.
        """
        rows, asked = self.table.rows, self.classifier
        if isinstance(asked, AskedOnce):
            asked = asked.classifier
            if isinstance(asked, HttpClassifier):
                with_answers(self.classifier, folder, rows if resumed else None)
        check_fits(self.classifier, rows, len(self.table.schema.classes))
        if not resumed:
            check_steady(self.classifier, asked, rows)

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """What its answers to the table tell of it."""
        if self.kind == "rafair":
            return []
        return first_look(asked, self.table, workers, instances)

    def stand_in(self) -> Classifier:
        """The model itself."""
        return self.classifier

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """The model and the table as they are; files of such a model are not copied."""
        file = {"name": self.path.name, "sha256": self.file_sha256}
        rows, sha256 = len(self.table), self.table.sha256
        return Subject(
            self.classifier,
            self.table,
            None,
            rows,
            sha256,
            file=file,
            kind=self.kind,
            options=self.options,
        )
