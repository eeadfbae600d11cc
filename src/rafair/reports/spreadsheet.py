"""Cells that a spreadsheet shows as they are, and never computes."""

from __future__ import annotations

import re
import unicodedata

from rafair.visible import visible

STARTERS = "=+-@"
"""What a formula may begin with, in any width of these characters."""

NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
BLANKS = " \t\r\n\u00a0\u3000'\"`"
"""What some programs pass over before they look for a formula."""


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
