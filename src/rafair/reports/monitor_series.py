"""A history as series to draw: points over windows, pooled where they are many, and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rafair.metrics.rates import Rate, rate
from rafair.monitoring.alarm_types import Alarm
from rafair.monitoring.watch_results import ToldWindow

Seen = list[tuple[ToldWindow, Alarm]]
"""An alarm at the windows at which it stood."""

MOST_POINTS = 300
"""A drawing has no room for more; beyond, windows beside each other are pooled."""


@dataclass(frozen=True)
class Point:
    """The rate of a window, or of several together.

    Args:
        place: Where it stands between the first window's left edge (0) and the newest's right (1).
        value: The rate.
        low: The lower end of its 95 % interval.
        high: The upper end.
    """

    place: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Span:
    """The windows through which an alarm stood.

    Args:
        alarm: As it was at the last of them.
        first: The number of the first.
        last: That of the last.
        opened: When the first was judged; ISO.
        closed: When the last was judged; ISO.
        stands: Whether it stands at the newest window.
    """

    alarm: Alarm
    first: int
    last: int
    opened: str
    closed: str
    stands: bool


def pool_size(windows: int) -> int:
    """How many windows make a point.

    Example:
        >>> pool_size(300), pool_size(2_000)
        (1, 7)
    """
    return -(-windows // MOST_POINTS) or 1


def runs_of_points(windows: Sequence[ToldWindow], condition: str, metric: str) -> list[list[Point]]:
    """Points without a gap between them, run by run; a gap is where nothing was counted."""
    size, runs, new = pool_size(len(windows)), list[list[Point]](), True
    for start in range(0, len(windows), size):
        found = _pooled([one.rates[condition][metric] for one in windows[start : start + size]])
        if found is None:
            new = True
            continue
        if new:
            runs.append([])
        new = False
        middle = start + len(windows[start : start + size]) / 2
        runs[-1].append(Point(middle / len(windows), found.value, found.low, found.high))
    return runs


def alarm_spans(windows: Sequence[ToldWindow], rate: str | None = None) -> list[Span]:
    """All alarms that ever stood, in the order in which they opened.

    Args:
        windows: Those of a history.
        rate: Only the windows at which this rate was among those that fell; all if None.
    """
    found: list[Seen] = []
    open_now: dict[tuple[str, str, int], Seen] = {}
    for window in windows:
        before, open_now = open_now, {}
        for alarm in window.alarms:
            if rate is None or _lists(alarm, rate):
                key = (alarm.kind, alarm.level, alarm.opened)
                if key not in before:
                    found.append([])
                open_now[key] = before.get(key, found[-1])
                open_now[key].append((window, alarm))
    newest = windows[-1].window if windows else 0
    return [_span(seen, newest) for seen in found]


def _span(seen: Seen, newest: int) -> Span:
    (first, _), (last, alarm) = seen[0], seen[-1]
    ends = (first.window, last.window, first.closed, last.closed)
    return Span(alarm, *ends, last.window == newest)


def _lists(alarm: Alarm, rate: str) -> bool:
    return any(fall.rate == rate for fall in alarm.falls)


def _pooled(rates: Sequence[Rate | None]) -> Rate | None:
    counted = [one for one in rates if one is not None]
    if len(counted) < 2:
        return counted[0] if counted else None
    return rate(sum(one.count for one in counted), sum(one.n for one in counted))
