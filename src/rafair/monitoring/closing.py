"""When a window is closed: by how much it holds, or by how long it has been open."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rafair.arguments import check_whole
from rafair.errors import InputError
from rafair.monitoring.gathering import Gathering

MOST_ROWS = 100_000
"""A window is held in memory, and stored in one transaction."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
FOREVER, NOT_AT_ALL = "forever", "0s"


@dataclass(frozen=True)
class Closing:
    """What closes a window, whichever comes first.

    Args:
        rows: So many rows and labels, or so many records in quarantine: a stream of which nothing
            can be judged has windows, too.
        seconds: So much time since its first record, by a clock that nobody can set; None for no
            limit.

    Raises:
        InputError: If a limit is out of range.

    Example:
        >>> Closing(rows=100).rows
        100
    """

    rows: int = 500
    seconds: float | None = None

    def __post_init__(self) -> None:
        check_whole("window_rows", self.rows, 1, MOST_ROWS)

    def room(self, gathering: Gathering) -> int:
        """How many more records can be taken before it must be looked at again."""
        return max(self.rows - max(len(gathering), len(gathering.refused)), 0)

    def due(self, gathering: Gathering, open_s: float) -> bool:
        """Whether a window is to be closed.

        Args:
            gathering: The open window.
            open_s: The seconds since its first record.
        """
        if not self.room(gathering):
            return True
        return self.seconds is not None and not gathering.empty and open_s >= self.seconds

    def left(self, open_s: float) -> float | None:
        """The seconds until it is closed by time; None if it is not."""
        return None if self.seconds is None else max(self.seconds - open_s, 0.0)


def seconds_of(option: str, text: str) -> float:
    """A time that the user gave.

    Raises:
        InputError: If it is none.

    Example:
        >>> seconds_of("patience", "90s"), seconds_of("patience", "1.5h")
        (90.0, 5400.0)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if not found or float(found[1]) <= 0:
        raise InputError(
            f"{option}: expected a time above 0, such as 90s, 15m, 1h or 1d, got '{text}'"
        )
    return float(found[1]) * UNITS[found[2]]


def patience_of(text: str) -> float | None:
    """How long to wait for what is away; None for ever.

    Raises:
        InputError: If it is no time.

    Example:
        >>> patience_of("60s"), patience_of("0s"), patience_of("forever")
        (60.0, 0.0, None)
    """
    if text.strip() in (FOREVER, NOT_AT_ALL):
        return None if text.strip() == FOREVER else 0.0
    return seconds_of("patience", text)
