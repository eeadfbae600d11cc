"""Figures in one style, written so that the same data give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rafair.engine.atomic_files import writing

# Okabe and Ito's palette, which people with colour vision deficiencies can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "rafair",
    "svg.fonttype": "path",
    "figure.dpi": 100,
}
DOTS_PER_INCH = 200


@contextmanager
def figure_style() -> Iterator[None]:
    """Draws in this style whatever the user's own settings are, which stay as they were."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def write_figure(drawing: Figure, base: Path) -> list[Path]:
    """Writes a figure as SVG and PNG, without dates or versions in them.

    Args:
        drawing: The figure.
        base: The files' name without its ending.
    """
    vector, pixels = base.with_suffix(".svg"), base.with_suffix(".png")
    with writing(vector) as path, path.open("wb") as file:
        vector_canvas: Any = FigureCanvasSVG(drawing)  # matplotlib leaves its methods untyped
        vector_canvas.print_svg(file, metadata={"Date": None, "Creator": "rafair"})
    with writing(pixels) as path, path.open("wb") as file:
        drawing.set_dpi(DOTS_PER_INCH)
        pixel_canvas: Any = FigureCanvasAgg(drawing)
        pixel_canvas.print_png(file, metadata={"Software": None})
    return [vector, pixels]
