"""The store of one monitor: what was judged goes in window by window, and can be asked for."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import and_, or_, select, update

from rafair.errors import StorageError
from rafair.monitoring.judged_window import Window
from rafair.monitoring.store.database_errors import TakenError
from rafair.monitoring.store.lasting_transactions import KEPT
from rafair.monitoring.store.store_queries import StoreReader
from rafair.monitoring.store.store_tables import DELIVERIES, WINDOWS
from rafair.monitoring.store.stored_values import Delivery
from rafair.monitoring.store.watch_lock import SessionLock, file_lock, waiting
from rafair.monitoring.store.write_window import write_window


class Store(StoreReader):
    """All that is stored of one monitor; `open_store` makes it.

    Every method is one transaction, tried again while the database is away; it may be called from
    any thread. Reading works while another process watches.

    Args:
        link: The way to the database.
        address: The database.
        monitor: The monitor's number there.
        monitor_id: The hash of its reference.
        conditions: Under what its rows are looked at.

    Raises:
        StorageError: By every method: if the database stays away, its disk is full, or it cannot
            be used any more. What was stored before is kept.
    """

    def hold(self, wait_s: float = 0) -> AbstractContextManager[None]:
        """Keeps other processes from watching this monitor; the lock goes with the process.

        With PostgreSQL the lock belongs to a session; should that be lost, it is taken again
        before anything else is done.

        Args:
            wait_s: For how long to wait for another process' end.

        Raises:
            StoreBusyError: If another process watches; also later, if it took the lock while this
                one's session was lost.
        """
        if self._address.path is not None:
            return file_lock(self._address.path, self.monitor_id, self.shown, wait_s)
        return self._hold_session(wait_s)

    @contextmanager
    def _hold_session(self, wait_s: float) -> Iterator[None]:
        lock = SessionLock(self.monitor_id, self.shown)
        waiting(wait_s, lambda: self._link.hold(lock))
        try:
            yield
        finally:
            self._link.release()

    def commit(self, window: Window) -> bool:
        """Stores a window: all of it, or nothing.

        Args:
            window: What to store.

        Returns:
            False if its number or its key was there, from this process or another: then nothing
            is changed.

        Raises:
            InputError: If its number leaves a gap.
            StorageError: Also if a row's id is counted already.
        """
        token = os.urandom(16).hex()
        try:
            return self._link.run(
                lambda connection: write_window(connection, self._monitor, window, token),
                writes=True,
            )
        except TakenError as error:
            # another writer was faster, or an id is not new
            if self._has(window):
                return False
            raise StorageError(
                f"store {self.shown}: expected a window of rows that are not counted yet: "
                f"{error}{KEPT}"
            ) from error

    def _has(self, window: Window) -> bool:
        same = or_(WINDOWS.c.number == window.number, WINDOWS.c.key == window.key)
        query = select(WINDOWS.c.number).where(WINDOWS.c.monitor == self._monitor, same)
        return self._read(lambda connection: connection.execute(query).first()) is not None

    def delivered(self, delivery: Delivery, at: datetime.datetime) -> None:
        """Notes that a message was sent, at a moment."""
        self._note(delivery, done=at, problem=None)

    def given_up(self, delivery: Delivery, at: datetime.datetime, problem: str) -> None:
        """Notes that a message was refused, at a moment, and is never sent again."""
        self._note(delivery, done=at, problem=problem)

    def put_off(
        self,
        delivery: Delivery,
        until: datetime.datetime,
        problem: str,
        attempts: int | None = None,
    ) -> None:
        """Notes that a message could not be sent.

        Args:
            delivery: The message.
            until: When to try again; at most a day from now, see `deliveries`.
            problem: Why not.
            attempts: How often it was tried by now; None for once more than before.
        """
        self._note(delivery, attempts, due=until, problem=problem)

    def _note(self, delivery: Delivery, attempts: int | None = None, **values: Any) -> None:
        this = and_(
            DELIVERIES.c.monitor == self._monitor,
            DELIVERIES.c.window == delivery.window,
            DELIVERIES.c.place == delivery.place,
            DELIVERIES.c.attempts == delivery.attempts,  # noted twice is noted once
        )
        tried = delivery.attempts + 1 if attempts is None else attempts
        note = update(DELIVERIES).where(this).values(attempts=tried, **values)
        self._link.run(lambda connection: connection.execute(note).rowcount, writes=True)
