"""The one loop that trains a network by a method; interrupted, it carries on epoch by epoch.

The same table, method and seed give the same network, bit by bit, interrupted or not: whatever is
random in an epoch follows from the seed and the epoch's number alone.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from rafair.engine.progress import SILENT, Progress, Task
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.hardening.method import TrainingMethod
from rafair.hardening.sampled_neighbours import Neighbourhood
from rafair.models.classifier import Labels, Rows
from rafair.models.paper_network import fcnn
from rafair.models.training import TrainConfig
from rafair.tabular.perturbation import PerFeature
from rafair.tabular.table import Table

RISE = 0.3
"""The share of all steps in which epsilon rises from 0 to its full size."""


Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingState:
    """Where a training is after some whole epochs.

    Args:
        epoch: How many epochs are done.
        network: The network's parameters by name.
        optimizer: What Adam remembers of each parameter, by the parameter's number and its name.
        broken: Whether the loss was no finite number in the epoch after it, so that this is the
            last good network.
        seconds: How long it took so far.
    """

    epoch: int
    network: Tensors
    optimizer: Tensors
    broken: bool = False
    seconds: float = 0.0


class Keeper(Protocol):
    """Where an interrupted training finds what it has done."""

    def rows(self) -> tuple[Rows, Labels] | None:
        """The rows to learn from, if they were kept."""

    def keep_rows(self, rows: Rows, labels: Labels) -> None:
        """Keeps the rows to learn from."""

    def state(self) -> TrainingState | None:
        """The last state that was kept, if any."""

    def keep(self, state: TrainingState) -> None:
        """Keeps the state after an epoch."""


class Forgetting:
    """Keeps nothing."""

    def rows(self) -> None:
        """None."""

    def keep_rows(self, rows: Rows, labels: Labels) -> None:
        """Does nothing."""

    def state(self) -> None:
        """None."""

    def keep(self, state: TrainingState) -> None:
        """Does nothing."""


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
        self, table: Table, *, keeper: Keeper | None = None, progress: Progress = SILENT
    ) -> tuple[nn.Sequential, TrainingState]:
        """Trains the paper's network.

        Args:
            table: The rows to learn from.
            keeper: Holds what an interrupted training has done, and is told the state after each
                epoch.
            progress: Where to show a bar.

        Returns:
            The network, in evaluation mode, and the state it is in. Should the loss break down,
            these are the last good ones, with `broken` set.

        Raises:
            InputError: If the loss breaks down in the first epoch, so that there is no network.
        """
        begun, keeper = time.perf_counter(), keeper or Forgetting()
        around = Neighbourhood.of(table.schema, self.epsilon)
        learned = keeper.rows()
        if learned is None:
            learned = self.method.rows_to_learn(table, around, self.training, progress)
            if learned[0] is not table.rows:
                keeper.keep_rows(*learned)
        return _Training(self, table, *learned, around, begun).go(keeper, progress)


class _Training:
    """One training under way."""

    def __init__(
        self,
        hardening: Hardening,
        table: Table,
        rows: Rows,
        labels: Labels,
        around: Neighbourhood,
        begun: float,
    ) -> None:
        self.hardening, self.config, self.around = hardening, hardening.training, around
        self.name, self.begun = table.name, begun
        self.rows, self.labels = torch.tensor(rows), torch.tensor(labels)
        self.network = fcnn(
            len(table.schema), len(table.schema.classes), seed=hardening.training.seed
        )
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.config.learning_rate, fused=True
        )
        self.batches = math.ceil(len(self.rows) / self.config.batch)

    def go(self, keeper: Keeper, progress: Progress) -> tuple[nn.Sequential, TrainingState]:
        state = keeper.state() or TrainingState(0, {}, {})
        if state.epoch:
            self._put_back(state)
        self.begun -= state.seconds
        left = (self.config.epochs - state.epoch) * self.batches
        # one core: how a sum is split between cores decides its rounding, and so the network
        with Workers(1), progress.task(f"hardening on '{self.name}'", left, "steps") as task:
            while state.epoch < self.config.epochs and not state.broken:
                done = self._epoch(state.epoch, task)
                state = self._state(state.epoch + 1) if done else self._last_good(state)
                keeper.keep(state)
        return self.network.eval(), state

    def _epoch(self, epoch: int, task: Task) -> bool:
        """Does an epoch; says whether losses, and the answers after it, are finite numbers."""
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
        with torch.no_grad():
            return bool(torch.isfinite(self.network(self.rows)).all())

    def _share(self, step: int) -> float:
        """How much of epsilon counts at a step."""
        return min(1.0, step / max(RISE * self.config.epochs * self.batches, 1))

    def _state(self, epoch: int) -> TrainingState:
        """Copies of all that the next epoch depends on."""
        network = {name: value.clone() for name, value in self.network.state_dict().items()}
        memory = self.optimizer.state_dict()["state"]
        optimizer = {
            f"{number}.{name}": value.clone()
            for number, values in memory.items()
            for name, value in values.items()
        }
        return TrainingState(epoch, network, optimizer, seconds=time.perf_counter() - self.begun)

    def _put_back(self, state: TrainingState) -> None:
        self.network.load_state_dict(state.network)
        memory: dict[int, Tensors] = {}
        for key, value in state.optimizer.items():
            number, _, name = key.partition(".")
            memory.setdefault(int(number), {})[name] = value.clone()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})

    def _last_good(self, state: TrainingState) -> TrainingState:
        if state.epoch == 0:
            raise InputError(
                "training broke down in its first epoch: the loss is not a finite number; try a "
                "smaller learning rate"
            )
        self._put_back(state)
        return replace(state, broken=True, seconds=time.perf_counter() - self.begun)
