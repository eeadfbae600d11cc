"""Training on the worst counterpart of each row under the worst perturbation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rafair.arguments import check_real, check_whole
from rafair.hardening.method import Network, TrainingMethod, cross_entropy_of
from rafair.hardening.sampled_neighbours import Neighbourhood, worst_of


@dataclass(frozen=True)
class CounterpartAdversarial(TrainingMethod):
    """A row must be answered rightly wherever it is moved, whoever it belongs to.

    With `l` the cross-entropy, a batch's loss is `c · l(x, y) + (1 - c) · l(u, y)`, where `u` is
    sought by signed-gradient steps inside the box around `x`; before the first of them (the first
    `draws`) the sensitive values become those of the sampled counterpart with the largest loss.
    An answer that is right for all counterparts of all perturbed rows is both accurate and the same
    for all of them: that is robust accurate fairness (Definition 3.1), of which this loss is the
    empirical surrogate.

    Args:
        steps: Steps of the inner search.
        counterparts: How many counterparts are drawn for a row, the row itself among them.
        draws: Before how many of the steps new ones are drawn.
        clean: The weight `c` of the rows as they are.

    Raises:
        InputError: If a number is out of range.
    """

    says = "trains on the worst counterpart of each row under the worst perturbation"

    steps: int = 3
    counterparts: int = 8
    draws: int = 1
    clean: float = 0.3

    def __post_init__(self) -> None:
        check_whole("steps of the inner search", self.steps, 1, 1_000)
        check_whole("counterparts drawn", self.counterparts, 2, 100_000)
        check_whole("draws", self.draws, 1, self.steps)
        check_real("weight of clean rows", self.clean, 0, 1, low_included=True)

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
        for step in range(self.steps):
            if step < self.draws:
                worst = worst_of(around.counterparts(worst, self.counterparts, randomness), losses)
            worst = around.uphill(worst, rows, losses, self.steps)
        return self.clean * losses(rows).mean() + (1 - self.clean) * losses(worst).mean()
