"""What a reproduction is asked to do, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rafair.arguments import check_name, check_whole
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.auditing.config import AuditConfig
from rafair.datasets.info import Variant
from rafair.datasets.registry import DATASETS
from rafair.errors import InputError
from rafair.models.training import TrainConfig
from rafair.results.options import LARGEST_SEED

PAPER_DATASETS = ("adult", "bank", "credit", "compas")
MOST_MODELS = 1000
LEAST_FIGURE_STEPS = 2  # a slope takes three points


class Part(StrEnum):
    """What can be reproduced."""

    TABLE3 = "table3"
    TABLE4 = "table4"
    EPSILONS = "epsilons"
    FIGURES = "figures"
    EXAMPLES = "examples"
    ALL = "all"


def parts_of(what: str) -> tuple[Part, ...]:
    """The single parts that a name asks for.

    Raises:
        UnknownNameError: If there is no such part.

    Example:
        >>> [str(part) for part in parts_of("all")]
        ['table3', 'table4', 'epsilons', 'figures', 'examples']
    """
    part = Part(check_name("part of the paper", what, list(Part)))
    return tuple(single for single in Part if single != Part.ALL) if part == Part.ALL else (part,)


@dataclass(frozen=True)
class StudyConfig:
    """The options of a reproduction; the defaults are the paper's.

    Args:
        datasets: Which data sets.
        variant: Which features they are loaded with.
        models: How many networks per data set, trained from `seed`, `seed + 1`, and so on. Each
            also has a sample of instances of its own.
        instances: Test rows that are attacked; None takes all.
        steps: Steps of each attack and of the repair.
        step_size: The length of a step, as a share of each feature's range.
        epochs: Passes over the training rows.
        train_loss: What training follows.
        seed: The first seed.
        figure_instances: Test rows whose losses are followed for the figures.
        figure_steps: Steps over which they are followed.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> StudyConfig(datasets=("credit",)).epsilons
        (0.05, 0.1, 0.2)
    """

    datasets: tuple[str, ...] = PAPER_DATASETS
    variant: str = Variant.PAPER.value
    models: int = 1
    instances: int | None = 200
    steps: int = 20
    step_size: float = 0.01
    epochs: int = 50
    train_loss: str = "cross-entropy"
    seed: int = 0
    figure_instances: int = 100
    figure_steps: int = 50

    def __post_init__(self) -> None:
        _check_datasets(self.datasets)
        check_name("variant", self.variant, list(Variant))
        check_whole("models", self.models, 1, MOST_MODELS)
        check_whole("seed", self.seed, 0, LARGEST_SEED + 1 - self.models)
        check_whole("figure_steps", self.figure_steps, LEAST_FIGURE_STEPS, 10_000)
        self.training(self.seed)
        self.attacking(self.seed)
        self.following(self.seed)

    @property
    def seeds(self) -> range:
        """The seed of each network."""
        return range(self.seed, self.seed + self.models)

    @property
    def epsilon(self) -> float:
        """The budget of the paper's tables: `steps × step_size`."""
        return self.attacking(self.seed).widest

    @property
    def epsilons(self) -> tuple[float, ...]:
        """A quarter of that budget, half of it, and all of it."""
        return tuple(float(f"{self.epsilon * part:.12g}") for part in (0.25, 0.5, 1))

    @property
    def is_comparable(self) -> bool:
        """Whether means are over the paper's four data sets."""
        return set(self.datasets) == set(PAPER_DATASETS)

    def training(self, seed: int) -> TrainConfig:
        """How the network of a seed is trained."""
        return TrainConfig(epochs=self.epochs, loss=self.train_loss, seed=seed)

    def attacking(self, seed: int, epsilon: float | None = None) -> AuditConfig:
        """The audit behind the tables; with another `epsilon`, the one behind the comparison."""
        config = AuditConfig(
            attacks=(*UNIONS, *ATTACKS),
            instances=self.instances,
            steps=self.steps,
            step_size=self.step_size,
            seed=seed,
        )
        if epsilon is None or epsilon == config.widest:
            return config
        return replace(config, epsilon=epsilon, labels=None)

    def following(self, seed: int) -> AuditConfig:
        """The audit behind the figures."""
        return AuditConfig(
            attacks=("rafair",),
            instances=self.figure_instances,
            steps=self.figure_steps,
            step_size=self.step_size,
            labels=None,
            seed=seed,
        )


def _check_datasets(names: Sequence[str]) -> None:
    if not names:
        raise InputError(
            f"datasets: expected at least one name, such as {','.join(PAPER_DATASETS)}; got none"
        )
    for name in names:
        check_name("data set", name, DATASETS)
        if list(names).count(name) > 1:
            raise InputError(f"datasets: expected each name once, got '{name}' twice")
