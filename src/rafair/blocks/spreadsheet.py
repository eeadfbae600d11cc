"""A table as CSV, which a spreadsheet shows as it is and never computes."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from functools import cache

from rafair.blocks.block_types import Cells
from rafair.sanitize import visible

STARTERS = "=+-@"
"""What a formula may begin with, in any width of these characters."""

NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
BLANKS = " \t\r\n\u00a0\u3000'\"`"
"""What some programs pass over before they look for a formula."""


def as_csv(cells: Cells, end: str = "\n") -> str:
    r"""The headers and rows of a table; its title and its note are no rows.

    Args:
        cells: The table.
        end: What ends a line.

    Example:
        >>> as_csv(Cells("Rates", ["attack", "sd"], [["apgd", "-0.1"], ["=1", ""]]))
        "attack,sd\napgd,-0.1\n'=1,\n"
    """
    shown = cache(cell)  # most texts stand in many rows
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end)
    writer.writerow([*map(shown, cells.headers)])
    writer.writerows(
        [" ".join(map(shown, cells.lines(text, column))) for column, text in enumerate(row)]
        for row in cells.rows
    )
    return file.getvalue()


def cell(text: str) -> str:
    """A text as a cell: one that could be taken for a formula begins with an apostrophe.

    A formula may also stand behind a semicolon, where a program takes that for the separator.
    Numbers are left as they are.

    Args:
        text: Any text.

    Source: OWASP, "CSV Injection".

    Example:
        >>> cell("=1+1"), cell("-1.5"), cell("-1 dollar"), cell("a;=1+1")
        ("'=1+1", '-1.5', "'-1 dollar", "a;'=1+1")
    """
    if NUMBER.fullmatch(text):
        return text
    shown = visible(text)
    parts = [f"'{part}" if _may_compute(part) else part for part in shown.split(";")]
    joined = ";".join(parts)
    return f"'{joined}" if text[:1] in ("\t", "\r", "\n") and not joined.startswith("'") else joined


def _may_compute(text: str) -> bool:
    first = text.lstrip(BLANKS)[:1]
    return bool(first) and unicodedata.normalize("NFKC", first)[:1] in STARTERS
