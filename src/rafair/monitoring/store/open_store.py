"""Opens the store of a monitor, and makes what is missing."""

from __future__ import annotations

import datetime
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.monitoring.probes import PROBES
from rafair.monitoring.watched_rates import CLEAN, CONDITIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rafair.monitoring.store.monitor_store import Store

LIBRARIES = {"sqlalchemy": "SQLAlchemy", "alembic": "Alembic", "tenacity": "tenacity"}
PATIENCE_S = 300.0


def open_store(
    url_or_path: str | Path,
    monitor_id: str,
    reference_document: Mapping[str, Any],
    *,
    patience_s: float | None = PATIENCE_S,
    say: Callable[[str], None] = lambda _: None,
    existing: bool = False,
) -> Store:
    """Opens the store of a monitor.

    Makes the tables, or brings those of an older rafair up to date. Two processes may do so at
    once.

    Args:
        url_or_path: The path of an SQLite file, made if it is not there, or
            `postgresql://USER:PASSWORD@HOST/DATABASE`.
        monitor_id: The hash of the monitor's reference.
        reference_document: The reference; its "conditions" are those that rows are looked at under.
        patience_s: For how long to try again while the database is away, whenever that is; None
            for ever.
        say: Told one line when it goes away, and one when it is back.
        existing: Whether to refuse a store that does not know the monitor, instead of making it.

    Returns:
        The store; close it, or use it in a `with` statement.

    Raises:
        InputError: If this is no store, or one of a newer rafair, or the database refuses us.
        StorageError: If the database stays away, or its disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open_store(Path(folder) / "watch.sqlite", "a1b2", {}) as store:
        ...         store.last_number(), store.totals().rows
        (0, 0)
    """
    _check_installed()
    from rafair.monitoring.store.connections import engine_of, use_write_ahead_log
    from rafair.monitoring.store.database_address import address_of
    from rafair.monitoring.store.lasting_transactions import Link
    from rafair.monitoring.store.monitor_store import Store
    from rafair.monitoring.store.run_migrations import is_current, is_known, migrate

    conditions = tuple(reference_document.get("conditions", CONDITIONS))
    for name in conditions:
        check_name("condition", name, (CLEAN, *PROBES))
    address = address_of(url_or_path)

    def look(connection: Connection) -> int | None:
        # an older store's windows can be told without changing it
        good = is_known(connection) if existing else is_current(connection)
        return _monitor_number(connection, monitor_id) if good else None

    def prepare(connection: Connection) -> int:
        migrate(connection, address.shown)
        found = _monitor_number(connection, monitor_id)
        return found or _add_monitor(connection, monitor_id, reference_document)

    makes = address.path is not None and not address.path.exists()
    if existing and makes:
        raise InputError(f"store {address.shown}: expected the store of a watch, found none")
    engine = engine_of(address, make=makes)
    opening = Link(engine, address.shown, patience_s, say)
    monitor = opening.run(look, opening=True)  # who only reads waits for no writer
    if monitor is None and existing:
        raise InputError(
            f"store {address.shown}: expected one in which this reference's watch was begun, found "
            "none of it there"
        )
    if monitor is None:
        monitor = opening.run(prepare, writes=True, opening=True)
    opening.run(use_write_ahead_log, writes=None, opening=True)
    opening.close()
    link = Link(engine_of(address), address.shown, patience_s, say)
    return Store(link, address, monitor, monitor_id, conditions)


def _check_installed() -> None:
    for module, name in LIBRARIES.items():
        if importlib.util.find_spec(module) is None:
            raise InputError(
                f"store: {name} is not installed; pip install 'rafair[monitor]' installs it"
            )


def _monitor_number(connection: Connection, monitor_id: str) -> int | None:
    from sqlalchemy import select

    from rafair.monitoring.store.store_tables import MONITORS

    return connection.scalar(select(MONITORS.c.id).where(MONITORS.c.hash == monitor_id))


def _add_monitor(
    connection: Connection, monitor_id: str, reference_document: Mapping[str, Any]
) -> int:
    from sqlalchemy import insert

    from rafair.monitoring.store.store_tables import MONITORS

    new = {
        "hash": monitor_id,
        "created": datetime.datetime.now(datetime.UTC),
        "reference": dict(reference_document),
    }
    key = connection.execute(insert(MONITORS).values(new)).inserted_primary_key
    assert key is not None
    return int(key[0])
