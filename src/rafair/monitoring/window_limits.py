"""When a window is closed: by how much it holds, or by how long it has been open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rafair.arguments import check_whole

if TYPE_CHECKING:
    from rafair.monitoring.open_window import Gathering

MOST_ROWS = 100_000
"""A window is held in memory, and stored in one transaction."""


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
