"""Figures of now beside those of the last release: which are worse by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.figures import UNITS, Figure

THRESHOLD = 0.1
"""Changes below this share are never marked."""


class Mark(StrEnum):
    """How a figure stands beside the last release's."""

    NEW = "new"
    SAME = ""
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True)
class Change:
    """A figure, and what it was.

    Args:
        name: What was measured.
        now: Its figure.
        last: The last release's; None where it has none in this unit.
    """

    name: str
    now: Figure
    last: Figure | None

    @property
    def share(self) -> float | None:
        """By how much the figure has grown, as a share of what it was."""
        return self.now.ratio / self.last.ratio - 1 if self.last else None

    @property
    def mark(self) -> Mark:
        """Worse or better if the figures differ by more than the threshold and both spreads."""
        if self.last is None:
            return Mark.NEW
        less, more = sorted((self.now, self.last), key=lambda figure: figure.ratio)
        if more.ratio <= less.ratio * (1 + THRESHOLD) or less.high >= more.low:
            return Mark.SAME
        grown = more is self.now
        return Mark.BETTER if grown == UNITS[self.now.unit].higher_is_better else Mark.WORSE


def compare(now: Mapping[str, Figure], last: Mapping[str, Figure]) -> list[Change]:
    """Every figure of now beside the last release's of the same name and unit."""
    changes = []
    for name, figure in now.items():
        before = last.get(name)
        known = before is not None and before.unit == figure.unit
        changes.append(Change(name, figure, before if known else None))
    return changes
