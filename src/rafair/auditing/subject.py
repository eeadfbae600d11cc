"""What is audited: a classifier and the table it is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import rate
from rafair.models.classifier import Classifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.doubts import doubts
from rafair.tabular.table import Table


@dataclass(frozen=True)
class Subject:
    """A classifier with the rows it is audited on.

    Args:
        classifier: The model.
        table: The rows, with their schema and true classes.
        variant: The variant of a named data set, else None.
        rows: The number of rows of the whole data set.
        sha256: The hash of the whole data set's encoded rows and labels; of a file, of its bytes.
        outside: Of a file that is streamed, how many numbers lie outside their feature's range, by
            column.
        file: Of a user's own table, the file it was read from: `name` and `sha256`.
        kind: What the model was opened as, such as "onnx"; None where a caller handed it in.
        options: What a user said of it: what it takes, gives and decides.
    """

    classifier: Classifier
    table: Table
    variant: str | None
    rows: int
    sha256: str
    outside: Mapping[str, int] | None = None
    file: Mapping[str, str] | None = None
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counterparts(self) -> Counterparts:
        """The counterparts of a row of the table."""
        return Counterparts.of(self.table.schema)

    def doubts(self) -> list[str]:
        """What its reader should know of a user's own table, where that is in memory."""
        return doubts(self.table) if self.variant is None and self.outside is None else []

    def dataset_facts(self) -> dict[str, Any]:
        """The `dataset` section of `audit.json`."""
        schema, counterparts = self.table.schema, self.counterparts
        domains = zip(schema.sensitive, counterparts.domains, strict=True)
        values = {name: [float(value) for value in domain] for name, domain in domains}
        return {
            "name": self.table.name,
            "variant": self.variant,
            "rows": self.rows,
            "audited_rows": len(self.table),
            "features": list(schema.names),
            "sensitive": {name: len(domain) for name, domain in values.items()},
            "domains": values,
            "counterparts_per_instance": counterparts.size,
            "label": schema.label,
            "classes": list(schema.classes),
            "schema": schema.model_dump(mode="json"),
            "sha256": self.sha256,
            "streamed": self.outside is not None,
            "outside_range": dict(self.outside or {}),
            "file": dict(self.file) if self.file else None,
        }

    def model_facts(self, answers: NDArray[np.int64]) -> dict[str, Any]:
        """The `model` section of `audit.json`.

        Args:
            answers: How many rows of each class were predicted to be of each; `(c, c)`, true
                classes in rows.
        """
        n, terms = int(answers.sum()), self.classifier.terms
        return {
            "name": self.classifier.name,
            "kind": self.kind,
            "input": terms.input,
            "decision": terms.decision.facts(self.table.schema.classes, terms.outputs),
            "options": dict(self.options),
            "parameters": self.classifier.n_parameters,
            "test_accuracy": rate(int(np.trace(answers)), n),
            "majority": rate(int(answers.sum(axis=1).max()), n),
            "predicted_classes": int(np.count_nonzero(answers.sum(axis=0))),
            "sha256": self.classifier.sha256,
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
