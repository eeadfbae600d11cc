"""Which names in a folder are those of data files, and in which order they are read."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from pathlib import Path

from rafair.monitoring.incoming.file_records import ENDINGS
from rafair.sanitize import visible

UNFINISHED = (".tmp", ".part", ".partial", ".crdownload")
DIGITS = re.compile("([0-9]+)")

Stamp = tuple[int, int, int, int]
"""What changes when a file does: its size, two times, and which file it is."""


def in_order(names: Iterable[str]) -> list[str]:
    """Names as people order them: numbers in them by their size.

    Example:
        >>> in_order(["day10.csv", "day9.csv", "day09.csv", "a.csv"])
        ['a.csv', 'day09.csv', 'day9.csv', 'day10.csv']
    """
    return sorted(names, key=_by_numbers)


def _by_numbers(name: str) -> tuple[list[tuple[int, str]], str]:
    parts = DIGITS.split(name)  # texts and numbers in turn, a text first
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)], name


def is_passed_over(name: str) -> bool:
    """Whether a name says that a file is hidden, or still being written."""
    return name.startswith((".", "_")) or name.lower().endswith(UNFINISHED)


def why_ignored(folder: Path, name: str) -> str | None:
    """Why something in a folder is not read, in one line; None for a data file.

    Raises:
        OSError: If it has gone.
    """
    where = f"'{visible(str(folder / name))}'"
    mode = (folder / name).stat().st_mode
    if stat.S_ISDIR(mode):
        return f"{where}: a folder in the folder that is watched; it is not looked into"
    if not stat.S_ISREG(mode):
        return f"{where}: neither a file nor a folder; it is ignored"
    if Path(name).suffix.lower() not in ENDINGS:
        return f"{where}: expected a name that ends in {', '.join(ENDINGS)}; it is ignored"
    if visible(name) != name:
        return f"{where}: expected a name of printable characters; it is ignored"
    return None


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file as it is now.

    Raises:
        OSError: If it has gone.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
