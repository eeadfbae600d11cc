"""The windows below a chart: numbers, dates, and the alarms that stood, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from rafair.monitoring.telling.alarm_sentences import METRIC_NAMES, SEVERITY, alarm_name, opening
from rafair.monitoring.watch_results import ToldWindow
from rafair.reports.monitor_series import Span

WIDTH = 1000
"""Of boxes that stretch with the page."""

LANE = 22
LEAST_BAR = 1.5
LEAST_GAP = 1.5
"""Per cent of the width between marks."""

MOST_TOLD = 10
MOST_DATES = 8
MARKS = {
    "watch": '<circle class="watch" r="4.5"/>',
    "warn": '<path class="warn" d="M0-6 5.7 4.5H-5.7z"/>',
    "alarm": '<path class="alarm" d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>',
}


def axis(windows: Sequence[ToldWindow], spans: Sequence[Span], metric: str) -> Markup:
    """Numbers and dates of windows, and above them a lane for each level at which alarms stood."""
    levels = [level for level in SEVERITY if any(s.alarm.level == level for s in spans)]
    lanes = Markup("").join(
        _lane(level, [span for span in spans if span.alarm.level == level], windows, place)
        for place, level in enumerate(levels)
    )
    top = LANE * len(levels)
    return Markup(
        '<svg class="plot windows" role="img" aria-labelledby="{0}-windows-t {0}-windows-d" '
        'width="100%" height="{1}" overflow="visible"><title id="{0}-windows-t">{2}: windows and '
        'alarms</title><desc id="{0}-windows-d">{3}</desc>{4}{5}</svg>'
    ).format(
        metric,
        top + 42,
        opening(METRIC_NAMES[metric]),
        f"Windows {windows[0].window:,} to {windows[-1].window:,}. Alarms: {told(spans)}.",
        lanes,
        _ticks(windows, top),
    )


def bars(spans: Sequence[Span], windows: Sequence[ToldWindow], height: int, kind: str) -> Markup:
    """The spans as bars of a height, for a box that is `WIDTH` wide and stretches."""
    path = ""
    for span in spans:
        left, right = (
            WIDTH * (number - windows[0].window) / len(windows)
            for number in (span.first, span.last + 1)
        )
        path += f"M{left:.1f} 0H{max(right, left + LEAST_BAR):.1f}V{height}H{left:.1f}z"
    return Markup('<path class="{}" d="{}"/>').format(kind, path) if path else Markup("")


def marks(spans: Sequence[Span], windows: Sequence[ToldWindow], height: int) -> Markup:
    """The levels' marks where spans begin, but for those that would cover one another."""
    drawn, before = [], dict.fromkeys(MARKS, -100.0)
    for span in spans:
        place, level = middle(span.first, windows), span.alarm.level
        if float(place) - before[level] >= LEAST_GAP:
            before[level] = float(place)
            drawn.append(
                Markup('<svg x="{}%" y="{}" overflow="visible">{}</svg>').format(
                    place, height, Markup(MARKS[level])
                )
            )
    return Markup("").join(drawn)


def told(spans: Sequence[Span]) -> str:
    """The newest of them in words."""
    said = [f"{alarm_name(s.alarm)} at windows {s.first:,} to {s.last:,}" for s in spans]
    if len(said) > MOST_TOLD:
        said = [f"{len(said) - MOST_TOLD:,} earlier ones", *said[-MOST_TOLD:]]
    return "; ".join(said) or "none"


def _lane(level: str, spans: Sequence[Span], windows: Sequence[ToldWindow], place: int) -> Markup:
    height = LANE * place + LANE // 2 + 4
    return Markup(
        '<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
        '<text class="level" x="-8" y="{0}" dy=".35em">{1}</text>'
        '<svg y="{2}" width="100%" height="6" viewBox="0 0 {3} 6" preserveAspectRatio="none">{4}'
        "</svg>{5}"
    ).format(
        height,
        level,
        height - 3,
        WIDTH,
        bars(spans, windows, 6, f"stood {level}"),
        marks(spans, windows, height),
    )


def _ticks(windows: Sequence[ToldWindow], top: int) -> Markup:
    count = len(windows)
    step = next(
        size * 10**power
        for power in range(9)
        for size in (1, 2, 5)
        if count / (size * 10**power) <= MOST_DATES
    )
    shown = [one for one in windows if one.window % step == 0 or count == 1]
    days = {one.closed[:10] for one in shown}
    return Markup("").join(
        Markup(
            '<g{0}><line class="tick" x1="{1}%" x2="{1}%" y1="{2}" y2="{3}"/>'
            '<text class="mid" x="{1}%" y="{4}">{5}</text>'
            '<text class="mid" x="{1}%" y="{6}">{7}</text></g>'
        ).format(
            Markup(' class="minor"') if number % 3 else "",
            middle(window.window, windows),
            top,
            top + 5,
            top + 19,
            f"{window.window:,}",
            top + 35,
            window.closed[:10] if len(days) == len(shown) else _short_moment(window.closed),
        )
        for number, window in enumerate(shown)
    )


def _short_moment(moment: str) -> str:
    return moment[5:16].replace("T", " ")


def middle(number: int, windows: Sequence[ToldWindow]) -> str:
    """Where a window stands, in per cent."""
    return f"{100 * (number - windows[0].window + 0.5) / len(windows):.2f}"
