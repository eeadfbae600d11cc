"""A function in a Python file: `FILE.py:NAME`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rafair.models.adapters.python_source import PythonSource
from rafair.models.adapters.score_model import Answer, BlackBox, asked, in_alike_parts
from rafair.models.classifier import Rows
from rafair.models.model_options import ModelOptions
from rafair.models.raw_inputs import raw_frame
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class LiveFunction:
    """A function that a caller has.

    Args:
        function: The function, or anything that can be called.
    """

    function: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """Its name, or that of its type."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def sha256(self) -> None:
        """None: nobody knows what it does."""
        return

    def load(self) -> Callable[[Any], Any]:
        """The function."""
        return self.function


class PythonFunction(BlackBox):
    """A function from rows to one score per class, or to one of class 1.

    It is called from several threads at once, with float32 rows of shape `(n, d)`; with
    `inputs="raw"`, with a pandas frame in the data's own units.

    Args:
        source: The file and the function's name, or a function.
        schema: The features.
        options: What it takes and gives; "encoded" and "logits" by default.
    """

    def __init__(
        self, source: PythonSource | LiveFunction, schema: Schema, options: ModelOptions
    ) -> None:
        super().__init__(source.name, schema, source.sha256, (PythonFunction, source, options))
        self.probabilities = options.outputs == "probabilities"
        self.stated = options.outputs is not None
        self._raw = options.inputs == "raw"
        self._function = source.load()

    def answer(self, rows: Rows) -> Answer:
        """What the function returns for the rows."""
        if not self._raw:
            return self._answer(rows)
        return in_alike_parts(rows, self._schema, self._answer)

    def _answer(self, rows: Rows) -> Answer:
        given = raw_frame(rows, self._schema) if self._raw else rows
        hint = (
            "" if self._raw else "; it was given codes in [0, 1], `model_input='raw'` gives a frame"
        )
        with asked(self.name, hint):
            return Answer(self._function(given))


def open_function(source: str, schema: Schema, options: ModelOptions) -> PythonFunction:
    """Opens `FILE.py:NAME`.

    Raises:
        ModelError: If the file cannot be run, or has no such function.
    """
    return PythonFunction(PythonSource.read(source, options.expected), schema, options)
