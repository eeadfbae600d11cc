"""Blocks as HTML for a notebook, which has styles of its own."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from rafair.blocks.block_types import (
    Block,
    Card,
    Cells,
    Facts,
    Folded,
    Heading,
    Picture,
    Said,
    Tone,
)
from rafair.sanitize import visible

TAGS = {Tone.STRONG: "b", Tone.QUIET: "small"}


def as_html(blocks: Sequence[Block]) -> str:
    """All blocks, of which nothing acts as HTML but what is written here.

    Example:
        >>> print(as_html([Said(["a < b"], Tone.WARNING)]))
        <p>⚠ a &lt; b</p>
    """
    return "\n".join(part for block in blocks for part in _parts(block))


def _parts(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"<h4>{_escaped(block.text)}</h4>"
        case Said():
            yield from (_paragraph(text, block.tone) for text in block.texts)
        case Facts():
            yield from (f"<p><b>{_escaped(a)}</b> {_escaped(b)}</p>" for a, b in block.pairs)
        case Picture():
            yield f"<h4>{_escaped(block.title)}</h4>"
            yield as_html([*block.figures, Said([block.note] if block.note else [], Tone.QUIET)])
        case Folded():
            yield as_html(block.blocks)
        case Cells():
            if block.title:
                yield f"<h4>{_escaped(block.title)}</h4>"
            yield _table(block)
            if block.note:
                yield _paragraph(block.note, Tone.QUIET)
        case Card():
            yield _paragraph(block.heading, Tone.STRONG)
            if block.rows:
                yield _table(Cells("", block.headers, block.rows, prose=True))
            yield _paragraph(block.said, Tone.PLAIN)


def _paragraph(text: str, tone: Tone) -> str:
    shown = _escaped(text)
    if tag := TAGS.get(tone):
        shown = f"<{tag}>{shown}</{tag}>"
    return f"<p>{'⚠ ' * (tone is Tone.WARNING)}{shown}</p>"


def _table(cells: Cells) -> str:
    head = _row([[header] for header in cells.headers], "th")
    rows = ([cells.lines(cell, column) for column, cell in enumerate(row)] for row in cells.rows)
    body = "".join(_row(row, "td") for row in rows)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(cells: Iterable[list[str]], tag: str) -> str:
    inner = "".join(f"<{tag}>{'<br>'.join(map(_escaped, lines))}</{tag}>" for lines in cells)
    return f"<tr>{inner}</tr>"


def _escaped(text: str) -> str:
    """A text in which nothing is hidden and nothing is HTML."""
    return html.escape(visible(text))
