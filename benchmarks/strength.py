"""What our attacks left of some instances, judged once more by the plain network.

Of an audit nothing is taken but the rows that it kept. Whether these are wrong, whether all of
their counterparts get their class, and whether they lie in their boxes, is found out here: by the
network alone, and by counterparts that are enumerated here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import rafair

DATASETS = ("affairs", "adult", "bank", "credit", "compas")
EPSILONS = (0.05, 0.1, 0.2)
ALLOWED = 1
"""Rows by which others may be ahead."""

BLOCK_ROWS, BLOCK = 8192, 32
"""Rows that the network is asked about at once; rows whose counterparts are made at once."""


@dataclass(frozen=True)
class Counted:
    """The audited instances of one network, and what attacks kept of them.

    Args:
        name: The data set.
        epsilon: The half-width of the box.
        network: The network, in single precision.
        rows: The rows as they came; shape `(n, d)`.
        labels: Their classes; shape `(n,)`.
        movable: Which features may move; shape `(d,)`.
        sensitive: The columns of the sensitive features.
        domains: For each of these its encoded values.
        kept: For each attack, the rows that it kept of each instance; shape `(n, T + 1, d)`.
    """

    name: str
    epsilon: float
    network: nn.Module
    rows: np.ndarray
    labels: np.ndarray
    movable: np.ndarray
    sensitive: list[int]
    domains: list[np.ndarray]
    kept: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        name: str,
        network: nn.Module,
        test: rafair.Table,
        epsilon: float,
        attacks: Sequence[str],
        instances: int,
    ) -> Counted:
        """Audits a network with attacks that are single searches."""
        result = rafair.audit(
            network, test, attacks=attacks, instances=instances, epsilon=epsilon, labels=None
        )
        frame = result.adversarial.sort_values(["instance", "step"], kind="stable")
        names = list(test.schema.names)
        columns = [f"encoded.{each}" for each in names]
        kept = {}
        for attack in attacks:
            of_attack = frame[frame["attack"] == attack]
            steps = of_attack["step"].nunique()
            found = of_attack[columns].to_numpy(np.float32).reshape(-1, steps, len(names))
            labels = of_attack["label"].to_numpy().reshape(-1, steps)[:, 0]
            kept[attack] = found
        features = test.schema.features
        domains = result.document["dataset"]["domains"]
        return cls(
            name=name,
            epsilon=epsilon,
            network=network.float().eval(),
            rows=kept[attacks[0]][:, 0].copy(),
            labels=labels.astype(np.int64),
            movable=np.array([each.mutable and not each.sensitive for each in features]),
            sensitive=[names.index(each) for each in domains],
            domains=[np.float32(values) for values in domains.values()],
            kept=kept,
        )

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest value of each feature; each of shape `(n, d)`."""
        reach = np.where(self.movable, np.float32(self.epsilon), np.float32(0))
        return np.maximum(self.rows - reach, 0), np.minimum(self.rows + reach, 1)

    def check(self, found: np.ndarray) -> None:
        """Sees that rows `(n, d)` lie in their boxes.

        Raises:
            ValueError: If one does not.
        """
        lower, upper = self.bounds
        if (found < lower - 1e-6).any() or (found > upper + 1e-6).any():
            raise ValueError(f"{self.name}: a row lies outside of its box")

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """What the network decides for rows `(m, d)`."""
        with torch.inference_mode():
            blocks = torch.from_numpy(np.ascontiguousarray(rows)).split(BLOCK_ROWS)
            return np.concatenate([self.network(block).argmax(dim=1).numpy() for block in blocks])

    def wrong(self, found: np.ndarray) -> np.ndarray:
        """Which rows `(n, d)` get another class than their label."""
        self.check(found)
        return self.classes(found) != self.labels

    def counterparts(self, rows: np.ndarray) -> np.ndarray:
        """The rows `(m, d)` themselves, each followed by all combinations of sensitive values.

        Shape `(m, |I| + 1, d)`.
        """
        combinations = np.array(list(itertools.product(*self.domains)), np.float32)
        others = np.repeat(rows[:, None], len(combinations) + 1, axis=1)
        others[:, 1:, self.sensitive] = combinations
        return others

    def mistaken(self, found: np.ndarray) -> np.ndarray:
        """Of which rows `(n, d)` not all counterparts get the label."""
        self.check(found)
        return np.concatenate(
            [
                (
                    self.classes(others.reshape(-1, found.shape[1])).reshape(len(others), -1)
                    != self.labels[where, None]
                ).any(axis=1)
                for where, others in self.blocks(found)
            ]
        )

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """The counterparts of some rows at a time, and which these are."""
        for begin in range(0, len(rows), BLOCK):
            where = slice(begin, begin + BLOCK)
            yield where, self.counterparts(rows[where])

    def robust_accuracy(self, attack: str) -> int:
        """Of how many instances the attack kept no row that gets another class."""
        kept = self.kept[attack]
        return int((~np.any([self.wrong(rows) for rows in _moments(kept)], axis=0)).sum())

    def robust_accurate_fairness(self, attack: str) -> int:
        """Of how many it kept no row of which a counterpart gets another class than the label."""
        kept = self.kept[attack]
        return int((~np.any([self.mistaken(rows) for rows in _moments(kept)], axis=0)).sum())


def _moments(kept: np.ndarray) -> list[np.ndarray]:
    """The kept rows step by step; those that only repeat the step before are left out."""
    steps = kept.transpose(1, 0, 2)
    return [rows for at, rows in enumerate(steps) if not at or (rows != steps[at - 1]).any()]


def trained(name: str, seed: int) -> tuple[nn.Module, rafair.Table]:
    """The paper's network on a data set, paper variant, and the test split."""
    data = rafair.load_dataset(name, "paper")
    return rafair.train(data.train, rafair.TrainConfig(seed=seed)), data.test
