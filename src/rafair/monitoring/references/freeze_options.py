"""What is decided when a reference is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rafair.arguments import check_real, check_whole
from rafair.auditing.config import AuditConfig
from rafair.monitoring.probes import DEFAULT
from rafair.monitoring.references.judge_options import EPSILON, STEPS, JudgeOptions
from rafair.tabular.perturbation import PerFeature

LEAST_ROWS = 50
"""Fewer rows are no reference."""

LARGEST_ALPHA, LARGEST_TOLERANCE = 0.5, 0.499999


@dataclass(frozen=True)
class FreezeOptions:
    """What is decided when a reference is frozen.

    Args:
        alpha: The chance that a stream without drift ever raises an alarm.
        tolerance: How far a rate may lie below the reference's own lower bound.
        probes: Under what rows are judged besides as they came: names of `PROBES`, or none.
        epsilon: The largest change of a feature by a probe, or one by feature name.
        steps: How many iterates noise and each search have.
        instances: How many rows to draw; None takes all.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> FreezeOptions(alpha=0.7)
        Traceback (most recent call last):
        rafair.errors.InputError: alpha: expected a number above 0 up to 0.5, got 0.7
    """

    alpha: float = 0.05
    tolerance: float = 0.01
    probes: Sequence[str] = DEFAULT
    epsilon: PerFeature = EPSILON
    steps: int = STEPS
    instances: int | None = None

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, 0, LARGEST_ALPHA)
        check_real("tolerance", self.tolerance, 0, LARGEST_TOLERANCE, low_included=True)
        if self.instances is not None:
            check_whole("instances", self.instances, LEAST_ROWS, 1_000_000_000)
        self.judge(AuditConfig())

    def judge(self, audited: AuditConfig) -> JudgeOptions:
        """How rows are judged that an audit with these options looked at."""
        return JudgeOptions.of(audited, self.probes, self.epsilon, self.steps)
