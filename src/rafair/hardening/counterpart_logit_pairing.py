"""Counterpart logit pairing: right answers, and logits that sensitive values do not move."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rafair.arguments import check_real
from rafair.hardening.method import Network, TrainingMethod
from rafair.hardening.sampled_neighbours import Neighbourhood


@dataclass(frozen=True)
class CounterpartLogitPairing(TrainingMethod):
    """`l(x, y) + λ · |z(x) - z(u)|`, with `u` one counterpart drawn at random for each row.

    Rows are not perturbed: this is for individual fairness alone.

    Source: S. Garg et al., "Counterfactual Fairness in Text Classification through Robustness",
    AIES 2019 (counterfactual logit pairing).

    Args:
        weight: The factor λ.

    Raises:
        InputError: If a number is out of range.
    """

    says = "trains for logits that a counterpart does not change"

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_real("weight", self.weight, 0, 1e6, low_included=True)

    def loss(
        self,
        network: Network,
        rows: Tensor,
        labels: Tensor,
        around: Neighbourhood,
        randomness: torch.Generator,
    ) -> Tensor:
        """The mean loss of a batch; see the class."""
        other = around.counterparts(rows, 2, randomness)[:, 1]
        logits = network(rows)
        apart = (logits - network(other)).abs().sum(dim=1)
        return nn.functional.cross_entropy(logits, labels) + self.weight * apart.mean()
