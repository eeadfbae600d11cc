"""Rates over the windows of a stream, drawn as inline SVG: a panel for each condition.

Lines and bands are drawn in a box that stretches with the page; texts and marks stand at per cents
of its width, so they keep their size on a narrow screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.monitoring.alarm_types import DATA
from rafair.monitoring.telling.alarm_sentences import CONDITION_NAMES, METRIC_NAMES, opening
from rafair.monitoring.watch_results import History, ReferenceFacts, ToldWindow
from rafair.monitoring.watched_rates import JOINT
from rafair.reports.monitor_axis import WIDTH, axis, bars, marks, told
from rafair.reports.monitor_series import Point, Span, alarm_spans, runs_of_points

HEIGHT = 130
"""Of a panel, in pixels."""

MOST_DOTS = 60
"""Of more windows, dots beside each other would hide the line."""

STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MOST_TICKS = 6
ROOM, LEAST_ROOM = 0.05, 0.005
"""Above and below what is shown: of its height, and at least."""


@dataclass(frozen=True)
class Panel:
    """One condition of a family of rates.

    Args:
        heading: The condition.
        reading: Newest rate, reference and bound in words.
        drawing: The rate over the windows.
    """

    heading: str
    reading: str
    drawing: Markup


@dataclass(frozen=True)
class Family:
    """A metric under all conditions over the same windows.

    Args:
        metric: Its key.
        title: Its name.
        panels: One for each condition.
        axis: The windows below, with the spans of alarms.
    """

    metric: str
    title: str
    panels: Sequence[Panel]
    axis: Markup


def family(history: History, spans: Sequence[Span], metric: str) -> Family:
    """Draws a metric.

    Args:
        history: The history; with one window or more.
        spans: All its alarms; shown are those that concern the metric.
        metric: One of `METRICS`.
    """
    conditions = history.reference.conditions
    windows, title = history.windows, opening(METRIC_NAMES[metric])
    runs = {one: runs_of_points(windows, one, metric) for one in conditions}
    scale = Scale.around(_heights(history.reference, runs, metric))
    concerned = [span for span in spans if _concerns(span, metric)]
    panels = [
        _panel(history, f"{condition}.{metric}", runs[condition], scale) for condition in conditions
    ]
    return Family(metric, title, panels, axis(windows, concerned, metric))


@dataclass(frozen=True)
class Scale:
    """Rates as heights in a panel.

    Args:
        low: The rate at its foot.
        high: The rate at its top.
        step: Between its ticks.
    """

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, rates: Iterable[float]) -> Scale:
        """One that shows all of these with a little room, and has a few ticks at round figures.

        Example:
            >>> Scale.around([0.62, 0.82])
            Scale(low=0.61, high=0.83, step=0.05)
        """
        values = list(rates) or [0.0, 1.0]
        room = max(ROOM * (max(values) - min(values)), LEAST_ROOM)
        low, high = max(min(values) - room, 0.0), min(max(values) + room, 1.0)
        step = next((one for one in STEPS if (high - low) / one <= MOST_TICKS), STEPS[-1])
        return cls(round(low, 6), round(high, 6), step)

    def height(self, rate: float) -> str:
        """Pixels from the top of the panel."""
        share = (min(max(rate, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{HEIGHT * (1 - share):.1f}".removesuffix(".0")

    def ticks(self) -> list[float]:
        """Round rates from foot to top."""
        first, last = math.ceil(self.low / self.step), math.floor(self.high / self.step)
        return [round(self.step * number, 6) for number in range(first, last + 1)]


def _panel(
    history: History,
    rate: str,
    runs: Sequence[Sequence[Point]],
    scale: Scale,
) -> Panel:
    condition, metric = rate.split(".")
    reference, windows = history.reference, history.windows
    was, bound = reference.rates[condition][metric], reference.bounds.get(rate)
    heading = opening(CONDITION_NAMES[condition])
    reading = _reading(windows[-1].rates[condition][metric], was, bound, tested=metric != JOINT)
    identifier = f"{metric}-{condition}"
    fallen = alarm_spans(windows, rate)
    drawing = Markup(
        '<svg class="plot" role="img" aria-labelledby="{0}-t {0}-d" width="100%" height="{1}" '
        'overflow="visible"><title id="{0}-t">{2}</title><desc id="{0}-d">{3}</desc>{4}'
        '<svg width="100%" height="{1}" viewBox="0 0 {5} {1}" preserveAspectRatio="none">'
        "{6}{7}</svg>{8}</svg>"
    ).format(
        identifier,
        HEIGHT,
        f"{opening(METRIC_NAMES[metric])}: {CONDITION_NAMES[condition]}",
        _described(windows, runs, reading, fallen),
        _grid(scale),
        WIDTH,
        bars(fallen, windows, HEIGHT, "fell"),
        _curves(runs, was, bound, scale),
        marks(fallen, windows, 0),
    )
    return Panel(heading, reading, drawing)


def _grid(scale: Scale) -> Markup:
    decimals = 3 if scale.step < 0.01 else 2
    return Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
            '<text class="scale" x="-8" y="{0}" dy=".35em">{1}</text>'
        ).format(scale.height(tick), as_fraction(tick, decimals))
        for tick in scale.ticks()
    )


def _curves(
    runs: Sequence[Sequence[Point]], was: Rate, bound: float | None, scale: Scale
) -> Markup:
    bands, lines, bars, dots = "", "", "", ""
    single = sum(map(len, runs)) <= MOST_DOTS
    for run in runs:
        places = [_place(point.place) for point in run]
        values = [scale.height(point.value) for point in run]
        tops = [scale.height(point.high) for point in run]
        feet = [scale.height(point.low) for point in run]
        lines += _path(places, values)
        if len(run) == 1:
            bars += f"M{places[0]} {tops[0]}V{feet[0]}"
        else:
            bands += f"{_path(places, tops)}L{_path(places[::-1], feet[::-1])[1:]}z"
        if single or len(run) == 1:
            dots += "".join(f"M{x} {y}h0" for x, y in zip(places, values, strict=True))
    level = [("reference", was.value)] + ([("bound", bound)] if bound is not None else [])
    drawn = [("band", bands)]
    drawn += [(name, f"M0 {scale.height(rate)}H{WIDTH}") for name, rate in level]
    drawn += [("bar", bars), ("line", lines), ("dots", dots)]
    return Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(name, path) for name, path in drawn if path
    )


def _path(places: Sequence[str], heights: Sequence[str]) -> str:
    pairs = zip(places, heights, strict=True)
    return "M" + "L".join(f"{x} {y}" for x, y in pairs)


def _place(share: float) -> str:
    return f"{WIDTH * share:.1f}".removesuffix(".0")


def _reading(now: Rate | None, was: Rate, bound: float | None, *, tested: bool) -> str:
    newest = "newest window: none counted"
    if now is not None:
        interval = f"{as_fraction(now.low)}–{as_fraction(now.high)}"
        newest = f"newest window {as_fraction(now.value)} ({interval})"
    if not tested:
        said = "shown, not tested"
    elif bound is None:
        said = "cannot be tested"
    else:
        said = f"bound of the test {as_fraction(bound)}"
    return f"{newest} · reference {as_fraction(was.value)} · {said}"


def _described(
    windows: Sequence[ToldWindow],
    runs: Sequence[Sequence[Point]],
    reading: str,
    fallen: Sequence[Span],
) -> str:
    points = [point.value for run in runs for point in run]
    said = f"Windows {windows[0].window:,} to {windows[-1].window:,}; {reading}"
    if points:
        said += f"; lowest {as_fraction(min(points))}, highest {as_fraction(max(points))}"
    return f"{said}; alarms: {told(fallen)}. The table below gives each."


def _heights(
    reference: ReferenceFacts, runs: Mapping[str, Sequence[Sequence[Point]]], metric: str
) -> Iterable[float]:
    """All rates that a family's panels have to show."""
    for condition, found in runs.items():
        yield reference.rates[condition][metric].value
        bound = reference.bounds.get(f"{condition}.{metric}")
        if bound is not None:
            yield bound
        for run in found:
            for point in run:
                yield from (point.low, point.high)


def _concerns(span: Span, metric: str) -> bool:
    """Whether an alarm is of this metric; what is shown alone goes with what fell jointly.

    That little could be judged concerns all of them.
    """
    if span.alarm.kind == DATA:
        return True
    if metric == JOINT:
        return span.alarm.kind == "joint"
    return any(fall.watched.metric == metric for fall in span.alarm.falls)
