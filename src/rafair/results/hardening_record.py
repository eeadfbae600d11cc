"""The content of `harden.json` as types, and the one function that reads them out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from rafair.engine.run_folder import HARDENING
from rafair.metrics.rates import Rate
from rafair.results.audit_record import DatasetRecord, DecisionRule
from rafair.results.record_reader import Reader

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class MeanRate:
    """The mean of a rate over networks; `sd` is that between them, None of one network."""

    value: float
    sd: float | None
    low: float
    high: float


@dataclass(frozen=True)
class NetworkRate:
    """A rate of one network; `count` is None where it is a mean of classes."""

    value: float
    count: int | None
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """By how much a robust rate changed, of the same instances, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Side(Generic[Kind]):
    """The rates of a model, or of several, before or after.

    Args:
        test: Accuracy and balanced accuracy on the whole test split.
        clean: Rates of the judged instances as they were.
        robust: Robust rates, by epsilon as a text.
    """

    test: Mapping[str, Kind]
    clean: Mapping[str, Kind]
    robust: Mapping[str, Mapping[str, Kind]]


@dataclass(frozen=True)
class MethodRecord:
    """The method of a hardening: "training" or "wrapping"."""

    name: str
    kind: str
    options: Mapping[str, object]
    uses_sensitive_values: bool
    says: str


@dataclass(frozen=True)
class DecidingModel:
    """What the model before takes, and how it decides."""

    input: str
    decision: DecisionRule


@dataclass(frozen=True)
class Judges:
    """Who judged: attacks, their steps, and on how many instances."""

    attacks: list[str]
    steps: int
    instances: int
    black_box: bool


@dataclass(frozen=True)
class Changes:
    """Changes of robust rates, by epsilon."""

    robust: Mapping[str, Mapping[str, Change]]


@dataclass(frozen=True)
class Seconds:
    """What one network took; None where nothing was trained."""

    ordinary: float | None
    hardened: float | None
    judging: float


@dataclass(frozen=True)
class NetworkRecord:
    """One network, before and after."""

    seed: int
    before: Side[NetworkRate]
    after: Side[NetworkRate]
    seconds: Seconds
    stopped_after_epoch: int | None


@dataclass(frozen=True)
class Rise:
    """A robust rate that is higher at the larger of two epsilons, which no true one can be."""

    side: str
    rate: str
    epsilons: tuple[float, float]
    values: tuple[float, float]


@dataclass(frozen=True)
class Rises:
    """All of these."""

    rises: list[Rise]


@dataclass(frozen=True)
class ZeroGradients:
    """The share of rows without a gradient on both sides; None where none was asked for."""

    before: Rate | None
    after: Rate | None


@dataclass(frozen=True)
class Broken:
    """How many instances a weaker attack broke, and whether that is more than bad luck."""

    broken: int
    n: int
    beyond_chance: bool


@dataclass(frozen=True)
class Masking:
    """What attacks without gradients broke at an epsilon that the judges did not."""

    epsilon: float
    black_box: Broken
    noise: Broken


@dataclass(frozen=True)
class Majority:
    """A model that always names the largest class, and whether it explains a gain.

    Args:
        share: How often it is right.
        robust_accurate_fairness: That of the judged instances.
        predicted_classes: How many classes the hardened model names.
        explains: Whether it explains the gain at least in part.
    """

    share: float
    robust_accurate_fairness: float
    predicted_classes: int
    explains: bool


@dataclass(frozen=True)
class Sampling:
    """How many decisions of a consensus over a sample might be others, of how many."""

    doubtful: int
    n: int


@dataclass(frozen=True)
class Checks:
    """Checks of the judges, and of what explains a gain."""

    larger_epsilon: Rises
    zero_gradient: ZeroGradients
    masking: Masking | None
    majority: Majority
    sampling: Sampling | None


Standings = Mapping[str, Mapping[str, Mapping[str, MeanRate]]]
"""By epsilon, property and verdict, as the section `certified` of `audit.json`."""


@dataclass(frozen=True)
class NetworkProofs:
    """What is proven of one network, before and after; None where nothing can be."""

    seed: int
    before: Standings | None
    after: Standings | None


@dataclass(frozen=True)
class Proven:
    """What is proven of the judged instances.

    Args:
        boxes: After how many boxes an instance was left open.
        before: Means over networks; None where nothing can be proven of the model.
        after: Likewise.
        change: After minus before of "certified" and "not_refuted", by epsilon and property; None
            where a side is.
        each: The networks.
        said: Why nothing can be proven of a model, a line each.
    """

    boxes: int
    before: Standings | None
    after: Standings | None
    change: Mapping[str, Mapping[str, Mapping[str, Change]]] | None
    each: list[NetworkProofs]
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SavedModel:
    """A hardened model of one's own.

    Args:
        folder: Where below the run's folder it is.
        needs: What it needs of the model inside, and what it has, a sentence each.
    """

    folder: str
    needs: list[str]


@dataclass(frozen=True)
class HardeningRecord:
    """The content of `harden.json`.

    Args:
        epsilon: That of training; of a wrapper the one that is told first.
        before: Means over networks; so are those after.
        change: After minus before.
        each: The networks.
        saved: Of a model of one's own, what was saved of it.
        certified: What is proven; None where it was not asked for.
    """

    method: MethodRecord
    epsilon: float
    seeds: list[int]
    dataset: DatasetRecord
    judges: Judges
    before: Side[MeanRate]
    after: Side[MeanRate]
    change: Changes
    each: list[NetworkRecord]
    checks: Checks
    warnings: list[str] = field(default_factory=list)
    model: DecidingModel | None = None
    plan: str | None = None
    saved: SavedModel | None = None
    certified: Proven | None = None

    @property
    def at(self) -> str:
        """The epsilon of training, as rates are named by it."""
        return f"{self.epsilon:g}"


_read = Reader(HardeningRecord)


def hardening_of(document: Any, path: Path | str = HARDENING) -> HardeningRecord:
    """Reads the content of a `harden.json`.

    Raises:
        RunFolderError: If no hardening writes it; says what is wrong first.
    """
    return _read(document, path)
