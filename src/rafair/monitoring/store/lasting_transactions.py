"""Transactions that outlast a database which is away for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, stop_never
from tenacity.wait import wait_exponential, wait_random

from rafair.errors import InputError, StorageError
from rafair.monitoring.store.connections import WRITES
from rafair.monitoring.store.database_errors import (
    AwayError,
    Fault,
    Kind,
    TakenError,
    ends_session,
    fault_of,
)
from rafair.monitoring.store.watch_lock import SessionLock

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE, JITTER = 0.1, 10.0, 0.5
"""Seconds between tries: they double, and each is a little longer by chance."""

KEPT = "; what was stored before is kept, and the same command again carries on"


class Link:
    """The way to one database; safe to use from several threads.

    Args:
        engine: Makes connections.
        shown: The database's name in messages.
        patience_s: For how long to try again while it is away; None for ever.
        say: Told one line when it goes away, and one when it is back.
    """

    def __init__(
        self, engine: Engine, shown: str, patience_s: float | None, say: Callable[[str], None]
    ) -> None:
        self.engine, self.shown = engine, shown
        self._patience_s, self._say = patience_s, say
        self._turn = threading.RLock()
        self._session: Connection | None = None
        self._lock: SessionLock | None = None

    def run(
        self,
        work: Callable[[Connection], T],
        *,
        writes: bool | None = False,
        opening: bool = False,
    ) -> T:
        """Runs `work` in one transaction, again and again while the database is away.

        Args:
            work: What to do; it is done anew from its beginning on each try.
            writes: Whether it changes anything; None for what SQLite does outside of transactions.
            opening: Whether nothing was done before: then what the database refuses is the user's
                to put right.

        Raises:
            StorageError: If it stays away, its disk is full, or it cannot be used any more.
            InputError: If `opening`, and it refuses.
            StoreBusyError: If the watch is held, was lost, and another process has taken it.
            TakenError: If what was to be stored is there already.
        """
        gone: list[float] = []

        def pause(state: RetryCallState) -> None:
            assert state.outcome is not None
            if not gone:
                gone.append(time.monotonic())
                self._say(self._away(state.outcome.exception()))

        tries = Retrying(
            retry=retry_if_exception_type(AwayError),
            wait=wait_exponential(FIRST_PAUSE, LONGEST_PAUSE) + wait_random(0, JITTER),
            stop=stop_never if self._patience_s is None else stop_after_delay(self._patience_s),
            before_sleep=pause,
            reraise=True,
        )
        try:
            done: T = tries(self._once, work, writes, opening)
        except AwayError as error:
            raise StorageError(
                f"store {self.shown}: {error}, tried for {self._patience_s:g} s{KEPT}"
            ) from error
        if gone:
            self._say(f"store {self.shown}: back after {time.monotonic() - gone[0]:.0f} s")
        return done

    def hold(self, lock: SessionLock) -> None:
        """Keeps one session, which holds a lock, for all that follows.

        Raises:
            StoreBusyError: If another session holds it.
        """
        self._lock = lock
        try:
            self.run(lambda _: None)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Gives the session and its lock back."""
        with self._turn:
            self._lock = None
            self._end_session()

    def _away(self, error: BaseException | None) -> str:
        limit = "for ever" if self._patience_s is None else f"for {self._patience_s:g} s"
        return f"store {self.shown}: {error}; trying again {limit}"

    def _once(self, work: Callable[[Connection], T], writes: bool | None, opening: bool) -> T:
        try:
            with self._turn:
                return self._in_transaction(work, writes)
        except DBAPIError as error:
            raise self._told(fault_of(error), opening) from error
        except SQLAlchemyError as error:
            reason = str(error).partition("\n")[0]
            raise StorageError(f"store {self.shown}: cannot be used: {reason}{KEPT}") from error

    def _in_transaction(self, work: Callable[[Connection], T], writes: bool | None) -> T:
        options = {WRITES: writes}
        if self._lock is None:
            with self.engine.connect().execution_options(**options) as fresh, fresh.begin():
                return work(fresh)
        try:
            if self._session is None:
                self._session = self.engine.connect()
                self._lock.take(self._session)
            session = self._session.execution_options(**options)
            with session.begin():
                return work(session)
        except BaseException as error:
            # of a session that was lost, or has not got its lock, nothing is of use
            lost = isinstance(error, DBAPIError) and ends_session(error)
            if self._session is not None and (lost or self._is_of_no_use(self._session)):
                self._end_session()
            raise

    def _is_of_no_use(self, session: Connection) -> bool:
        return session.invalidated or session.closed or not (self._lock and self._lock.is_taken)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if self._lock is not None:
            self._lock.is_taken = False
        if session is not None:
            session.invalidate()  # closed for good: a lock goes with its session
            session.close()

    def _told(self, fault: Fault, opening: bool) -> Exception:
        if fault.kind is Kind.AWAY or (fault.kind is Kind.MISSING and not opening):
            return AwayError(f"away ({fault.reason})")
        if fault.kind is Kind.TAKEN:
            return TakenError(fault.reason)
        if fault.kind in (Kind.MISSING, Kind.REFUSED) and opening:
            return InputError(f"store {self.shown}: cannot be opened: {fault.reason}")
        return StorageError(f"store {self.shown}: cannot be used: {fault.reason}{KEPT}")

    def close(self) -> None:
        """Ends all connections."""
        self.release()
        self.engine.dispose()
