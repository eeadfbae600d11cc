"""Which rates are watched: accuracy and individual fairness of rows as they come, and perturbed."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.monitoring import probes

CLEAN = "clean"
CONDITIONS = (CLEAN, *probes.DEFAULT)
"""Rows as they came, and under the probes that a watch has unless others are named."""

ACCURACY, FAIRNESS, JOINT = "accuracy", "individual_fairness", "accurate_fairness"
METRICS = (ACCURACY, FAIRNESS, JOINT)
"""What a rate counts; the tests look at the first two, the third says where both hold."""

TESTED = (ACCURACY, FAIRNESS)


@dataclass(frozen=True, order=True)
class Watched:
    """One rate that is tested.

    Args:
        condition: "clean", or a probe.
        metric: One of `TESTED`.

    Example:
        >>> Watched("clean", "accuracy").name, Watched.of("noise.individual_fairness").metric
        ('clean.accuracy', 'individual_fairness')
    """

    condition: str
    metric: str

    @property
    def name(self) -> str:
        """How it is called in files: `CONDITION.METRIC`."""
        return f"{self.condition}.{self.metric}"

    @classmethod
    def of(cls, name: str) -> Watched:
        """The rate with this name."""
        condition, _, metric = name.partition(".")
        return cls(condition, metric)


def watched(conditions: tuple[str, ...]) -> tuple[Watched, ...]:
    """All rates that are tested under these conditions, those of clean rows first."""
    return tuple(Watched(condition, metric) for condition in conditions for metric in TESTED)
