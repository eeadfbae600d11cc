"""Connections to a store's database, each with the settings that keep what was committed."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from rafair.monitoring.store.database_address import Address

# of a connection that is lost we tell ourselves; what the libraries say of it is for whoever has
# set up logging, and would else be printed
for name in ("psycopg", "sqlalchemy", "alembic"):
    logging.getLogger(name).addHandler(logging.NullHandler())

BUSY_SECONDS = 1.0
"""How long SQLite itself waits for another process' transaction; then we do."""

WRITES = "rafair_writes"
"""The option of a connection saying how SQLite begins: to write, to read (False), or not (None)."""


def engine_of(address: Address, *, make: bool = False) -> Engine:
    """Makes an engine that keeps no connection by itself.

    So no file that was removed is written to any more, and no session that a server has ended is
    used again.

    Args:
        address: The database.
        make: Whether SQLite's file is made if it is not there.
    """
    if address.url is not None:
        return _postgresql(address.url)
    assert address.path is not None
    if _lies_still(address.path):
        return _sqlite(address.path, "ro&immutable=1")
    return _sqlite(address.path, "rwc" if make else "rw")


def _lies_still(path: Path) -> bool:
    """Whether nobody can write here, such as in an archive; there SQLite cannot make its log."""
    log = path.with_name(f"{path.name}-wal")
    return path.exists() and not os.access(path.parent, os.W_OK) and not log.exists()


def _postgresql(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # all queries of one reader see the same windows, though others are committed meanwhile
        if connection.get_execution_options().get(WRITES) is False:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def _sqlite(path: Path, mode: str) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # transactions begin where we say so, see `begin`
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        if writes is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def use_write_ahead_log(connection: Connection) -> None:
    """Lets SQLite's readers and its writer work at the same time, where the disk can do it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
