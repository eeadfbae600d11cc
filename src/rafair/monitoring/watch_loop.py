"""A watch that runs on: windows are filled from a feed, closed, stored and told."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from rafair.monitoring.incoming.record_feeds import Feed
from rafair.monitoring.open_window import Gathering, Sort
from rafair.monitoring.stop_request import Stop
from rafair.monitoring.watch_results import WindowResult
from rafair.monitoring.window_limits import Closing
from rafair.monitoring.window_monitor import Monitor

POLL_S = 1.0
"""How long one wait for records lasts at most, so that a stop is heard."""

AT_ONCE = 2_000
"""How many records are taken and looked up at once."""


@dataclass(frozen=True)
class Watching:
    """One run of a watch.

    Args:
        monitor: Judges and stores.
        feed: Where records come from.
        sort: Tells rows, labels and malformed records apart.
        closing: When windows are closed.
        tell: Takes the result of each window.
        between: Done after each wait and each window, such as sending messages.
        stop: Says when to stop.
        clock: Seconds that never jump.
    """

    monitor: Monitor
    feed: Feed
    sort: Sort
    closing: Closing
    tell: Callable[[WindowResult], None]
    between: Callable[[], None] = lambda: None
    stop: Stop = field(default_factory=Stop)
    clock: Callable[[], float] = time.monotonic

    def run(self) -> bool:
        """Watches until the feed ends or a stop is wished.

        What is open at a stop is stored if the feed does not give it again.

        Returns:
            Whether a window of this run had an alarm.

        Raises:
            IncompleteError: If the store or the model has gone; all windows before are stored.
        """
        alarmed, gathering, begun = False, self.monitor.begin(), self.clock()
        while True:
            self.between()
            ended = self.feed.ended or (self.stop.wished and not self.feed.replays)
            if self.stop.wished and not ended:
                return alarmed
            open_s = self.clock() - begun
            if self.closing.due(gathering, open_s) or (ended and not gathering.empty):
                alarmed |= bool(self._close(gathering).alarms)
                gathering, begun = self.monitor.begin(), self.clock()
                continue
            if ended:
                return alarmed
            room = min(self.closing.room(gathering), AT_ONCE)
            records = self.feed.take(room, self._wait(gathering, open_s))
            if records:
                if gathering.untouched:
                    gathering, begun = self.monitor.begin(), self.clock()
                gathering.add(records, self.sort, self.monitor.store)

    def _wait(self, gathering: Gathering, open_s: float) -> float:
        left = None if gathering.empty else self.closing.left(open_s)
        return POLL_S if left is None else min(POLL_S, left)

    def _close(self, gathering: Gathering) -> WindowResult:
        # each window of a watch is a new one: what it counts is known by positions and ids
        result = self.monitor.close(gathering, f"watch:{uuid.uuid4()}")
        self.tell(result)
        return result
