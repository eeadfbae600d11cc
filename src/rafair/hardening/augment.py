"""Augmentation: learning again, with what RAFair found added under its true labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rafair.arguments import check_whole
from rafair.auditing.entry import audit
from rafair.engine.progress import Progress
from rafair.hardening.method import Network, TrainingMethod, cross_entropy_of
from rafair.hardening.sampled_neighbours import Neighbourhood
from rafair.models.classifier import Labels, Rows
from rafair.models.training import TrainConfig, train
from rafair.search.step_length import following_step
from rafair.tabular.sampling import sample_instances
from rafair.tabular.table import Table
from rafair.verdicts import Verdict


@dataclass(frozen=True)
class Augment(TrainingMethod):
    """Trains as usual, attacks training rows with RAFair, and trains anew with what it found.

    Every distinct iterate in a bad cell is added, with its true label.

    Args:
        attacked: How many training rows are attacked.
        steps: Steps of the attack.

    Raises:
        InputError: If a number is out of range.
    """

    says = "trains again with what RAFair found around training rows, under the true labels"

    attacked: int = 1000
    steps: int = 10

    def __post_init__(self) -> None:
        check_whole("training rows attacked", self.attacked, 1, 10_000_000)
        check_whole("steps of the attack", self.steps, 1, 10_000)

    def rows_to_learn(
        self, table: Table, around: Neighbourhood, training: TrainConfig, progress: Progress
    ) -> tuple[Rows, Labels]:
        """The table's rows, and those that RAFair found around some of them."""
        network = train(table, training, progress=progress)
        some = sample_instances(table.rows, min(self.attacked, len(table)), training.seed)
        reach = zip(table.schema.names, around.reach.tolist(), strict=True)
        epsilon = {name: size for name, size in reach if size > 0}
        found = audit(
            network,
            table.take(some),
            attacks=("rafair",),  # the judge, which is the default of audits, is not the teacher
            steps=self.steps,
            step_size={name: following_step(size, self.steps) for name, size in epsilon.items()},
            epsilon=epsilon,
            labels=None,
            seed=training.seed,
            progress=progress,
        ).adversarial
        bad = found[(found["step"] > 0) & (found["verdict"].astype(str) != str(Verdict.TRUE_FAIR))]
        rows = bad[[f"encoded.{name}" for name in table.schema.names]].to_numpy(np.float32)
        new, first = np.unique(rows, axis=0, return_index=True)
        labels = bad["label"].to_numpy(np.int64)[first]
        return np.concatenate([table.rows, new]), np.concatenate([table.labels, labels])

    def loss(
        self,
        network: Network,
        rows: Tensor,
        labels: Tensor,
        around: Neighbourhood,
        randomness: torch.Generator,
    ) -> Tensor:
        """The mean cross-entropy of a batch."""
        return cross_entropy_of(network, labels)(rows).mean()
