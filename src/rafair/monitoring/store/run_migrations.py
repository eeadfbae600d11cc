"""Makes a store's tables, or brings those of an older version up to date, in one transaction."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Connection, func, inspect, select

from rafair.errors import InputError
from rafair.monitoring.probes import PROBES
from rafair.monitoring.store.store_tables import METADATA, ROWS, VERSION_TABLE, columns_of
from rafair.sanitize import visible

SCRIPTS = "rafair.monitoring.store:migrations"
LOCK = int.from_bytes(b"rafair 8", "big") >> 1
"""The number of PostgreSQL's lock under which one process at a time changes tables."""

MOST_NAMED = 3


def migrate(connection: Connection, shown: str) -> None:
    """Brings the tables to this version of rafair; two processes may do it at once.

    Args:
        connection: In a transaction, which is the lock with SQLite.
        shown: The database's name in messages.

    Raises:
        InputError: If the database belongs to something else, or to a newer rafair.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    config = _config(connection)
    current = current_version(connection)
    if current is None:
        _check_empty(connection, shown)
    known = _versions(config)
    if current is not None and current not in known:
        raise InputError(
            f"store {shown}: expected tables of version {known[0]} or older, found "
            f"'{visible(current)}': a newer rafair made them; use that one, or another database"
        )
    if current != known[0]:
        command.upgrade(config, "head")
    _add_probes(connection)


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version; asks, and changes nothing."""
    return current_version(connection) == _versions(_config(connection))[0]


def is_known(connection: Connection) -> bool:
    """Whether they are those of this version or an older one, which can be read as they are."""
    return current_version(connection) in _versions(_config(connection))


def _add_probes(connection: Connection) -> None:
    """Adds the columns of probes that are newer than the tables; no stored row is touched."""
    there = {column["name"] for column in inspect(connection).get_columns(ROWS.name)}
    change = Operations(MigrationContext.configure(connection))
    for name in (name for probe in PROBES for name in columns_of(probe)):
        if name not in there:
            change.add_column(ROWS.name, Column(name, Boolean))


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config


def _versions(config: Config) -> list[str]:
    """All that this rafair knows, the newest first."""
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in scripts]


def current_version(connection: Connection) -> str | None:
    """The last migration that was made; None where there was none."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _check_empty(connection: Connection, shown: str) -> None:
    others = sorted(set(inspect(connection).get_table_names()) - {VERSION_TABLE})
    if others:
        names = ", ".join(visible(name) for name in others[:MOST_NAMED])
        more = f" and {len(others) - MOST_NAMED:,} more" if len(others) > MOST_NAMED else ""
        raise InputError(
            f"store {shown}: expected an empty database or a store of rafair, found tables of "
            f"something else ({names}{more})"
        )


def configure(connection: Connection) -> dict[str, object]:
    """What Alembic must know of a connection, here and in tests."""
    return {
        "connection": connection,
        "target_metadata": METADATA,
        "version_table": VERSION_TABLE,
        "transactional_ddl": True,  # SQLite can, where we say when a transaction begins
        "render_as_batch": connection.dialect.name == "sqlite",
    }
