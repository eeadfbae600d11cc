"""One process at a time watches a monitor; its lock goes with it, however it ends."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Connection, Integer, Select, String, column, func, select, table
from sqlalchemy.sql import and_

from rafair.engine.atomic_files import explaining_storage
from rafair.errors import StoreBusyError
from rafair.monitoring.store.database_errors import AwayError
from rafair.sanitize import visible

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

LOOK_AGAIN_S = 0.2
LONGEST_NAME = 63  # of PostgreSQL's names


def busy(shown: str, holder: str) -> StoreBusyError:
    """The error that says who watches."""
    by = f" ({visible(holder)})" if holder else ""
    return StoreBusyError(
        f"store {shown}: another process{by} watches this monitor: wait for its end, or stop it"
    )


def waiting(wait_s: float, attempt: Callable[[], T]) -> T:
    """Makes attempts until one is not refused, or the time is up.

    Raises:
        StoreBusyError: If the last one was.
    """
    end = time.monotonic() + wait_s
    while True:
        try:
            return attempt()
        except StoreBusyError:
            left = end - time.monotonic()
            if left <= 0:
                raise
            time.sleep(min(LOOK_AGAIN_S, left))


# a file beside SQLite's -------------------------------------------------------------------------


@contextmanager
def file_lock(path: Path, monitor: str, shown: str, wait_s: float) -> Iterator[None]:
    """Holds the lock on a file beside the store's; the file stays, and says who held it last.

    Raises:
        StoreBusyError: If another process holds it.
        InputError: If the file may not be written.
    """
    if fcntl is None:
        yield
        return
    beside = path.with_name(f"{path.name}.{number_of(monitor):016x}.lock")
    with explaining_storage(beside):
        # nobody removes it, so two processes never hold two files of one name
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        waiting(wait_s, lambda: _flock(descriptor, shown))
        with suppress(OSError):  # for people only: a full disk does not matter
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, who().encode(errors="replace"), 0)
        yield
    finally:
        os.close(descriptor)


def _flock(descriptor: int, shown: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise busy(shown, os.pread(descriptor, 200, 0).decode(errors="replace")) from error


# a session of PostgreSQL ------------------------------------------------------------------------

_LOCKS = table(
    "pg_locks",
    *(column(name, String) for name in ("locktype",)),
    *(column(name, BigInteger) for name in ("classid", "objid")),  # unsigned, of 32 bits
    *(column(name, Integer) for name in ("objsubid", "pid", "database")),
    column("granted"),
    schema="pg_catalog",
)
_SESSIONS = table(
    "pg_stat_activity",
    column("pid", Integer),
    column("application_name", String),
    column("datname", String),
    schema="pg_catalog",
)


class SessionLock:
    """An advisory lock of PostgreSQL, which the server frees when its session ends.

    Args:
        monitor: What is watched.
        shown: The database's name in messages.
    """

    def __init__(self, monitor: str, shown: str) -> None:
        self.is_taken = False
        self._number, self._shown = number_of(monitor), shown
        token = os.urandom(4).hex()
        self._name = f"rafair {who()} {token}"
        if len(self._name.encode()) > LONGEST_NAME:
            self._name = f"rafair pid {os.getpid()} {token}"

    def take(self, session: Connection) -> None:
        """Takes the lock for a session.

        Raises:
            StoreBusyError: If another process holds it.
            AwayError: If a lost session of this very watch does; it is ended.
        """
        signed = self._number - (1 << 64 if self._number >> 63 else 0)
        with session.begin():
            session.execute(select(func.set_config("application_name", self._name, False)))
            self.is_taken = bool(session.scalar(select(func.pg_try_advisory_lock(signed))))
            if self.is_taken:
                return
            holder = session.execute(self._holder()).first()
            if holder and holder.application_name == self._name:
                # a session of ours whose end the server has not noticed
                session.execute(select(func.pg_terminate_backend(holder.pid)))
                raise AwayError("away (ending a former session of this watch)")
        raise busy(self._shown, _without_token(holder.application_name if holder else ""))

    def _holder(self) -> Select[Any]:
        found = and_(
            _LOCKS.c.locktype == "advisory",
            _LOCKS.c.classid == self._number >> 32,
            _LOCKS.c.objid == self._number & 0xFFFFFFFF,
            _LOCKS.c.objsubid == 1,
            _LOCKS.c.granted,
            _SESSIONS.c.datname == func.current_database(),
        )
        both = _LOCKS.join(_SESSIONS, _LOCKS.c.pid == _SESSIONS.c.pid)
        return select(_SESSIONS.c.pid, _SESSIONS.c.application_name).select_from(both).where(found)


def _without_token(name: str | None) -> str:
    return (name or "").removeprefix("rafair ").rpartition(" ")[0]


def number_of(monitor: str) -> int:
    """A number of 64 bits for a monitor's lock."""
    return int.from_bytes(hashlib.sha256(f"rafair watch {monitor}".encode()).digest()[:8], "big")


def who() -> str:
    """This process, for people."""
    return f"pid {os.getpid()} on {socket.gethostname()}"
