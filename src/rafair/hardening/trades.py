"""TRADES: right answers for the rows as they are, unchanged ones around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rafair.arguments import check_real, check_whole
from rafair.hardening.method import Network, TrainingMethod
from rafair.hardening.sampled_neighbours import Neighbourhood


@dataclass(frozen=True)
class Trades(TrainingMethod):
    """`l(x, y) + β · KL(p(x) ‖ p(x'))`, with `x'` the row in the box that changes most.

    Source: H. Zhang et al., "Theoretically Principled Trade-off between Robustness and Accuracy",
    ICML 2019 (their β is 6 on CIFAR-10).

    Args:
        steps: Steps of the inner search.
        beta: How much stability counts against accuracy.

    Raises:
        InputError: If a number is out of range.
    """

    says = "trains for right answers, and for answers that perturbations do not change"

    steps: int = 3
    beta: float = 6.0

    def __post_init__(self) -> None:
        check_whole("steps of the inner search", self.steps, 1, 1_000)
        check_real("beta", self.beta, 0, 1e6, low_included=True)

    def loss(
        self,
        network: Network,
        rows: Tensor,
        labels: Tensor,
        around: Neighbourhood,
        randomness: torch.Generator,
    ) -> Tensor:
        """The mean loss of a batch; see the class."""
        with torch.no_grad():
            as_it_was = network(rows).log_softmax(dim=1)

        def change(moved: Tensor) -> Tensor:
            return _divergence(as_it_was, network(moved).log_softmax(dim=1))

        worst = around.somewhere(rows, randomness)
        for _ in range(self.steps):
            worst = around.uphill(worst, rows, change, self.steps)
        logits = network(rows)
        stable = _divergence(logits.log_softmax(dim=1), network(worst).log_softmax(dim=1))
        return nn.functional.cross_entropy(logits, labels) + self.beta * stable.mean()


def _divergence(first: Tensor, second: Tensor) -> Tensor:
    """Kullback and Leibler's divergence of log-probabilities `(n, c)`, row by row; `(n,)`."""
    return (first.exp() * (first - second)).sum(dim=1)
