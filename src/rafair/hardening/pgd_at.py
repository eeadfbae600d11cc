"""Adversarial training: learning from the rows that PGD finds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rafair.arguments import check_whole
from rafair.hardening.method import Network, TrainingMethod, cross_entropy_of
from rafair.hardening.sampled_neighbours import Neighbourhood


@dataclass(frozen=True)
class PgdTraining(TrainingMethod):
    """Every row is replaced by the worst that PGD finds around it; sensitive values stay.

    Source: A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR
    2018.

    Args:
        steps: Steps of PGD.

    Raises:
        InputError: If a number is out of range.
    """

    says = "trains on the worst perturbation of each row that PGD finds"

    steps: int = 3

    def __post_init__(self) -> None:
        check_whole("steps of the inner search", self.steps, 1, 1_000)

    def loss(
        self,
        network: Network,
        rows: Tensor,
        labels: Tensor,
        around: Neighbourhood,
        randomness: torch.Generator,
    ) -> Tensor:
        """The mean loss of a batch; see the class."""
        losses = cross_entropy_of(network, labels)
        worst = around.somewhere(rows, randomness)
        for _ in range(self.steps):
            worst = around.uphill(worst, rows, losses, self.steps)
        return losses(worst).mean()
