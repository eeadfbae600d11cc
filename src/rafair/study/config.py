"""What a reproduction is asked to do, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rafair.arguments import check_name, check_whole
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.auditing.audit_setup import AuditConfig
from rafair.datasets.info import Variant
from rafair.datasets.registry import DATASETS
from rafair.engine.option_groups import LARGEST_SEED
from rafair.errors import InputError
from rafair.models.training import TrainConfig
from rafair.options import check_options
from rafair.study.option_groups import PAPER_DATASETS, Reproducing


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


@dataclass(frozen=True, kw_only=True)
class StudyConfig(Reproducing):
    """The options of a reproduction; the defaults are the paper's.

    Args:
        models: Each also has a sample of instances of its own.
        train_loss: What training follows.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> StudyConfig(datasets=("credit",)).epsilons
        (0.05, 0.1, 0.2)
    """

    datasets: tuple[str, ...] = PAPER_DATASETS
    train_loss: str = "cross-entropy"

    def __post_init__(self) -> None:
        _check_datasets(self.datasets)
        check_name("variant", self.variant, list(Variant))
        check_options(self)
        check_whole("seed", self.seed, 0, LARGEST_SEED + 1 - self.models)
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
