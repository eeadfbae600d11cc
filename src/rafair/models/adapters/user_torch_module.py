"""A torch module of a user as a classifier of the table's encoded rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import nn

from rafair.errors import ModelError
from rafair.models.adapters.output_classes import order_of
from rafair.models.adapters.score_model import asked, probe_rows, terms_of
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.models.copying import copied
from rafair.models.decision import threshold_of
from rafair.models.dense_network import DenseNetwork, is_bare
from rafair.models.logits_from_answers import check_stated
from rafair.models.logits_head import GIVEN, LINKED, LOGITS, Head
from rafair.models.model_options import ModelOptions
from rafair.models.raw_inputs import RawUnits
from rafair.models.torch_module import TorchClassifier, precision_of, tensor_of
from rafair.tabular.schema import Schema

Recipe = tuple[Callable[..., Any], Any, ModelOptions]


class OpenedModule(TorchClassifier):
    """A torch module between what the schema encodes and one logit per class.

    Args:
        module: The module, in evaluation mode or not; it is copied.
        schema: The features of the rows it is asked about.
        options: What it takes and gives; "encoded" and "logits" by default. With "raw" inputs, it
            takes numbers in the data's own units, and codes 0, 1, … of levels.
        name: What to call it in reports.
        sha256: The hash of the files it comes from; None where it comes from none, and its own
            state is hashed.
        recipe: What makes it again, from what, and with which options; None for a live module.
        shortcut: Whether it may take the faster path of fully connected networks.

    Raises:
        ModelError: If it does not take such rows, or its answers look like probabilities although
            nobody said so.
    """

    answers: Classifier | None = None
    """Who knows what the model itself answers, where the module was made to answer like it."""

    def __init__(
        self,
        module: nn.Module,
        schema: Schema,
        options: ModelOptions,
        *,
        name: str,
        sha256: str | None = None,
        recipe: Recipe | None = None,
        shortcut: bool = True,
    ) -> None:
        module = copied(module, name).to(options.device).eval()
        raw = None
        if options.inputs == "raw":
            raw = RawUnits(schema, precision_of(module)).to(options.device)
        check_width(DenseNetwork.of(module), schema, name)
        scores = _probed(module, raw, schema, name, options.device)
        if recipe is not None or scores.ndim == 1 or scores.shape[-1] == 1:
            # of a live module with a column for each class, logits are the contract
            check_stated(scores, options.outputs, name)
        probabilities = options.outputs == "probabilities"
        threshold = threshold_of(options.threshold, schema.classes)
        whole, kind, single = without_link(module, probabilities=probabilities)
        order = order_of(options.classes, schema, name)
        super().__init__(
            nn.Sequential(raw, whole) if raw else whole,
            device=options.device,
            name=name,
            head=Head(kind, order=order, threshold=threshold, single=single),
            shortcut=shortcut,
        )
        self._own_sha256, self._recipe = sha256, recipe
        self._given = module, schema, options
        self.n_features, self.n_classes = len(schema), None
        self.terms = terms_of(options, threshold, default="encoded")

    @property
    def sha256(self) -> str | None:
        """The hash of the files it comes from, or of its state."""
        return self._own_sha256 or super().sha256

    def reopened(self, options: ModelOptions, *, shortcut: bool = True) -> Classifier:
        """The same module, opened with other options."""
        module, schema, _ = self._given
        if self._recipe is not None and shortcut:
            make, content, _ = self._recipe
            opened: Classifier = make(content, schema, options)
            return opened
        return OpenedModule(
            module, schema, options, name=self.name, sha256=self._own_sha256, shortcut=shortcut
        )

    @property
    def options(self) -> ModelOptions:
        """How it was opened."""
        return self._given[2]

    @property
    def schema(self) -> Schema:
        """The features of the rows it is asked about."""
        return self._given[1]

    def without_shortcut(self) -> Classifier | None:
        """The same model, asked without any short cut; None where there is none."""
        if self.answers is not None:
            return self.answers
        return None if self.dense is None else self.reopened(self.options, shortcut=False)

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
        if self._recipe is None:
            module, schema, options = self._given
            return _again, (module, schema, options, self.name, self.dense is not None)
        make, content, options = self._recipe
        return make, (content, self._given[1], options)


def _again(
    module: nn.Module, schema: Schema, options: ModelOptions, name: str, shortcut: bool
) -> OpenedModule:
    return OpenedModule(module, schema, options, name=name, shortcut=shortcut)


def check_width(dense: DenseNetwork | None, schema: Schema, name: str) -> None:
    """Refuses a fully connected network of other columns than the table has.

    Raises:
        ModelError: If it is one.
    """
    if dense is not None and dense.n_features != len(schema):
        raise ModelError(
            f"model '{name}': expected rows of {len(schema)} features as in the table, it takes "
            f"{dense.n_features}"
        )


def _probed(module: nn.Module, raw: RawUnits | None, schema: Schema, name: str, device: str) -> Any:
    """What the module answers to a few rows."""
    with asked(name), torch.no_grad():
        rows = torch.from_numpy(probe_rows(schema)).to(device)
        # TorchScript gives parameters no common place: each is told by itself
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        answers = module(raw(rows) if raw else rows.to(precision_of(module)))
        return np.asarray(tensor_of(answers, name).detach().float().cpu())


def without_link(module: nn.Module, *, probabilities: bool) -> tuple[nn.Module, str, bool]:
    """The module without what makes probabilities at its end, what it then gives, and if singly.

    A softmax or sigmoid at the end of a chain of layers is taken away, which is exact where a
    probability would round to 0 or 1; a last layer with one unit gets a second one, so that a chain
    of linear and ReLU layers stays one.

    Args:
        module: From rows to scores.
        probabilities: Whether the scores are probabilities.
    """
    kind = GIVEN if probabilities else LOGITS
    if type(module) is not nn.Sequential or not len(module) or not is_bare(module):
        return module, kind, False
    layers = list(module)
    if probabilities and _is_link(layers):
        layers, kind = layers[:-1], LINKED
    final = layers[-1]
    single = False
    if kind != GIVEN and _is_linear(final) and final.out_features == 1:
        layers[-1], single = _two_units(final), True
    if kind == GIVEN or not (single or kind == LINKED):
        return module, kind, False
    return nn.Sequential(*layers), kind, single


def _is_link(layers: list[nn.Module]) -> bool:
    """Whether the last layer makes probabilities of the logits that the one before it gives."""
    if len(layers) < 2 or not _is_linear(layers[-2]) or not is_bare(layers[-1]):
        return False
    single = layers[-2].out_features == 1
    link = layers[-1]
    if type(link) is nn.Sigmoid:
        return single
    return isinstance(link, nn.Softmax) and link.dim in (1, -1) and not single


def _is_linear(layer: nn.Module) -> TypeGuard[nn.Linear]:
    return type(layer) is nn.Linear and is_bare(layer)


def _two_units(layer: nn.Linear) -> nn.Linear:
    wide = nn.Linear(layer.in_features, 2, bias=True, dtype=layer.weight.dtype)
    with torch.no_grad():
        wide.weight.zero_()
        wide.bias.zero_()
        wide.weight[1] = layer.weight[0]
        if layer.bias is not None:
            wide.bias[1] = layer.bias[0]
    return wide.requires_grad_(False)
