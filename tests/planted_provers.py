"""Provers whose every answer is known by hand: of linear scores, and of rows that can be listed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from rafair.certify import prover_registry
from rafair.certify.model_queries import Asked
from rafair.certify.prover_interface import Decided, Proof
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.counterparts import Counterparts


def _open(wanted, width):
    n = len(wanted)
    rows = np.full((n, width), np.nan, np.float32)
    return Decided(np.zeros(n, np.int8), rows, np.zeros(n, np.int64))


@dataclass(frozen=True)
class LinearProver:
    """Of two logits that are linear: the corner where their difference is least decides."""

    weights: np.ndarray
    bias: float
    slack: float = 1e-5
    kind: str = "planted linear model"
    continuous: bool = True
    needs: int = 1
    """Boxes that a region needs: with a smaller budget it stays open."""

    @property
    def reads(self):
        return frozenset(np.flatnonzero(self.weights).tolist())

    def decide(self, region, wanted, chosen, budget, confirm, workers):
        found = _open(wanted, region.lower.shape[1])
        for instance in chosen.tolist():
            found.boxes[instance] = min(budget, self.needs)
            if budget < self.needs:
                continue
            found.proof[instance] = Proof.PROVEN
            side = self.weights * (1 if wanted[instance] else -1)
            for box in np.flatnonzero(region.owner == instance):
                row = np.where(side > 0, region.lower[box], region.upper[box])
                least = (row.astype(float) @ self.weights + self.bias) * (
                    1 if wanted[instance] else -1
                )
                if least > self.slack:
                    continue
                if confirm(np.array([instance]), row[None])[0]:
                    found.proof[instance] = Proof.REFUTED
                    found.witness[instance] = row
                    break
                found.proof[instance] = Proof.NEAR_TIE
        return found


@dataclass(frozen=True)
class ListingProver:
    """Looks at every row of boxes all of whose features that vary are listed, one box a row."""

    kind: str = "planted rules"
    continuous: bool = False

    def decide(self, region, wanted, chosen, budget, confirm, workers):
        found = _open(wanted, region.lower.shape[1])
        for instance in chosen.tolist():
            rows = np.concatenate(
                [self._rows(region, box) for box in np.flatnonzero(region.owner == instance)]
            )
            looked = rows[:budget]
            found.boxes[instance] = len(looked)
            against = confirm(np.full(len(looked), instance), looked)
            if against.any():
                found.proof[instance] = Proof.REFUTED
                found.witness[instance] = looked[int(against.argmax())]
            elif len(looked) == len(rows):
                found.proof[instance] = Proof.PROVEN
        return found

    @staticmethod
    def _rows(region, box):
        lower, upper = region.lower[box], region.upper[box]
        each = []
        for column, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low == high:
                each.append([low])
                continue
            assert region.listed[box, column], "only listed features may vary"
            values = region.values[column]
            each.append(values[(values >= low) & (values <= high)])
        return np.array(list(itertools.product(*each)), np.float32)


def linear_prover(classifier, schema, rows=None):
    """A `LinearProver` of a network of one layer that gives two logits; None of anything else."""
    module = classifier.module if isinstance(classifier, TorchClassifier) else None
    if isinstance(module, nn.Sequential) and len(module) == 1:
        module = module[0]
    if not isinstance(module, nn.Linear) or module.out_features != 2:
        return None
    with torch.no_grad():
        weight, bias = module.weight.double().numpy(), module.bias.double().numpy()
    return LinearProver(weight[1] - weight[0], float(bias[1] - bias[0]))


def planted_kinds(monkeypatch, *attempts):
    """Lets `prover_of` know planted provers alone."""
    monkeypatch.setattr(
        prover_registry,
        "KINDS",
        tuple((f"planted {number}", one) for number, one in enumerate(attempts)),
    )


def asked_of(classes: Callable, counterparts: Counterparts) -> Asked:
    """A function's own answers; counterparts one after the other."""

    def disagreeing(rows):
        found = np.full(rows.shape, np.nan, np.float32)
        for number, row in enumerate(rows):
            own = classes(row[None])[0]
            for block in counterparts.enumerate(row):
                unlike = np.flatnonzero(classes(block) != own)
                if unlike.size:
                    found[number] = block[unlike[0]]
                    break
        return found

    return Asked(classes, disagreeing)
