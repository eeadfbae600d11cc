"""Lists of names in sentences: all of them, or the first few and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def joined(names: Iterable[str]) -> str:
    """Names as a sentence lists them; at least one.

    Example:
        >>> joined(["a", "b", "c"]), joined(["a"])
        ('a, b and c', 'a')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def few(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are.

    Example:
        >>> few(["a", "b", "c"], 2), few(["a", "b"], 2)
        ('a, b and 1 more', 'a, b')
    """
    more = len(names) - most
    shown = ", ".join(names[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown
