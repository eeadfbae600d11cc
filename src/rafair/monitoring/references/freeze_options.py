"""What is decided when a reference is frozen."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.auditing.audit_setup import AuditConfig
from rafair.monitoring.option_groups import Freezing
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.options import check_options


@dataclass(frozen=True)
class FreezeOptions(Freezing):
    """What is decided when a reference is frozen.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> FreezeOptions(alpha=0.7)
        Traceback (most recent call last):
        rafair.errors.InputError: alpha: expected a number above 0 up to 0.5, got 0.7
    """

    def __post_init__(self) -> None:
        check_options(self)
        self.judge(AuditConfig())

    def judge(self, audited: AuditConfig) -> StreamJudgeOptions:
        """How rows are judged that an audit with these options looked at."""
        return StreamJudgeOptions.of(audited, self.probes, self.epsilon, self.steps)
