"""A comparison of two audits for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.gating.difference_tables import CAUTION, asked_otherwise, facts, notes, tables
from rafair.gating.differences import Comparison
from rafair.results.cells import Cells

INDENT = 2
"""Of a rate below its heading, also where a long name is folded."""


def render_comparison(comparison: Comparison, *, everything: bool = False) -> RenderableType:
    """What differs, then the rates; every rate where `everything` is set."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts(comparison):
        grid.add_row(name, Text(value))
    parts: list[RenderableType] = [grid]
    if names := asked_otherwise(comparison):
        parts.append(Text(f"{CAUTION} {', '.join(names)}.", style="yellow"))
    parts += [_table(cells) for cells in tables(comparison, everything=everything)]
    parts.append(Text())
    parts += [Text(note, style="dim") for note in notes(comparison, everything=everything)]
    return Group(*parts)


def _table(cells: Cells) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for number, header in enumerate(cells.headers):
        left = number == 0
        table.add_column(
            Text(header),
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=not left,
        )
    for name, *figures in cells.rows:
        if any(figures):  # a heading has none
            table.add_row(Padding(Text(name.strip()), (0, 0, 0, INDENT)), *map(Text, figures))
        else:
            table.add_row(Text(name), *figures, style="bold")
    return Padding(Group(Text(cells.title, style="bold"), table), (1, 0, 0, 0))
