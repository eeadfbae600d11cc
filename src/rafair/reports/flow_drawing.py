"""People on their way through four cells, drawn to scale as inline SVG: bands between bars.

Heights are pixels, a share of the people each. Widths are shares of the page: bands lie in a
drawing of their own that is stretched sideways, bars and words in one that is not, so that words
keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rafair.results.verdict_flows import Flows
from rafair.verdicts import Verdict

HEIGHT = 190.0
"""Of the bar of all people; of people at one stage alone, who flow nowhere, a part of it."""
ALONE = 0.5
GAP = 24.0
"""Between bars, so that the words beside the thinnest ones do not touch."""
EDGE = 9.0
"""Above the first bar and below the last: half a line."""
BAR = 10.0
MENDED = 1
"""After this stage rows are mended and no decision is: such bands are paler."""
BASELINE = 5.0
MARKS = {
    Verdict.TRUE_FAIR: "●",
    Verdict.TRUE_BIASED: "◆",
    Verdict.FALSE_FAIR: "■",
    Verdict.FALSE_BIASED: "▲",
}
"""What tells cells apart besides their colour, here and in the table of cases."""


@dataclass(frozen=True)
class Span:
    """Part of a bar: where it begins, from above, and how high it is."""

    top: float
    height: float

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.top + self.height


@dataclass(frozen=True)
class Band:
    """People who went from one cell to another: its colour is the other's."""

    after: int
    start: Verdict
    end: Verdict
    count: int
    left: Span
    right: Span


def scale_of(flows: Flows) -> float:
    """Pixels for each person."""
    return HEIGHT * (ALONE if len(flows.stages) == 1 else 1) / max(flows.n, 1)


def bars_of(flows: Flows) -> list[dict[Verdict, Span]]:
    """The bars of each stage, one below the other; none of nobody."""
    found = []
    for stage in range(len(flows.stages)):
        bars: dict[Verdict, Span] = {}
        top = EDGE
        for cell, count in flows.at(stage).items():
            if count:
                bars[cell] = Span(top, count * scale_of(flows))
                top = bars[cell].bottom + GAP
        found.append(bars)
    return found


def bands_of(flows: Flows) -> list[Band]:
    """The bands, which fill their bars at both ends, in the order of the cells there."""
    bars, found = bars_of(flows), []
    for stage in range(len(flows.stages) - 1):
        left = {cell: bar.top for cell, bar in bars[stage].items()}
        right = {cell: bar.top for cell, bar in bars[stage + 1].items()}
        for (start, end), count in flows.between(stage).items():
            height = count * scale_of(flows)
            spans = Span(left[start], height), Span(right[end], height)
            found.append(Band(stage, start, end, count, *spans))
            left[start] += height
            right[end] += height
    return found


def drawing(flows: Flows, identifier: str) -> Markup:
    """The picture, with a title and a description of every flow for those who do not see it.

    Args:
        flows: Who went where.
        identifier: What the ids of its elements begin with; unique in the page.
    """
    bars = bars_of(flows)
    height = max(span.bottom for spans in bars for span in spans.values()) + EDGE
    return Markup(
        '<svg class="flow" role="img" aria-labelledby="{0}-t {0}-d" width="100%" height="{1:.2f}" '
        '><title id="{0}-t">{2}</title><desc id="{0}-d">{3}</desc>'
        '<svg width="100%" height="{1:.2f}" viewBox="0 0 100 {1:.2f}" preserveAspectRatio="none">'
        "{4}</svg>{5}</svg>"
    ).format(
        identifier,
        height,
        f"{flows.n:,} people in the four cells of the fairness confusion matrix",
        " ".join(described(flows)),
        Markup("").join(_path(band, len(flows.stages) - 1) for band in bands_of(flows)),
        Markup("").join(_bars(flows, bars)),
    )


def described(flows: Flows) -> Iterator[str]:
    """Every count and flow in sentences."""
    for stage, name in enumerate(flows.stages):
        cells = ", ".join(f"{count:,} {cell}" for cell, count in flows.at(stage).items() if count)
        yield f"{name.capitalize()}: {cells}."
        if stage + 1 < len(flows.stages):
            ways = [
                f"{count:,} from {start} to {end}" if start != end else f"{count:,} stay {end}"
                for (start, end), count in flows.between(stage).items()
            ]
            yield f"Then {', '.join(ways)}."


def _path(band: Band, steps: int) -> Markup:
    """A band between two bars: curves above and below, level at both ends."""
    start, end = (100 * stage / steps for stage in (band.after, band.after + 1))
    middle = (start + end) / 2
    return Markup(
        '<path class="{kind}" d="M{x0:g} {a:.2f}C{xm:g} {a:.2f} {xm:g} {c:.2f} {x1:g} {c:.2f}'
        'V{d:.2f}C{xm:g} {d:.2f} {xm:g} {b:.2f} {x0:g} {b:.2f}z"/>'
    ).format(
        kind=class_of(band.end) + (" mended" if band.after == MENDED else ""),
        x0=start,
        xm=middle,
        x1=end,
        a=band.left.top,
        b=band.left.bottom,
        c=band.right.top,
        d=band.right.bottom,
    )


def class_of(cell: Verdict) -> str:
    """The class that colours a cell.

    Example:
        >>> class_of(Verdict.FALSE_FAIR)
        'cell-false-fair'
    """
    return f"cell-{str(cell).replace(' ', '-')}"


def _bars(flows: Flows, bars: Sequence[Mapping[Verdict, Span]]) -> Iterator[Markup]:
    """Each bar, and beside it the cell's mark, name and count."""
    last = len(bars) - 1
    for stage, spans in enumerate(bars):
        at = 100 * stage / max(last, 1)
        ends = stage == last and last > 0
        shift = -BAR * (at / 100)  # the first bar begins at the edge, the last one ends there
        for cell, span in spans.items():
            yield Markup(
                '<g class="{cell}"><rect x="{at:g}%" y="{top:.2f}" width="{width}" '
                'height="{height:.2f}" transform="translate({shift:g})"/>'
                '<text{between} x="{at:g}%" y="{base:.2f}" dx="{dx:g}" text-anchor="{anchor}">'
                '<tspan class="mark">{mark}</tspan><tspan class="word"> {name}</tspan>'
                "<tspan> {count:,}</tspan></text></g>"
            ).format(
                cell=class_of(cell),
                between=Markup(' class="between"') if 0 < stage < last else "",
                at=at,
                top=span.top,
                width=BAR,
                height=span.height,
                shift=shift,
                base=span.top + span.height / 2 + BASELINE,
                dx=-BAR - 6 if ends else BAR + shift + 6,
                anchor="end" if ends else "start",
                mark=MARKS[cell],
                name=cell,
                count=flows.at(stage)[cell],
            )
