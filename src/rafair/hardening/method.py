"""What a method of hardening brings: the loss of a batch, and the rows to learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from rafair.engine.progress import Progress
from rafair.hardening.sampled_neighbours import Neighbourhood
from rafair.models.classifier import Labels, Rows
from rafair.models.training import TrainConfig
from rafair.tabular.table import Table

Network = Callable[[Tensor], Tensor]
"""From encoded rows `(n, d)` to logits `(n, c)`."""


class TrainingMethod(ABC):
    """A way to train a network anew; its fields are its options.

    `hardening/training_loop.py` has the one loop.
    """

    says: ClassVar[str]
    """What it does, in words that begin with a verb."""
    uses_sensitive_values: ClassVar[bool] = True
    """Whether the hardened model looks at the row's own sensitive values."""

    @property
    def searched(self) -> int:
        """How many steps the attack takes that training learns from; 0 where there is none."""
        return int(getattr(self, "steps", 0))

    def rows_to_learn(
        self, table: Table, around: Neighbourhood, training: TrainConfig, progress: Progress
    ) -> tuple[Rows, Labels]:
        """The rows to learn from and their classes: the table's, unless a method adds some.

        Args:
            table: The training rows.
            around: What may happen to them.
            training: How the network will be trained.
            progress: Where to show a bar.
        """
        return table.rows, table.labels

    @abstractmethod
    def loss(
        self,
        network: Network,
        rows: Tensor,
        labels: Tensor,
        around: Neighbourhood,
        randomness: torch.Generator,
    ) -> Tensor:
        """The mean loss of a batch.

        Args:
            network: What is being trained.
            rows: Encoded rows; shape `(n, d)`.
            labels: Their true classes; shape `(n,)`.
            around: What may happen to them, at this moment of the schedule.
            randomness: Where every random number comes from.
        """


def cross_entropy_of(network: Network, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The cross-entropy of each row, of as many rows as there are labels or a multiple of it."""

    def losses(rows: Tensor) -> Tensor:
        each = len(rows) // len(labels)
        return nn.functional.cross_entropy(
            network(rows), labels.repeat_interleave(each), reduction="none"
        )

    return losses
