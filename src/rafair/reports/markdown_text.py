"""Texts of others as GitHub-flavoured Markdown that shows them and does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rafair.visible import visible

SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
LINK = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):", re.IGNORECASE)
MENTION = re.compile(r"[@#](?=\w)|(?<=\b[Gg][Hh])-(?=\d)")
START = re.compile(r"^(\d*)([-+=#.)])(?=\s|$|[-+=#])")
NOTHING = "<!-- -->"
"""Parts a mention from its sign: a backslash would not, since GitHub looks once it is gone."""


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
