"""What a database's error means for the one who waits: gone for a while, full, or refused."""

from __future__ import annotations

import enum
import sqlite3
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from rafair.sanitize import shortened

LONGEST_REASON = 200
ASIDES = ("DETAIL", "HINT", "CONTEXT", "LINE", "Is the server", "Multiple")


class AwayError(Exception):
    """The database is away: try again."""


class TakenError(Exception):
    """What was to be stored is there already."""


class Kind(enum.Enum):
    """What to do about it."""

    AWAY = "away"
    """Try again."""
    MISSING = "missing"
    """Not there: try again, if it has been there before."""
    REFUSED = "refused"
    """The database will not have us: only another address, password or file helps."""
    TAKEN = "taken"
    """What was to be stored is there already."""
    BROKEN = "broken"
    """All else, such as a full disk: the transaction was rolled back."""


@dataclass(frozen=True)
class Fault:
    """An error of a database.

    Args:
        kind: What to do about it.
        reason: What the database says, in one line.
    """

    kind: Kind
    reason: str


AWAY_CLASSES = ("08", "40")  # connections; serialization failures and deadlocks
AWAY_STATES = ("57P01", "57P02", "57P03", "57P05", "53300", "25P03", "55P03")
# the server shuts down, crashed, starts; the session was idle; too many of them; a lock
FOR_A_WHILE = (
    "starting up",
    "shutting down",
    "terminating",
    "recovery",
    "too many",
    "reserved",
    "not yet accept",
)
FOR_GOOD = ("no password supplied", "certificate", "does not support SSL")
SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
SQLITE_REFUSED = ("SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")


def fault_of(error: DBAPIError) -> Fault:
    """Reads an error that SQLAlchemy raised."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return Fault(_of_sqlite(cause), _one_line(cause))
    return Fault(_of_postgresql(error), _one_line(cause))


def ends_session(error: DBAPIError) -> bool:
    """Whether a session is of no more use: what came is no answer of the server's.

    An answer has a state. Without one the connection itself is out of order, also where it still
    looks open: whatever is asked next over it fails as well.
    """
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return False
    return getattr(cause, "sqlstate", None) is None and _of_postgresql(error) is Kind.AWAY


def _of_sqlite(cause: sqlite3.Error) -> Kind:
    name = getattr(cause, "sqlite_errorname", "")
    if isinstance(cause, sqlite3.IntegrityError):
        return Kind.TAKEN
    if name.startswith(SQLITE_AWAY):
        return Kind.AWAY
    if name.startswith("SQLITE_CANTOPEN"):
        return Kind.MISSING
    return Kind.REFUSED if name.startswith(SQLITE_REFUSED) else Kind.BROKEN


def _of_postgresql(error: DBAPIError) -> Kind:
    import psycopg

    cause = error.orig
    state = getattr(cause, "sqlstate", None) or ""
    if isinstance(cause, psycopg.IntegrityError):
        return Kind.TAKEN
    if error.connection_invalidated or state in AWAY_STATES or state[:2] in AWAY_CLASSES:
        return Kind.AWAY
    if state[:2] in ("28", "3D") or state == "42501":  # who we are; which database; its rights
        return Kind.REFUSED
    if state:
        return Kind.BROKEN
    # no session was begun, and libpq tells of it in words alone
    said = str(cause)
    if isinstance(cause, psycopg.ProgrammingError):  # an option that it does not know
        return Kind.REFUSED
    if "resolve host" in said:
        return Kind.MISSING
    answered = "FATAL" in said and not any(words in said for words in FOR_A_WHILE)
    refused = answered or any(words in said for words in FOR_GOOD)
    return Kind.REFUSED if refused else Kind.AWAY


def _one_line(cause: BaseException | None) -> str:
    """The last line that says something: the others are of earlier tries, or of a query."""
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    states = [line for line in lines if not line.startswith(ASIDES)]
    if not states:
        return type(cause).__name__
    connecting = str(cause).startswith(("connection", "Multiple"))
    line = states[-1] if connecting else states[0]
    return shortened(line.rpartition("failed: ")[2].removeprefix("FATAL:").strip(), LONGEST_REASON)
