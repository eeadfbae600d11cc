"""The tables of a store as the code uses them; migrations make them (`docs/monitor-store.md`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)

from rafair.monitoring.probes import PROBES
from rafair.monitoring.store.column_types import AnyText, Moment

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _needed(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _monitor() -> Column[int]:
    return Column("monitor", Integer, ForeignKey("monitors.id"), primary_key=True)


def _of_window(name: str, *columns: Any, window_is_key: bool = True) -> Table:
    """A table whose rows each came with a window."""
    window: Column[int] = Column("window", Integer, primary_key=window_is_key, nullable=False)
    monitor: Column[int] = Column("monitor", Integer, primary_key=True)
    belongs = ForeignKeyConstraint(["monitor", "window"], ["windows.monitor", "windows.number"])
    return Table(name, METADATA, monitor, window, *columns, belongs)


def columns_of(probe: str) -> tuple[str, str]:
    """What the columns of a probe are called: whether it left a row's answer, and it fair."""
    return f"{probe}_kept", f"{probe}_fair"


MONITORS = Table(
    "monitors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("hash", AnyText, nullable=False, unique=True),
    _needed("created", Moment),
    _needed("reference", JSON),
)

WINDOWS = Table(
    "windows",
    METADATA,
    _monitor(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _needed("key", AnyText),
    _needed("source", AnyText),
    _needed("opened", Moment),
    _needed("closed", Moment),
    _needed("n", Integer),
    _needed("labelled", Integer),
    _needed("late_labels", Integer),
    _needed("quarantined", Integer),
    _needed("duplicates", Integer),
    _needed("document", JSON),
    _needed("token", AnyText),
    Index("uq_windows_monitor_key", "monitor", "key", unique=True),
)

ROWS = _of_window(
    "rows",
    Column("id", AnyText, primary_key=True),
    _needed("place", Integer),
    _needed("key", BigInteger),
    _needed("outside", Boolean),
    Column("label", Integer),
    Column("label_window", Integer),
    _needed("prediction", Integer),
    _needed("clean_fair", Boolean),
    *(Column(name, Boolean) for probe in sorted(PROBES) for name in columns_of(probe)),
    Index("ix_rows_monitor_window_place", "monitor", "window", "place"),
    window_is_key=False,
)


def row_columns(conditions: Collection[str]) -> list[Column[Any]]:
    """The columns of `ROWS` but for those of probes that are not among some conditions.

    The store may lack those: it has the columns of the probes of its monitors, and perhaps others.
    """
    others = {name for probe in PROBES if probe not in conditions for name in columns_of(probe)}
    return [column for column in ROWS.c if column.name not in others]


COUNTS = _of_window(
    "counts",
    Column("rate", AnyText, primary_key=True),
    _needed("good", Integer),
    _needed("n", Integer),
)

OUTSIDE = _of_window("outside", Column("column", AnyText, primary_key=True), _needed("n", Integer))

QUARANTINE = _of_window(
    "quarantine",
    Column("place", Integer, primary_key=True, autoincrement=False),
    _needed("source", AnyText),
    _needed("number", BigInteger),
    _needed("reason", AnyText),
    _needed("content", AnyText),
    Index("ix_quarantine_monitor_number", "monitor", "number"),
)

WAITING_LABELS = _of_window(
    "waiting_labels",
    Column("id", AnyText, primary_key=True),
    _needed("label", Integer),
    window_is_key=False,
)

POSITIONS = _of_window(
    "positions",
    Column("source", AnyText, primary_key=True),
    _needed("records", BigInteger),
    _needed("offset", BigInteger),
    _needed("sha256", AnyText),
    window_is_key=False,
)

DELIVERIES = _of_window(
    "deliveries",
    Column("place", Integer, primary_key=True, autoincrement=False),
    _needed("message", JSON),
    _needed("attempts", Integer),
    _needed("due", Moment),
    Column("done", Moment),
    Column("problem", AnyText),
)

EVIDENCE = _of_window("evidence", _needed("state", LargeBinary), window_is_key=False)

VERSION_TABLE = "rafair_schema"
"""Where Alembic keeps which migrations were made."""
