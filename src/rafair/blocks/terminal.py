"""Blocks on a terminal, and as the plain text that stands there."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.blocks.block_types import (
    Block,
    Card,
    Cells,
    Facts,
    Folded,
    Heading,
    Picture,
    Said,
    Strong,
    Tone,
)
from rafair.sanitize import shortened, visible

WIDTH = 96
"""Of lines of plain text."""

COLUMNS_WITH_ROOM = 7
LONGEST_NAME = 9
COUNT = re.compile(r"[\d,./ –]+")
LENGTH_OF_INTERVAL = len("0.00–0.00")
STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.WARNING: "yellow",
    Tone.GOOD: "green",
    Tone.BAD: "bold red",
}


def render(blocks: Sequence[Block]) -> RenderableType:
    """All blocks, with a line between them; none between sentences."""
    there = [block for block in blocks if not isinstance(block, Said) or block.texts]
    drawn = list(map(_draw, there))
    for place, (above, below) in enumerate(pairwise(there)):
        together = isinstance(above, Said) and isinstance(below, Said)
        if not (together or isinstance(above, Heading)):
            drawn[place] = Padding(drawn[place], (0, 0, 1, 0))
    return Group(*drawn)


def as_text(blocks: Sequence[Block], width: int = WIDTH) -> str:
    r"""The blocks in plain characters.

    Args:
        blocks: What is to be said.
        width: The most characters of a line.

    Example:
        >>> print(as_text([Cells("Rates", ["", "biased"], [["clean", "0.1\n0.0–0.2"]])]))
        Rates
                  biased
        ─────────────────
        clean        0.1
                 0.0–0.2
    """
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(render(blocks), crop=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _draw(block: Block) -> RenderableType:
    match block:
        case Heading():
            return _text(block.text, "bold")
        case Said():
            said = [_text(text, STYLES[block.tone]) for text in block.texts]
            for text in said:
                text.no_wrap, text.overflow = block.copied, "ignore" if block.copied else None
            return Group(*said)
        case Facts():
            return _facts(block)
        case Card():
            return _card(block)
        case Picture():
            note = Said([block.note] if block.note else [], Tone.QUIET)
            return render([Heading(block.title), *block.figures, note])
        case Folded():
            return render(block.blocks)
        case Cells():
            return Group(*_table(block))


def _facts(facts: Facts) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.pairs:
        grid.add_row(_text(name), _text(value))
    return grid


def _table(cells: Cells) -> Iterator[RenderableType]:
    """A table narrow enough for 80 columns; what still does not fit is folded, never cut off."""
    padding = 1 if len(cells.headers) <= COLUMNS_WITH_ROOM else 0
    table = Table(box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0), show_edge=False)
    # a long name, one with options, is folded rather than figures cut off
    names = min(_longest(cells, 0), LONGEST_NAME * (1 + cells.dense))
    for number, header in enumerate(cells.headers):
        table.add_column(
            Text(visible(header)),
            justify="left" if _is_prose(cells, number) else "right",
            min_width=names if number == 0 else _least_width(cells, number),
            overflow="fold",
        )
    for name, *rates in cells.rows:
        is_heading = bool(name and rates) and not any(rates)
        whole = cells.dense or cells.prose or is_heading
        shown = _text(name.strip()) if whole else _broken(name)
        shown.stylize("bold" if is_heading else STYLES[cells.tones.get(name, Tone.PLAIN)])
        indent = len(name) - len(name.lstrip())  # also of what is folded
        table.add_row(Padding(shown, (0, 0, 0, indent)), *(_cell(cell, cells) for cell in rates))
    if cells.title:
        yield _text(cells.title, "bold")
    yield table
    if cells.note:
        yield _text(cells.note, "dim")


def _is_prose(cells: Cells, column: int) -> bool:
    """Whether a column holds words, and not counts alone."""
    words = cells.prose and not all(COUNT.fullmatch(row[column]) for row in cells.rows)
    return column < cells.names or words


def _longest(cells: Cells, column: int) -> int:
    return max((len(row[column]) for row in cells.rows), default=0)


def _least_width(cells: Cells, column: int) -> int | None:
    if cells.prose:
        return None
    return _longest(cells, column) if cells.dense else LENGTH_OF_INTERVAL


def _broken(name: str) -> Text:
    """A long name with its options on lines of their own, and so what it is a twin of."""
    shown = visible(name)
    if len(shown) > LONGEST_NAME:
        shown = shown.replace("/", "/\n", 1).replace(":", ":\n", 1).replace(",", ",\n")
    return Text(shown)


def _cell(cell: str, cells: Cells) -> Text:
    value, *interval = cells.lines(cell, 1)
    tone = Tone.STRONG if isinstance(cell, Strong) else cells.tones.get(cell, Tone.PLAIN)
    text = _text(value, STYLES[tone])
    for line in interval:
        text.append("\n" + visible(line), "dim")
    return text


def _text(text: str, style: str = "") -> Text:
    """A text in which no control character acts on the terminal."""
    return Text(visible(text), style=style)


def _card(card: Card) -> RenderableType:
    parts: list[RenderableType] = [_text(card.heading, "bold")]
    if card.rows:
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
        for header in card.headers:
            grid.add_column(header, overflow="fold")
        for name, first, *others in card.rows:
            values = [_text(shortened(first))]
            for before, after in pairwise([first, *others]):
                values.append(_text(shortened(after), "bold" if after != before else ""))
            grid.add_row(_text(shortened(name)), *values)
        parts.append(Padding(grid, (0, 0, 0, 2)))
    return Group(*parts, Padding(_text(card.said), (0, 0, 0, 2)))
