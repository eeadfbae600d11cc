"""The plot of what hardening costs and gains: accuracy against robust accurate fairness."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rafair.engine.figure_files import BLUE, GREY, ORANGE, figure_style, write_figure
from rafair.results.hardening_record import HardeningRecord, MeanRate, NetworkRate, Side

TRADEOFF = "tradeoff"

SIDES = (("before", BLUE, "o"), ("after", ORANGE, "s"))


def draw_tradeoff(record: HardeningRecord, folder: Path) -> list[Path]:
    """Draws each network and their mean, before and after, with an arrow between.

    Args:
        record: The hardening.
        folder: Where to write.

    Returns:
        The files: an SVG and a PNG.
    """
    with figure_style():
        drawing = Figure(figsize=(5.2, 4.2), layout="constrained")
        axes = drawing.subplots()
        _draw(axes, record)
        drawing.legend(loc="outside lower center", ncols=3, frameon=False)
        return write_figure(drawing, folder / TRADEOFF)


def _draw(axes: Axes, record: HardeningRecord) -> None:
    epsilon, several = record.at, len(record.each) > 1
    for one in record.each if several else []:
        start, end = _point(one.before, epsilon), _point(one.after, epsilon)
        _arrow(axes, start, end, faint=True)
        for (_, colour, mark), at in zip(SIDES, (start, end), strict=True):
            axes.plot(*at, mark, color=colour, markersize=4, alpha=0.5, zorder=3)
    sides = record.before, record.after
    _arrow(axes, *(_point(side, epsilon) for side in sides), faint=False)
    for (name, colour, mark), side in zip(SIDES, sides, strict=True):
        axes.errorbar(
            *_point(side, epsilon),
            xerr=_reach(side.test["accuracy"]),
            yerr=_reach(side.robust[epsilon]["accurate_fairness"]),
            fmt=mark,
            color=colour,
            markersize=8,
            linewidth=1,
            capsize=2,
            zorder=4,
            label=f"{name}, mean of {len(record.each)}" if several else name,
        )
    share = record.checks.majority.share
    axes.axvline(share, color=GREY, linewidth=0.8, linestyle=":", label="largest class's share")
    axes.set_ylim(-0.03, 1.03)
    _widen(axes)
    axes.set_xlabel("accuracy on the test split")
    axes.set_ylabel(f"robust accurate fairness, epsilon {epsilon}")
    # a name may hold dollar signs, which would be read as mathematics
    axes.set_title(f"{record.dataset.name}: {record.method.name}", parse_math=False)


def _point(side: Side[MeanRate] | Side[NetworkRate], epsilon: str) -> tuple[float, float]:
    return side.test["accuracy"].value, side.robust[epsilon]["accurate_fairness"].value


def _reach(rate: MeanRate) -> list[list[float]]:
    return [[max(0.0, rate.value - rate.low)], [max(0.0, rate.high - rate.value)]]


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], *, faint: bool
) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "->",
            "color": GREY,
            "alpha": 0.4 if faint else 0.9,
            "linewidth": 0.8 if faint else 1.5,
            "shrinkA": 5,
            "shrinkB": 5,
        },
    )


def _widen(axes: Axes) -> None:
    """At least ten points of accuracy, so that a small cost looks small."""
    low, high = axes.get_xlim()
    missing = max(0.0, 0.1 - (high - low)) / 2
    axes.set_xlim(low - missing - 0.01, high + missing + 0.01)
