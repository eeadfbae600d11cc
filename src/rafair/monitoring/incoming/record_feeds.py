"""Where a watch takes records from: a folder that is looked into again and again, or a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from rafair.monitoring.incoming.pipe_reader import Arriving
from rafair.monitoring.incoming.watched_folder import Folder
from rafair.monitoring.stream_record import Record


class Feed(Protocol):
    """Records as they come."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come."""

    @property
    def replays(self) -> bool:
        """Whether what was taken and not stored is given again after a restart."""

    def take(self, most: int, wait_s: float) -> list[Record]:
        """The next records, at most so many; waits for the first, but not longer than `wait_s`."""


class FolderFeed:
    r"""A folder's files.

    Args:
        folder: The folder.
        once: Whether to end when all that is there is read.
        poll_s: The seconds between two looks.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name:
        ...     _ = Path(name, "a.csv").write_text("id,age\n1,20\n2,30\n")
        ...     feed = FolderFeed(Folder(name, complete=True), once=True, poll_s=0.1)
        ...     found = len(feed.take(1, 0)), len(feed.take(9, 0)), feed.ended
        >>> found
        (1, 1, True)
    """

    def __init__(self, folder: Folder, *, once: bool, poll_s: float) -> None:
        self._ended = False
        self._folder, self._once, self._poll_s = folder, once, poll_s
        self._look: Iterator[Record] | None = None

    @property
    def ended(self) -> bool:
        """Whether all is read that there was."""
        return self._ended

    @property
    def replays(self) -> bool:
        """True: files are read again from what is stored of them."""
        return True

    def take(self, most: int, wait_s: float) -> list[Record]:
        """The next records; of one look, as long as that lasts."""
        if self._look is None:
            self._look = self._folder.look()
        found = list(islice(self._look, most))
        if len(found) < most:
            self._look = None
            self._ended = self._once
            if not (found or self._ended):
                time.sleep(min(self._poll_s, wait_s))
        return found


class PipeFeed:
    """JSON lines over a pipe.

    Args:
        stream: The pipe.
    """

    def __init__(self, stream: Arriving) -> None:
        self._stream = stream

    @property
    def replays(self) -> bool:
        """False: what was taken from a pipe is gone."""
        return False

    @property
    def ended(self) -> bool:
        """Whether the pipe was closed and all is taken."""
        return self._stream.ended

    def take(self, most: int, wait_s: float) -> list[Record]:
        """The next records."""
        return self._stream.take(most, wait_s)
