"""A torch module from somebody's files as a classifier of encoded rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from rafair.models.adapters.asking import asked, probe_rows
from rafair.models.classifier import Cotangent, Logits, Rows
from rafair.models.model_options import ModelOptions
from rafair.models.raw_rows import RawUnits
from rafair.models.scores import check_stated, with_logits
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.schema import Schema


class OpenedModule(TorchClassifier):
    """A torch module between what the schema encodes and one logit per class.

    Args:
        module: The module, in evaluation mode or not.
        schema: The features of the rows it is asked about.
        options: What it takes and gives; "encoded" and "logits" by default. With "raw" inputs, it
            takes float32 numbers in the data's own units, and codes 0, 1, … of levels.
        name: What to call it in reports.
        sha256: The hash of the files it comes from.
        recipe: What makes it again, from what, and with which options.

    Raises:
        ModelError: If it does not take such rows, or its answers look like probabilities although
            nobody said so.
    """

    def __init__(
        self,
        module: nn.Module,
        schema: Schema,
        options: ModelOptions,
        *,
        name: str,
        sha256: str,
        recipe: tuple[Callable[..., Any], Any, ModelOptions],
    ) -> None:
        # one by one and first: copies of what torch scripted would have their history
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        module = module.to(options.device).float().eval()
        raw = RawUnits(schema).to(options.device) if options.inputs == "raw" else None
        with asked(name), torch.no_grad():
            rows = torch.from_numpy(probe_rows(schema)).to(options.device)
            answers = module(raw(rows) if raw else rows)
            scores = np.asarray(answers.detach().cpu())
        check_stated(scores, options.outputs, name)
        whole = with_logits(module, probabilities=options.outputs == "probabilities")
        super().__init__(nn.Sequential(raw, whole) if raw else whole, device=options.device)
        self.name, self._sha256 = name, sha256
        self._recipe = recipe
        self._schema = schema
        self.n_features = len(schema)

    @property
    def sha256(self) -> str:
        """The hash of the files it comes from."""
        return self._sha256

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`.

        Raises:
            ModelError: If the module does not take the rows.
        """
        with asked(self.name):
            return super().logits(rows)

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients of `sum(cotangent * logits)`, `(n, d)`.

        Raises:
            ModelError: If the module does not take the rows, or cuts its answers off from them.
        """
        with asked(self.name):
            return super().logits_and_gradients(rows, cotangent)

    def __reduce__(self) -> tuple[Any, ...]:
        make, content, options = self._recipe
        return make, (content, self._schema, options)
