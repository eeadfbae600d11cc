"""Proofs for fully connected ReLU networks, whatever units their rows come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from rafair.certify.branch_and_bound import Search
from rafair.certify.counterpart_proofs import full_precision
from rafair.certify.margins import Margins
from rafair.certify.network_layers import Layers
from rafair.certify.prover_interface import Confirm, Decided, Indices
from rafair.certify.raw_boxes import Ends, RawEnds, encoded_ends
from rafair.certify.region import Region
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Labels, Rows
from rafair.models.decision import Threshold
from rafair.models.logits_head import GIVEN
from rafair.models.raw_inputs import RawUnits
from rafair.models.read_layers import Matrices, layers_of
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class NetworkProver:
    """Proves classes of a network Linear, ReLU, Linear, …, Linear.

    Args:
        layers: Its layers.
        order: Where among its outputs each class stands; None where they are in order.
        threshold: How it decides, if not for the largest output.
        ends: From boxes of encoded rows to boxes of what the network is given.

    Example:
        >>> from rafair.certify.region import Surroundings
        >>> from rafair.tabular.counterparts import Counterparts
        >>> from rafair.tabular.perturbation import PerturbationSet
        >>> layers = Layers([torch.tensor([[0.0, 0.0], [1.0, 0.5]])], [torch.tensor([0.0, -1.0])])
        >>> prover = NetworkProver(layers)
        >>> both = Counterparts([1], [np.float32([0, 1])])
        >>> around = Surroundings(PerturbationSet(np.float32([0.25, 0])), both)
        >>> rows, none = np.float32([[0.125, 0], [0.5, 0]]), np.zeros(2, np.int64)
        >>> every = lambda owner, rows: np.ones(len(rows), bool)
        >>> found = prover.decide(
        ...     around.joint(rows), none, np.arange(2), 10, every, Workers(1))
        >>> found.proof.tolist(), found.witness[1].tolist()
        ([1, 2], [0.75, 1.0])
    """

    layers: Layers
    order: tuple[int, ...] | None = None
    threshold: Threshold | None = None
    ends: Ends = encoded_ends
    kind: str = "ReLU network"
    continuous: bool = True

    @property
    def reads(self) -> frozenset[int]:
        """The columns that its answers depend on."""
        some = (self.layers.weights[0] != 0).any(dim=0)
        return frozenset(torch.nonzero(some).flatten().tolist())

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        workers: Workers,
    ) -> Decided:
        """Searches the regions of instances for rows of another class than is wanted.

        Instances of which the network is given a value that is missing stay open.
        """
        known = np.ones(len(wanted), bool)
        lower, upper = self.ends(region.lower, region.upper)
        known[region.owner[~np.isfinite((lower + upper).numpy()).all(axis=1)]] = False

        def margins(layers: Layers) -> Margins:
            return Margins.of(layers, self.order, self.threshold)

        search = Search(self.layers, margins, self.ends, region, wanted, budget, confirm, workers)
        return search.run(chosen[known[chosen]])


def network_prover(
    classifier: Classifier, schema: Schema, rows: Rows | None = None
) -> NetworkProver | None:
    """Proofs for a classifier; None where it is of another kind.

    Args:
        classifier: The model.
        schema: The features of the rows that it is asked about.
        rows: Ignored: its own layers are read.

    Raises:
        ModelError: If it is such a network, but one for which nothing can be proven.
    """
    if not isinstance(classifier, TorchClassifier):
        return None
    raw, module = _parts(classifier.module)
    head = classifier.head
    found = None if head is not None and head.kind == GIVEN else layers_of(module)
    if found is None:
        return None
    name, outputs = classifier.name, len(found[-1][0])
    if any(weight.device.type != "cpu" for weight, _ in found) or not full_precision():
        raise ModelError(
            f"model '{name}': expected on the CPU and in full single precision, for which rounding "
            "is known, to prove anything of it"
        )
    threshold = head.threshold if head else None
    if threshold is not None and outputs > 2:
        raise ModelError(
            f"model '{name}': expected a decision for the largest of {outputs} scores; of networks "
            "with more than two classes a threshold cannot be certified"
        )
    found = _two_outputs(found)
    biases = [torch.zeros(len(weight)) if bias is None else bias for weight, bias in found]
    layers = Layers([weight for weight, _ in found], biases)
    ends: Ends = encoded_ends if raw is None else RawEnds(schema, raw)
    least = np.zeros((1, len(schema)), np.float32)
    lower, upper = ends(least, least + 1)
    if not layers.reliable(torch.maximum(lower.abs(), upper.abs()).nan_to_num(0)[0]):
        raise ModelError(
            f"model '{name}': its weights are too large, or not finite: sums of them could "
            "overflow, and nothing can be proven"
        )
    order = tuple(head.order) if head and head.order is not None else None
    return NetworkProver(layers, order, threshold, ends)


def _parts(module: nn.Module) -> tuple[RawUnits | None, nn.Module]:
    """What makes the data's own units of encoded rows, if anything does, and the network."""
    if type(module) is nn.Sequential and len(module) == 2 and isinstance(module[0], RawUnits):
        return module[0], module[1]
    return None, module


def _two_outputs(found: Matrices) -> Matrices:
    """The same layers, with an output of 0 beside the only one there may be."""
    weight, bias = found[-1]
    if len(weight) != 1:
        return found
    zero = torch.zeros(1, dtype=weight.dtype) if bias is None else bias
    wide = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(zero), zero])
    return [*found[:-1], wide]
