"""What is sent to a model behind HTTP, and how its answers are read: plain JSON.

`{"rows": [{"age": 37, ...}, ...]}` gets `{"probabilities": [[0.9, 0.1], ...]}`, or `logits`; beside
them may stand `labels`, the decisions that the server takes, and `classes`, the scores' names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rafair.errors import ModelError
from rafair.models.classifier import Rows
from rafair.models.http.json_values import raw_columns
from rafair.models.http.response_scores import Malformed, Said
from rafair.tabular.schema import Schema

SCORES = ("probabilities", "logits", "predictions")
"""The keys under which scores are looked for, in this order; what `predictions` are,
`--model-output` says."""

LABELS = ("labels", "decisions", "predicted_classes")
"""The keys under which a server's own decisions are looked for, one for each row."""


class HttpProtocol(Protocol):
    """How one model is asked about rows."""

    @property
    def address(self) -> str:
        """Where rows are posted."""

    def request(self, rows: Rows) -> Any:
        """What is sent as JSON."""

    def read(self, answer: Any) -> Said:
        """What the JSON of an answer says.

        Raises:
            Malformed: If it is not what such a server gives; asking again may help.
            ModelError: If it fits another table, or tells classes without scores.
        """

    def identity(self) -> dict[str, object]:
        """What tells this model from others, as plain values."""


@dataclass(frozen=True)
class PlainJson:
    """Rows as JSON objects under the table's own names, or as lists of encoded numbers.

    Args:
        address: Where rows are posted.
        name: What to call the model.
        schema: The features.
        encoded: Whether the model takes encoded rows.
        outputs: "probabilities" or "logits"; None takes either, by its key.

    Example:
        >>> import numpy as np
        >>> from rafair.tabular.schema import Feature
        >>> sex = Feature(name="sex", kind="categorical", levels=("female", "male"))
        >>> schema = Schema(features=(sex,), label="y", classes=("no", "yes"))
        >>> plain = PlainJson("http://localhost/predict", "model", schema)
        >>> plain.request(np.float32([[1.0]]))
        {'rows': [{'sex': 'male'}]}
        >>> plain.read({"logits": [[0.5, 1.5]]}).scores
        [[0.5, 1.5]]
    """

    address: str
    name: str
    schema: Schema
    encoded: bool = False
    outputs: str | None = None

    def request(self, rows: Rows) -> Any:
        """`{"rows": [...]}`."""
        if self.encoded:
            return {"rows": rows.tolist()}
        columns = raw_columns(rows, self.schema)
        cells = zip(*columns.values(), strict=True)
        return {"rows": [dict(zip(columns, row, strict=True)) for row in cells]}

    def read(self, answer: Any) -> Said:
        """The scores, and beside them the server's own labels and the names of its classes.

        Raises:
            Malformed: If it is no JSON object with scores.
            ModelError: If it tells classes without scores.
        """
        if not isinstance(answer, dict):
            raise Malformed("an answer that is no JSON object")
        wanted = [key for key in SCORES if self.outputs in (None, key) or key == "predictions"]
        key = next((key for key in wanted if key in answer), None)
        if key is None:
            found = ", ".join(f"'{name}'" for name in list(answer)[:5]) or "nothing"
            raise Malformed(f"an answer without {' or '.join(wanted[:-1])} (it holds {found})")
        values = answer[key]
        if _are_names(values):
            raise ModelError(
                f"model '{self.name}': expected scores, such as probabilities, in '{key}', got "
                "predicted classes alone"
            )
        labels = next((answer[label] for label in LABELS if label in answer), None)
        beside = answer.get("predictions") if key != "predictions" else None
        if labels is None and _are_names(beside):
            labels = beside
        if labels is not None and not isinstance(labels, list):
            raise Malformed("labels that are no list")
        classes = answer.get("classes")
        named = isinstance(classes, list) and sorted(map(str, classes)) == sorted(
            self.schema.classes
        )
        probabilities = (self.outputs or key) != "logits"
        return Said(values, probabilities, labels, classes if named else None)

    def identity(self) -> dict[str, object]:
        """The address, the columns, and what is sent and read."""
        return {
            "protocol": "json",
            "address": self.address,
            "columns": list(self.schema.names),
            "encoded": self.encoded,
            "outputs": self.outputs,
        }


def _are_names(values: Any) -> bool:
    """Whether a list holds names of classes. Numbers are told by their key, not by their look."""
    if not isinstance(values, list) or not values:
        return False
    return all(isinstance(value, str | bool) for value in values)
