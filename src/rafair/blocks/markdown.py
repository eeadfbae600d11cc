"""Blocks as GitHub-flavoured Markdown, in which texts of others are shown and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

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

SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
LINK = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):", re.IGNORECASE)
MENTION = re.compile(r"[@#](?=\w)|(?<=\b[Gg][Hh])-(?=\d)")
START = re.compile(r"^(\d*)([-+=#.)])(?=\s|$|[-+=#])")
HASH = re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{7,64}\b")
NOTHING = "<!-- -->"
"""Parts a mention from its sign: a backslash would not, since GitHub looks once it is gone."""


LONGEST_LABEL = 80
"""More characters spoil a heading, a label, or a cell."""


def as_markdown(blocks: Sequence[Block]) -> str:
    """All blocks, with an empty line between their parts.

    Example:
        >>> print(as_markdown([Heading("Rates"), Said(["Few rows."], Tone.WARNING)]), end="")
        ## Rates
        <BLANKLINE>
        > Few rows.
    """
    return "\n\n".join(_parts(blocks, "")) + "\n"


def _parts(blocks: Sequence[Block], above: str) -> Iterator[str]:
    """The parts of blocks that stand under a heading."""
    for one in blocks:
        match one:
            case Heading():
                above = one.text
                yield f"{'#' * one.level} {named(above)}"
            case Said():
                yield from _said(one)
            case Facts():
                yield "\n".join(_fact(name, value, one.copied) for name, value in one.pairs)
            case Card():
                yield f"**{escaped(one.heading)}**"
                yield from _cells(_compared(one))
            case Picture():
                yield from _picture(one, above)
            case Folded():
                yield from _parts(one.blocks, above)
            case Cells():
                yield from _cells(one)


def _said(said: Said) -> Iterator[str]:
    shown = [*map(escaped, said.texts)]
    if said.copied or said.listed:
        listed = block("\n".join(said.texts)) if said.copied else "\n".join(map(_item, shown))
        yield from [listed] * bool(shown)
    elif said.tone is Tone.STRONG:
        yield from (f"**{text}**" for text in shown)
    else:
        yield from ("> " * (said.tone is Tone.WARNING) + text for text in shown)


def _item(text: str) -> str:
    return f"- {text}"


def _fact(name: str, value: str, copied: bool) -> str:
    """A name and its value; as code a command, and a hash, which a forge takes for a commit."""
    is_code = copied or HASH.search(value)
    return _item(f"**{escaped(name)}**: {code(value) if is_code else escaped(value)}")


def _picture(picture: Picture, above: str) -> Iterator[str]:
    """A picture's file, or its figures; with its title, unless that stands above."""
    if picture.title != above:
        yield f"### {named(picture.title)}"
    if picture.file:
        yield f"![{escaped(picture.title)}]({picture.file})"
    if picture.note:
        yield escaped(picture.note)
    for cells in picture.figures if not picture.file else ():
        yield from _cells(cells)


def _compared(card: Card) -> Cells:
    """The values of a case; one that differs from the one before it stands out."""
    rows = [
        [name, first, *(_new(now, was) for was, now in pairwise([first, *values]))]
        for name, first, *values in card.rows
    ]
    return Cells("", card.headers, rows, card.said, prose=True)


def _new(now: str, was: str) -> str:
    return now if now == was else Strong(now)


def _cells(cells: Cells) -> Iterator[str]:
    """A table with its title as a heading, and its note."""
    if cells.title:
        yield f"### {escaped(cells.title)}"
    rows = [[_cell(cells, row, column) for column in range(len(row))] for row in cells.rows]
    names = len(cells.headers) if cells.prose else cells.names
    rule = [":--" if column < names else "--:" for column in range(len(cells.headers))]
    lines = (map(named, cells.headers), rule, *rows)
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if cells.note:
        yield escaped(cells.note)


def _cell(cells: Cells, row: Sequence[str], column: int) -> str:
    cell, shown = row[column], named if not cells.prose else escaped
    text = "<br>".join(map(shown, cells.lines(cell.strip(" "), column)))
    is_heading = cell and len(row) > 1 and not any(row[1:])
    stressed = isinstance(cell, Strong) or cells.tones.get(cell) in (Tone.BAD, Tone.WARNING)
    return f"**{text}**" if text and (is_heading or stressed) else text


def named(text: str) -> str:
    """A heading, label or cell, which a long name is not to spoil."""
    return escaped(shortened(text, LONGEST_LABEL))


def escaped(text: str) -> str:
    r"""A text to stand in a sentence, a list or the cell of a table.

    Example:
        >>> print(escaped("<b>|[x](javascript:alert(1)) @you #1"))
        \<b\>\|\[x\](javascript:alert(1)) @<!-- -->you #<!-- -->1
    """
    shown = SPECIAL.sub(r"\\\g<0>", visible(text))
    shown = MENTION.sub(rf"\g<0>{NOTHING}", LINK.sub(r"\\\g<0>", shown))
    return START.sub(r"\g<1>\\\g<2>", shown)  # no list, no heading


def code(text: str) -> str:
    """A text in a fixed font, as a command or a hash; not for tables.

    Example:
        >>> print(code("a `b`"))
        `` a `b` ``
    """
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest or shown != shown.strip() or not shown else ""
    return f"{fence}{space}{shown}{space}{fence}"


def block(text: str) -> str:
    """A text in a block of its own, as it is."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}\n{fence}"
