"""Dots with intervals, drawn as inline SVG: the pictures of the page.

A picture is a table whose rows hold a drawing each, so that labels wrap, figures can be read out,
and a narrow screen shows the same as a wide one. Places along the scale are percentages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rafair.metrics.rates import Rate
from rafair.metrics.rounding import as_fraction
from rafair.reports.contents import Bar, Picture
from rafair.visible import shortened, visible

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
MINOR = (0.25, 0.75)
"""Ticks whose labels a narrow picture has no room for."""
MIDDLE = 11
CAP = 4
SHAPES = (
    '<circle r="4"/>',
    '<path d="M0-5.5 5.5 0 0 5.5-5.5 0z"/>',
    '<path d="M-4-4h8v8h-8z"/>',
    '<path d="M0-5.5 5.2 4H-5.2z"/>',
    '<path d="M0 5.5 5.2-4H-5.2z"/>',
)
"""What tells series apart besides their colour."""
SERIES = {"": 0, "attacked": 1, "robust": 2, "repaired": 3}
"""The kinds of bars, which look the same in every picture."""


@dataclass(frozen=True)
class Line:
    """A row of a picture.

    Args:
        label: What the rate is of.
        figure: The rate as text; "–" where nothing was counted.
        interval: The ends of its interval.
        count: How many of how many.
        drawing: Its dot and interval.
    """

    label: str
    figure: str
    interval: str
    count: str
    drawing: Markup


@dataclass(frozen=True)
class Chart:
    """A picture, ready to be laid out.

    Args:
        title: What it shows.
        note: How to read it.
        axis: The scale, which carries the picture's title and description for screen readers.
        groups: Rows that belong together under a heading.
    """

    title: str
    note: str
    axis: Markup
    groups: Sequence[tuple[str, Sequence[Line]]]


def chart(picture: Picture, identifier: str) -> Chart:
    """Draws a picture.

    Args:
        picture: What to draw.
        identifier: What the ids of its elements begin with; unique in the page.
    """
    groups = [(heading, [_line(bar) for bar in bars]) for heading, bars in picture.groups]
    return Chart(picture.title, picture.note, axis(picture, identifier), groups)


def axis(picture: Picture, identifier: str) -> Markup:
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
    ).format(identifier, shortened(picture.title), visible(_described(picture)), labels)


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
    ).format(
        series % len(SHAPES), low, high, value, MIDDLE, ends, Markup(SHAPES[series % len(SHAPES)])
    )


def _line(bar: Bar) -> Line:
    rate = bar.rate
    if rate is None:
        return Line(bar.label, "–", "", bar.instead or "none counted", Markup(""))
    return Line(
        bar.label,
        as_fraction(rate.value),
        f"{as_fraction(rate.low)}–{as_fraction(rate.high)}",
        f"{rate.count:,} of {rate.n:,}",
        drawing(rate, SERIES.get(bar.kind, len(SERIES))),
    )


def _described(picture: Picture) -> str:
    """What the picture shows at a glance, for those who do not see it."""
    rated = [
        (bar.rate.value, f"{heading}, {bar.label}" if heading else bar.label)
        for heading, bars in picture.groups
        for bar in bars
        if bar.rate is not None
    ]
    if not rated:
        return "No rates were counted."
    (low, lowest), (high, highest) = min(rated), max(rated)
    return (
        f"{len(rated)} rates as dots with 95 % intervals on a scale from 0 to 1; the lowest is "
        f"{as_fraction(low)} ({shortened(lowest)}), the highest {as_fraction(high)} "
        f"({shortened(highest)}). The rows below give each."
    )
