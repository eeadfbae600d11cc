"""The audits that the asked parts of the paper need, and the folders they live in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rafair.auditing.audit_setup import AuditConfig
from rafair.study.config import Part, StudyConfig

MODELS, AUDITS, TRAJECTORIES = Path("models"), Path("audits"), Path("trajectories")


class Purpose(StrEnum):
    """What an audit serves."""

    TABLES = "tables"
    EPSILONS = "epsilons"
    FIGURES = "figures"


NEEDED: dict[Part, tuple[Purpose, ...]] = {
    Part.TABLE3: (Purpose.TABLES,),
    Part.TABLE4: (Purpose.TABLES,),
    Part.EXAMPLES: (Purpose.TABLES,),
    Part.EPSILONS: (Purpose.TABLES, Purpose.EPSILONS),
    Part.FIGURES: (Purpose.FIGURES,),
}


@dataclass(frozen=True)
class Trial:
    """One audit of one network.

    Args:
        purpose: What it serves.
        dataset: The data set.
        seed: The seed of the network and of the sample of instances.
        epsilon: The largest change of a feature.
        config: The audit's options.
    """

    purpose: Purpose
    dataset: str
    seed: int
    epsilon: float
    config: AuditConfig

    @property
    def model(self) -> Path:
        """The network's folder, below the reproduction's."""
        return MODELS / f"{self.dataset}-{self.seed}"

    @property
    def folder(self) -> Path:
        """The audit's run folder, below the reproduction's."""
        name = f"{self.dataset}-{self.seed}"
        if self.purpose == Purpose.FIGURES:
            return TRAJECTORIES / name
        return AUDITS / f"{name}-eps{self.epsilon:g}"


def plan_trials(parts: Collection[Part], config: StudyConfig) -> list[Trial]:
    """The audits to do, network by network.

    Example:
        >>> config = StudyConfig(datasets=("affairs",))
        >>> [trial.folder.as_posix() for trial in plan_trials([Part.EPSILONS], config)]
        ['audits/affairs-0-eps0.2', 'audits/affairs-0-eps0.05', 'audits/affairs-0-eps0.1']
    """
    purposes = {purpose for part in parts for purpose in NEEDED[part]}
    return [
        trial
        for seed in config.seeds
        for dataset in config.datasets
        for trial in _of_network(purposes, dataset, seed, config)
    ]


def _of_network(
    purposes: Collection[Purpose], dataset: str, seed: int, config: StudyConfig
) -> list[Trial]:
    trials = []
    if Purpose.TABLES in purposes:
        whole = config.attacking(seed)
        trials.append(Trial(Purpose.TABLES, dataset, seed, config.epsilon, whole))
    if Purpose.EPSILONS in purposes:
        for epsilon in config.epsilons[:-1]:
            smaller = config.attacking(seed, epsilon)
            trials.append(Trial(Purpose.EPSILONS, dataset, seed, epsilon, smaller))
    if Purpose.FIGURES in purposes:
        followed = config.following(seed)
        trials.append(Trial(Purpose.FIGURES, dataset, seed, followed.widest, followed))
    return trials
