"""The blocks of every document: headings, sentences, facts, tables, pictures and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """How a text is meant; each output decides how that looks."""

    PLAIN = ""
    STRONG = "strong"
    QUIET = "quiet"
    WARNING = "warning"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Heading:
    """What the blocks below are about.

    Args:
        text: What it says.
        level: 1 of a whole document, 2 of a part of it, 3 of less.
    """

    text: str
    level: int = 2


@dataclass(frozen=True)
class Said:
    """Sentences, each of them on a line of its own.

    Args:
        texts: The sentences.
        tone: How all of them are meant.
        copied: Whether lines hold commands or paths, which nothing is to break.
        listed: Whether they are a list, and not read one after the other.
    """

    texts: Sequence[str]
    tone: Tone = Tone.PLAIN
    copied: bool = False
    listed: bool = False


@dataclass(frozen=True)
class Facts:
    """Names, and what is so of each, a line each.

    Args:
        pairs: Each name, and what is so.
        copied: Whether what is so are commands.
    """

    pairs: Sequence[tuple[str, str]]
    copied: bool = False


class Strong(str):
    """A cell that stands out from the others."""

    __slots__ = ()


@dataclass(frozen=True)
class Cells:
    """One table.

    Args:
        title: What it shows; empty where what stands above says it.
        headers: Column names; the first column names the rows.
        rows: The cells; a rate is its value, a line break, and its interval. A row whose first cell
            alone says something is a heading.
        note: How to read it.
        dense: Whether cells are single lines and rows have names of the user's, which are not to
            be cut up.
        prose: Whether cells are sentences.
        tones: How a cell that says this is meant.
        names: How many columns hold names; the others hold figures.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    dense: bool = False
    prose: bool = False
    tones: Mapping[str, Tone] = field(default_factory=dict)
    names: int = 1

    def lines(self, cell: str, column: int) -> list[str]:
        """A rate and its interval, a line each; a break in words of others is none of ours."""
        return [cell] if self.prose or column == 0 else cell.split("\n")


@dataclass(frozen=True)
class Card:
    """One case: what it is, values beside each other, and what went wrong.

    Args:
        heading: What it is.
        headers: What the values are of; the first column names features.
        rows: Names and values; a value that differs from the one before it stands out.
        said: What went wrong.
    """

    heading: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    said: str


@dataclass(frozen=True)
class Picture:
    """Something to be looked at.

    Args:
        title: What it shows.
        figures: The same as tables, for whoever cannot see it.
        note: How to read it.
        file: The name of a file beside the document in which it is drawn; empty without one.
        drawing: The same as elements of HTML, with a description of its own; empty without one.
    """

    title: str
    figures: Sequence[Cells] = ()
    note: str = ""
    file: str = ""
    drawing: str = ""


@dataclass(frozen=True)
class Folded:
    """What few readers want to see: it is unfolded where that can be, and stands there elsewhere.

    Args:
        text: What is in it.
        blocks: What is unfolded.
    """

    text: str
    blocks: Sequence[Block]


Block = Heading | Said | Facts | Cells | Card | Picture | Folded


def warnings(texts: Sequence[str]) -> Said:
    """Warnings, each called one.

    Example:
        >>> warnings(["few rows"]).texts
        ['Warning: few rows']
    """
    return Said([f"Warning: {text}" for text in texts], Tone.WARNING)
