"""What models without gradients have in common: scores in, logits out, errors in one line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rafair.errors import InputError, ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.models.model_file import reason_of
from rafair.models.scores import as_logits
from rafair.tabular.schema import Schema


class BlackBox(Classifier):
    """A classifier that only answers, bound to the table that its schema describes.

    It is pickled as what it was made from, never as a library's own objects.

    Args:
        name: What to call it in reports.
        schema: The features of the rows it is asked about.
        sha256: The hash of the file it comes from.
        recipe: The class, and the content and options to make it from again.
    """

    differentiable = False
    n_parameters = None
    n_classes = None
    probabilities: bool = False
    """Whether `scores` gives probabilities."""
    stated: bool = True
    """Whether it is known what `scores` gives; where not, answers that look like probabilities are
    refused once rows of the table are at hand."""
    no_gradients: str = ""
    """Why it gives none, where that needs saying."""

    def __init__(
        self, name: str, schema: Schema, sha256: str, recipe: tuple[Callable[..., Any], Any, Any]
    ) -> None:
        self.name = name
        self.n_features = len(schema)
        self._schema = schema
        self._sha256 = sha256
        self._recipe = recipe

    @property
    def sha256(self) -> str:
        """The hash of the file it comes from."""
        return self._sha256

    @abstractmethod
    def scores(self, rows: Rows) -> Any:
        """What the model itself answers: one score per class, or one of class 1."""

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`.

        Raises:
            ModelError: If the model does not take the rows, or its answers are no probabilities.
        """
        return as_logits(self.scores(rows), probabilities=self.probabilities, name=self.name)

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


@contextmanager
def asked(name: str, hint: str = "") -> Iterator[None]:
    """Makes one line of whatever a model raises, with a hint at its end."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise ModelError(
            f"model '{name}': does not take these rows: {type(error).__name__}: {reason_of(error)}"
            + hint
        ) from error


def probe_rows(schema: Schema, n: int = 8) -> Rows:
    """A few rows in [0, 1] to look at a model's answers; always the same ones."""
    return np.random.default_rng(0).random((n, len(schema)), dtype=np.float32)
