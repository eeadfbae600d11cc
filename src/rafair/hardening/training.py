"""The one loop that trains a network by a method; interrupted, it carries on epoch by epoch.

The same table, method and seed give the same network, bit by bit, interrupted or not: whatever is
random in an epoch follows from the seed and the epoch's number alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from rafair.engine.progress import SILENT, Progress, Task
from rafair.engine.workers import Workers
from rafair.errors import InputError
from rafair.hardening.method import TrainingMethod
from rafair.hardening.neighbourhood import Neighbourhood
from rafair.models.classifier import Labels, Rows
from rafair.models.network import fcnn
from rafair.models.training import TrainConfig
from rafair.tabular.perturbation import PerFeature
from rafair.tabular.table import Table

RISE = 0.3
"""The share of all steps in which epsilon rises from 0 to its full size."""


@dataclass
class TrainingState:
    """Where a training is after some whole epochs.

    Args:
        epoch: How many epochs are done.
        network: The network's state.
        optimizer: Adam's state.
        broken: Whether the loss was no finite number in the epoch after it, so that this is the
            last good network.
    """

    epoch: int
    network: dict[str, Any]
    optimizer: dict[str, Any]
    broken: bool = False


Keep = Callable[[TrainingState], None]


@dataclass(frozen=True)
class Hardening:
    """How a network is hardened.

    Args:
        method: The method.
        epsilon: The largest change of a feature that training lets happen, as a share of its
            range, or one by name.
        training: Epochs, batch, learning rate, seed; the loss is the method's.
    """

    method: TrainingMethod
    epsilon: PerFeature
    training: TrainConfig

    def train(
        self,
        table: Table,
        *,
        state: TrainingState | None = None,
        keep: Keep = lambda state: None,
        progress: Progress = SILENT,
    ) -> tuple[nn.Sequential, TrainingState]:
        """Trains the paper's network.

        Args:
            table: The rows to learn from.
            state: Where an interrupted training was, to be carried on.
            keep: Told the state after each epoch.
            progress: Where to show a bar.

        Returns:
            The network, in evaluation mode, and the state it is in. Should the loss break down,
            these are the last good ones, with `broken` set.

        Raises:
            InputError: If the loss breaks down in the first epoch, so that there is no network.
        """
        around = Neighbourhood.of(table.schema, self.epsilon)
        rows, labels = self.method.rows_to_learn(table, around, self.training, progress)
        return _Training(self, table, rows, labels, around).go(state, keep, progress)


class _Training:
    """One training under way."""

    def __init__(
        self,
        hardening: Hardening,
        table: Table,
        rows: Rows,
        labels: Labels,
        around: Neighbourhood,
    ) -> None:
        self.hardening, self.config, self.around = hardening, hardening.training, around
        self.name = table.name
        self.rows, self.labels = torch.tensor(rows), torch.tensor(labels)
        self.network = fcnn(
            len(table.schema), len(table.schema.classes), seed=hardening.training.seed
        )
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.config.learning_rate, fused=True
        )
        self.batches = math.ceil(len(self.rows) / self.config.batch)

    def go(
        self, state: TrainingState | None, keep: Keep, progress: Progress
    ) -> tuple[nn.Sequential, TrainingState]:
        state = self._at(state) if state else TrainingState(0, {}, {})
        left = (self.config.epochs - state.epoch) * self.batches
        # one core: how a sum is split between cores decides its rounding, and so the network
        with Workers(1), progress.task(f"hardening on '{self.name}'", left, "steps") as task:
            while state.epoch < self.config.epochs and not state.broken:
                if not self._epoch(state.epoch, task):
                    state = self._back(state)
                else:
                    state = self._now(state.epoch + 1)
                keep(state)
        return self.network.eval(), state

    def _epoch(self, epoch: int, task: Task) -> bool:
        """Does an epoch; says whether the loss was a finite number all along."""
        seed = np.random.SeedSequence([self.config.seed, epoch]).generate_state(1, np.uint64)
        randomness = torch.Generator().manual_seed(int(seed[0] >> np.uint64(1)))
        order = torch.randperm(len(self.rows), generator=randomness)
        for number, chosen in enumerate(torch.split(order, self.config.batch)):
            around = replace(self.around, share=self._share(epoch * self.batches + number))
            self.optimizer.zero_grad()
            loss = self.hardening.method.loss(
                self.network, self.rows[chosen], self.labels[chosen], around, randomness
            )
            if not torch.isfinite(loss):
                return False
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.optimizer.step()
            task.advance()
        return all(bool(torch.isfinite(each).all()) for each in self.network.parameters())

    def _share(self, step: int) -> float:
        """How much of epsilon counts at a step."""
        return min(1.0, step / max(RISE * self.config.epochs * self.batches, 1))

    def _now(self, epoch: int) -> TrainingState:
        network = copy.deepcopy(self.network.state_dict())
        return TrainingState(epoch, network, copy.deepcopy(self.optimizer.state_dict()))

    def _at(self, state: TrainingState) -> TrainingState:
        self.network.load_state_dict(state.network)
        self.optimizer.load_state_dict(copy.deepcopy(state.optimizer))
        return state

    def _back(self, state: TrainingState) -> TrainingState:
        if state.epoch == 0:
            raise InputError(
                "training broke down in its first epoch: the loss is not a finite number; try a "
                "smaller learning rate"
            )
        return replace(self._at(state), broken=True)
