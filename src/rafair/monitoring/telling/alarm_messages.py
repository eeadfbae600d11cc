"""The messages of new alarms, from the store to their receiver."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rafair.monitoring.store.stored_values import Delivery
from rafair.monitoring.telling.webhook import Webhook, deliver_due
from rafair.monitoring.window_monitor import utc

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

PAUSE_S = 1.0
"""The store is asked for messages no more often than that."""


class Sending:
    """Sends what is due, and notes in the store what came of it.

    Args:
        store: Where messages wait.
        webhook: Where they go.
        say: Takes one line for people.
    """

    def __init__(self, store: Store, webhook: Webhook, say: Callable[[str], None]) -> None:
        self._store, self._webhook, self._say = store, webhook, say
        self._next_s = 0.0

    def send_due(self) -> None:
        """Sends all messages whose time has come; does nothing if asked again at once."""
        if time.monotonic() >= self._next_s:
            deliver_due(self, self._webhook, utc(), self._say)
            self._next_s = time.monotonic() + PAUSE_S

    def due(self, now: datetime.datetime) -> Iterable[tuple[Delivery, Mapping[str, Any], int]]:
        """The messages that are to be sent now."""
        return [(one, one.message, one.attempts) for one in self._store.deliveries(now)]

    def done(self, delivery: Delivery) -> None:
        """Notes that the receiver took it."""
        self._store.delivered(delivery, utc())

    def failed(self, delivery: Delivery, attempts: int, next_time: datetime.datetime) -> None:
        """Notes when it is due again."""
        self._store.put_off(delivery, next_time, "the receiver did not take it", attempts)

    def given_up(self, delivery: Delivery, reason: str) -> None:
        """Notes that the receiver refused it."""
        self._store.given_up(delivery, utc(), reason)
