"""Dots with intervals, drawn as inline SVG: the pictures of the page.

A picture is a table whose rows hold a drawing each, so that labels wrap, figures can be read out,
and a narrow screen shows the same as a wide one. Places along the scale are percentages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from rafair.blocks.block_types import Cells, Picture
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.reports.page_parts import templates
from rafair.reports.report_contents import Bar, Chart
from rafair.sanitize import shortened, visible

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
MINOR = (0.25, 0.75)
"""Ticks whose labels a narrow picture has no room for."""
MIDDLE = 11
CAP = 4
SERIES = {"": 0, "robust": 2}
"""The kinds of bars, which look the same in every picture: a number that their colour goes by."""
SHAPES = {0: '<circle r="4"/>', 2: '<path d="M-4-4h8v8h-8z"/>'}
"""What tells them apart besides their colour."""
THICK = 14

MOST_COLUMNS = 3
"""In tables so many rates stand beside each other, more below each other."""


class Line(NamedTuple):
    """A row of a picture: what it is of, the rate, its interval, its count, and how it is drawn."""

    label: str
    figure: str
    interval: str
    counted: str
    drawing: Markup


def picture(chart: Chart, identifier: str) -> Picture:
    """A chart as a block: drawn as a table whose rows hold a drawing each, and in figures.

    Args:
        chart: What to draw.
        identifier: What the ids of its elements begin with; unique in the page.
    """
    groups = [(heading, [line(bar) for bar in bars]) for heading, bars in chart.groups]
    template = templates().get_template("chart.html.jinja")
    scale = axis(chart, identifier)
    drawing = Markup(template.render(title=chart.title, axis=scale, groups=groups))
    return Picture(chart.title, list(_figures(chart)), chart.note, drawing=drawing)


def _figures(chart: Chart) -> Iterator[Cells]:
    labels = [[bar.label for bar in bars] for _, bars in chart.groups]
    many = len(chart.groups) > MOST_COLUMNS and len(labels[0]) > MOST_COLUMNS
    if many or any(one != labels[0] for one in labels):
        for heading, bars in chart.groups:
            headers = [heading, "share", "95 % interval", "count"]
            yield Cells("", headers, [[bar.label, *line(bar)[1:4]] for bar in bars])
        return
    headings = [heading for heading, _ in chart.groups]
    cells = [[_cell(bar) for bar in bars] for _, bars in chart.groups]
    if len(chart.groups) == 1 or len(labels[0]) > MOST_COLUMNS:
        headings, labels[0], cells = labels[0], headings, [*map(list, zip(*cells, strict=True))]
    rows = [[heading, *row] for heading, row in zip(headings, cells, strict=True)]
    yield Cells("", ["", *labels[0]], rows)


def _cell(bar: Bar) -> str:
    _, figure, interval, count, _ = line(bar)
    return f"{figure}\n{interval}, {count}" if interval else bar.instead or figure


def axis(chart: Chart, identifier: str) -> Markup:
    """The scale from 0 to 1, with the title and description of the whole picture."""
    labels = Markup("").join(
        Markup('<text{} x="{}%" y="11">{}</text>').format(
            Markup(' class="minor"') if tick in MINOR else "", f"{tick * 100:g}", f"{tick:g}"
        )
        for tick in TICKS
    )
    return Markup(
        '<svg class="axis" role="img" aria-labelledby="{0}-t {0}-d" width="100%" height="14" '
        'overflow="visible"><title id="{0}-t">{1}</title><desc id="{0}-d">{2}</desc>{3}</svg>'
    ).format(identifier, shortened(chart.title), visible(_described(chart)), labels)


def drawing(rate: Rate | None, series: int) -> Markup:
    """One rate: a line from the low to the high end of its interval, and a mark at its value.

    Example:
        >>> print(drawing(Rate(0.5, 48, 96, 0.4, 0.6), 0))
        <svg class="strip s0" aria-hidden="true" width="100%" height="22" overflow="visible"><line
        x1="40%" x2="60%" y1="11" y2="11"/><line x1="40%" x2="40%" y1="7" y2="15"/><line x1="60%"
        x2="60%" y1="7" y2="15"/><svg x="50%" y="11" overflow="visible"><circle
        r="4"/></svg></svg>
    """
    if rate is None:
        return Markup("")
    value, low, high = (f"{100 * part:.4g}" for part in (rate.value, rate.low, rate.high))
    ends = Markup("").join(
        Markup('<line x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/>').format(
            end, MIDDLE - CAP, MIDDLE + CAP
        )
        for end in (low, high)
    )
    return Markup(
        '<svg class="strip s{0}" aria-hidden="true" width="100%" height="22" overflow="visible">'
        '<line x1="{1}%" x2="{2}%" y1="{4}" y2="{4}"/>{5}'
        '<svg x="{3}%" y="{4}" overflow="visible">{6}</svg></svg>'
    ).format(series, low, high, value, MIDDLE, ends, Markup(SHAPES[series]))


def bracket(lower: Rate, upper: Rate) -> Markup:
    """From one rate to another: a bar, of two that are equal a stroke, and the reach of intervals.

    Example:
        >>> print(bracket(Rate(0.5, 48, 96, 0.4, 0.6), Rate(0.75, 72, 96, 0.6, 0.8)))
        <svg class="strip band" aria-hidden="true" width="100%" height="22"
        overflow="visible"><line x1="40%" x2="80%" y1="11" y2="11"/><rect x="50%" width="25%" y="4"
        height="14"/><line class="end" x1="50%" x2="50%" y1="4" y2="18"/><line class="end" x1="75%"
        x2="75%" y1="4" y2="18"/></svg>
    """
    low, high, start, end, width = (
        f"{100 * part:.4g}"
        for part in (lower.low, upper.high, lower.value, upper.value, upper.value - lower.value)
    )
    top, bottom = MIDDLE - THICK // 2, MIDDLE + THICK // 2
    ends = Markup("").join(
        Markup('<line class="end" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/>').format(at, top, bottom)
        for at in (start, end)
    )
    return Markup(
        '<svg class="strip band" aria-hidden="true" width="100%" height="22" overflow="visible">'
        '<line x1="{0}%" x2="{1}%" y1="{4}" y2="{4}"/>'
        '<rect x="{2}%" width="{3}%" y="{5}" height="{6}"/>{7}</svg>'
    ).format(low, high, start, width, MIDDLE, top, THICK, ends)


def line(bar: Bar) -> Line:
    """A bar in texts, and drawn."""
    rate = bar.rate
    if rate is None:
        return Line(bar.label, "–", "", bar.instead or "none counted", Markup(""))
    drawn = drawing(rate, SERIES[bar.kind]) if bar.upper is None else bracket(rate, bar.upper)
    return Line(bar.label, *bar.told, drawn)


def _described(chart: Chart) -> str:
    """What the picture shows at a glance, for those who do not see it."""
    rated = [
        (rate.value, f"{heading}, {bar.label}" if heading else bar.label)
        for heading, bars in chart.groups
        for bar in bars
        for rate in (bar.rate, bar.upper)
        if rate is not None
    ]
    if not rated:
        return "No rates were counted."
    (low, lowest), (high, highest) = min(rated), max(rated)
    brackets = any(bar.upper for _, bars in chart.groups for bar in bars)
    shown = "ends of bars" if brackets else "rates as dots"
    return (
        f"{len(rated)} {shown} with 95 % intervals on a scale from 0 to 1; the lowest is "
        f"{as_fraction(low)} ({shortened(lowest)}), the highest {as_fraction(high)} "
        f"({shortened(highest)}). The rows below give each."
    )
