"""The paper's figures, drawn so that the same data give the same bytes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from rafair.analysis.areas import SIGNS
from rafair.engine.figure_files import BLUE, GREEN, GREY, ORANGE, figure_style, write_figure
from rafair.study.table_order import GOALS
from rafair.study.trajectories import GOAL_VERDICTS, telling_instance
from rafair.verdicts import Verdict

MARKS = {"rafair-tb": (BLUE, "o"), "rafair-ff": (ORANGE, "^"), "rafair-fb": (GREEN, "s")}
SMALL_SHARE = 0.2
"""The share of slopes, the smallest ones, that may fall on the linear scale around zero."""
MOST_DECADES = 5
MOST_TICKS = 4
ROOM = 10
"""How far the axes go beyond the largest slope, so that no point lies on an area's name."""


def draw_losses(losses: pd.DataFrame, title: str, base: Path) -> list[Path]:
    """Draws the losses of one instance per goal, and of its counterpart, over the steps.

    Args:
        losses: What `losses_of` gives.
        title: What stands above the panels.
        base: The files' name without its ending.

    Returns:
        The files: an SVG and a PNG.
    """
    with figure_style():
        drawing = Figure(figsize=(7.4, 2.9), layout="constrained")
        drawing.suptitle(title, fontsize=10)
        panels = drawing.subplots(1, len(GOALS))
        for place, (axes, goal) in enumerate(zip(panels, GOALS, strict=True)):
            _loss_panel(axes, losses, goal)
            if place == 0:
                axes.set_ylabel("loss")
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        return write_figure(drawing, base)


def _loss_panel(axes: Axes, losses: pd.DataFrame, goal: str) -> None:
    instance, step = telling_instance(losses, goal)
    own = losses[(losses["goal"] == goal) & (losses["instance"] == instance)]
    axes.plot(own["step"], own["loss"], color=BLUE, label="instance")
    axes.plot(
        own["step"], own["counterpart_loss"], color=ORANGE, linestyle="--", label="counterpart"
    )
    axes.axvline(
        np.nan if step is None else step,
        color=GREY,
        linewidth=0.8,
        linestyle=":",
        label="first step in the goal's cell",
    )
    reached = "cell not reached" if step is None else f"reached at step {step}"
    axes.set_title(f"{GOAL_VERDICTS[goal]}\nrow {instance:,}, {reached}")
    axes.set_xlabel("step")
    axes.set_xlim(0, own["step"].max())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # no factor beside the title


def draw_slopes(slopes: pd.DataFrame, shares: dict[str, str], title: str, base: Path) -> list[Path]:
    """Draws the plane of the two slopes with a point per instance and goal.

    Args:
        slopes: What `slopes_table` gives, of one network.
        shares: Per goal what the legend says of it.
        title: What stands above the plane.
        base: The files' name without its ending.

    Returns:
        The files: an SVG and a PNG.
    """
    moving = slopes[(slopes["slope"] != 0) | (slopes["counterpart_slope"] != 0)]
    reach = moving[["slope", "counterpart_slope"]].abs().to_numpy()
    with figure_style():
        drawing = Figure(figsize=(5.2, 5.4), layout="constrained")
        axes = drawing.subplots()
        axes.set_title(title, fontsize=10)
        _cut_into_areas(axes, reach)
        for goal in GOALS:
            colour, marker = MARKS[goal]
            own = moving[moving["goal"] == goal]
            axes.scatter(
                own["slope"],
                own["counterpart_slope"],
                s=22,
                marker=marker,
                linewidths=0.9,
                facecolors="none",
                edgecolors=colour,
                label=shares[goal],
            )
        axes.set_xlabel("slope of the instance's loss (per step)")
        axes.set_ylabel("slope of the counterpart's loss (per step)")
        drawing.legend(loc="outside lower center", ncols=1, frameon=False)
        return write_figure(drawing, base)


def _cut_into_areas(axes: Axes, reach: NDArray[np.float64]) -> None:
    lowest, highest = _decades(reach[reach > 0])
    step = -(-(highest - lowest + 1) // MOST_TICKS)
    marks = [10.0**decade for decade in range(lowest, highest + 1, step)]
    limit = ROOM * 10.0**highest
    for axis in (axes.xaxis, axes.yaxis):
        # losses grow by orders of magnitude: symmetric logarithms, linear close to zero
        scale: Any = {"value": "symlog", "linthresh": 10.0**lowest}
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)(**scale)
        axis.set_ticks([*(-mark for mark in reversed(marks)), 0, *marks])
        axis.set_minor_locator(NullLocator())
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    for verdict, (right, up) in SIGNS.items():
        axes.text(
            0.98 if right > 0 else 0.02,
            0.98 if up > 0 else 0.02,
            _words(verdict),
            transform=axes.transAxes,
            color=GREY,
            fontweight="bold",
            ha="right" if right > 0 else "left",
            va="top" if up > 0 else "bottom",
        )


def _decades(reach: NDArray[np.float64]) -> tuple[int, int]:
    """The powers of ten between which the axes are logarithmic."""
    if not reach.size:
        return -1, 0
    highest = math.ceil(math.log10(reach.max()))
    lowest = math.floor(math.log10(np.quantile(reach, SMALL_SHARE)))
    return max(min(lowest, highest - 1), highest - MOST_DECADES), highest


def _words(verdict: Verdict) -> str:
    return f"{verdict} area"
