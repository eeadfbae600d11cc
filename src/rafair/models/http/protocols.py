"""What is sent to a model behind HTTP, and how its answers are read: plain JSON.

`{"rows": [{"age": 37, ...}, ...]}` gets `{"probabilities": [[0.9, 0.1], ...]}`, or `logits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rafair.errors import ModelError
from rafair.models.classifier import Logits, Rows
from rafair.models.http.scores import Malformed, logits_from
from rafair.models.http.values import raw_columns
from rafair.tabular.schema import Schema

SCORES = ("probabilities", "logits", "predictions")
"""The keys under which scores are looked for, in this order; what `predictions` are,
`--model-output` says."""


class HttpProtocol(Protocol):
    """How one model is asked about rows."""

    @property
    def address(self) -> str:
        """Where rows are posted."""

    def request(self, rows: Rows) -> Any:
        """What is sent as JSON."""

    def logits(self, answer: Any, n_rows: int) -> Logits:
        """What the JSON of an answer says.

        Raises:
            Malformed: If it is not what such a server gives; asking again may help.
            ModelError: If it fits another table, or tells classes without scores.
        """

    def identity(self) -> dict[str, Any]:
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
        >>> plain.logits({"logits": [[0.5, 1.5]]}, 1).tolist()
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

    def logits(self, answer: Any, n_rows: int) -> Logits:
        """Logits of shape `(n, c)`.

        Raises:
            Malformed: If it is no JSON object with scores for each row.
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
        if _are_labels(values):
            raise ModelError(
                f"model '{self.name}': expected scores, such as probabilities, in '{key}', got "
                "predicted classes alone"
            )
        probabilities = (self.outputs or key) != "logits"
        n_classes = len(self.schema.classes)
        return logits_from(values, n_rows, n_classes, probabilities=probabilities, name=self.name)

    def identity(self) -> dict[str, Any]:
        """The address, the columns, and what is sent and read."""
        return {
            "protocol": "json",
            "address": self.address,
            "columns": list(self.schema.names),
            "encoded": self.encoded,
            "outputs": self.outputs,
        }


def _are_labels(values: Any) -> bool:
    """Whether a list holds names or codes of classes, rather than scores."""
    if not isinstance(values, list) or not values:
        return False
    return all(isinstance(value, str | int) for value in values)
