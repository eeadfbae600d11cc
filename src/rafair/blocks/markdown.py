"""Blocks as GitHub-flavoured Markdown, in which texts of others are shown and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rafair.blocks.kinds import Block, Card, Cells, Facts, Heading, Said, Tone
from rafair.visible import shortened, visible

SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
LINK = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):", re.IGNORECASE)
MENTION = re.compile(r"[@#](?=\w)|(?<=\b[Gg][Hh])-(?=\d)")
START = re.compile(r"^(\d*)([-+=#.)])(?=\s|$|[-+=#])")
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
    return "\n\n".join(part for one in blocks for part in _parts(one)) + "\n"


def _parts(one: Block) -> Iterator[str]:
    match one:
        case Heading():
            yield f"## {named(one.text)}"
        case Said():
            yield from ("> " * (one.tone is Tone.WARNING) + escaped(text) for text in one.texts)
        case Facts():  # as code, in which no forge takes a hash for a commit
            yield "\n".join(f"- {escaped(name)}: {code(value)}" for name, value in one.pairs)
        case Card():
            yield f"**{escaped(one.heading)}**"
            yield from cells_parts(Cells("", one.headers, one.rows, one.said, prose=True))
        case Cells():
            yield from cells_parts(one)


def cells_parts(cells: Cells) -> Iterator[str]:
    """A table with its title as a heading, and its note."""
    if cells.title:
        yield f"### {escaped(cells.title)}"
    rows = ([_cell(cells, row, column) for column in range(len(row))] for row in cells.rows)
    yield table(list(map(named, cells.headers)), rows, right=not cells.prose)
    if cells.note:
        yield escaped(cells.note)


def _cell(cells: Cells, row: Sequence[str], column: int) -> str:
    cell, shown = row[column], named if not cells.prose else escaped
    text = "<br>".join(map(shown, cells.lines(cell.strip(" "), column)))
    is_heading = cell and len(row) > 1 and not any(row[1:])
    strong = is_heading or cells.tones.get(cell) in (Tone.BAD, Tone.WARNING)
    return f"**{text}**" if strong else text


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


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], right: bool = True) -> str:
    """A table of texts that are escaped already; all columns but the first to the right."""
    rule = [":--", *(["--:" if right else ":--"] * (len(headers) - 1))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, rule, *rows))
