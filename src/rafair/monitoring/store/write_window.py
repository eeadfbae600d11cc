"""Writes a window: what one transaction holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rafair.errors import InputError
from rafair.monitoring.judged_rows import UNLABELLED
from rafair.monitoring.judged_window import NewRows, Window
from rafair.monitoring.store.store_tables import (
    COUNTS,
    DELIVERIES,
    EVIDENCE,
    OUTSIDE,
    POSITIONS,
    QUARANTINE,
    ROWS,
    WAITING_LABELS,
    WINDOWS,
)
from rafair.monitoring.stream_record import Refused
from rafair.monitoring.watched_rates import CLEAN

AT_ONCE = 5_000
"""How many values one query names; SQLite allows 32,766, PostgreSQL 65,535."""


def cut(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Parts of a sequence that one query can name."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def write_window(connection: Connection, monitor: int, window: Window, token: str) -> bool:
    """Writes all of a window, unless its number or its key is there.

    Args:
        connection: In a transaction.
        monitor: The monitor's number in this store.
        window: What to write.
        token: Tells this attempt from those of others: if it is there, its COMMIT was heard though
            the connection broke before its answer.

    Returns:
        Whether the window is there by this attempt.

    Raises:
        InputError: If the number leaves a gap.
    """
    # the last number first: another writer's window that comes in between is then seen
    last = select(func.max(WINDOWS.c.number)).where(WINDOWS.c.monitor == monitor)
    expected = (connection.scalar(last) or 0) + 1
    same = (WINDOWS.c.number == window.number) | (WINDOWS.c.key == window.key)
    seen = select(WINDOWS.c.token).where(WINDOWS.c.monitor == monitor, same)
    if found := connection.scalars(seen).all():
        return token in found
    if window.number != expected:
        raise InputError(f"window: expected number {expected}, got {window.number}")
    # first, so that of two writers one waits here, and ends here
    connection.execute(insert(WINDOWS).values(_window_values(monitor, window, token)))
    of_it = {"monitor": monitor, "window": window.number}
    _insert(connection, ROWS, of_it, _rows(window.number, window.rows))
    _write_labels(connection, of_it, window)
    _insert(connection, COUNTS, of_it, _named(window.counts, "rate", ("good", "n")))
    _insert(connection, OUTSIDE, of_it, _named(window.outside, "column", ("n",)))
    _insert(connection, QUARANTINE, of_it, _placed(map(Refused.to_dict, window.refused)))
    _insert(connection, DELIVERIES, of_it, _placed(map(_delivery(window), window.deliveries)))
    _write_positions(connection, of_it, window)
    connection.execute(delete(EVIDENCE).where(EVIDENCE.c.monitor == monitor))
    if window.evidence:
        connection.execute(insert(EVIDENCE).values(**of_it, state=window.evidence))
    return True


def _window_values(monitor: int, window: Window, token: str) -> dict[str, Any]:
    return {
        "monitor": monitor,
        "number": window.number,
        "key": window.key,
        "source": window.source,
        "opened": window.opened,
        "closed": window.closed,
        "n": len(window.rows.ids),
        "labelled": int((window.rows.labels != UNLABELLED).sum()),
        "late_labels": len(window.late_labels),
        "quarantined": len(window.refused),
        "duplicates": window.duplicates,
        "document": dict(window.document),
        "token": token,
    }


def _rows(number: int, rows: NewRows) -> list[dict[str, Any]]:
    labels: list[Any] = [None if y == UNLABELLED else y for y in rows.labels.tolist()]
    columns: dict[str, Sequence[Any]] = {
        "id": rows.ids,
        "place": range(len(rows.ids)),
        "key": rows.keys.tolist(),
        "outside": rows.outside.tolist(),
        "label": labels,
        "label_window": [None if y is None else number for y in labels],
        "prediction": rows.judged.predictions.tolist(),
    }
    for condition in rows.judged.conditions:
        columns[f"{condition}_fair"] = rows.judged.fair[condition].tolist()
        if condition != CLEAN:
            columns[f"{condition}_kept"] = rows.judged.kept[condition].tolist()
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _named(items: Any, name: str, values: tuple[str, ...]) -> list[dict[str, Any]]:
    whole = (
        (key, value if isinstance(value, tuple | list) else (value,))
        for key, value in items.items()
    )
    return [{name: key, **dict(zip(values, map(int, value), strict=True))} for key, value in whole]


def _placed(items: Any) -> list[dict[str, Any]]:
    return [{"place": place, **item} for place, item in enumerate(items)]


def _delivery(window: Window) -> Any:
    return lambda message: {"message": dict(message), "attempts": 0, "due": window.closed}


def _insert(
    connection: Connection, table: Any, shared: dict[str, Any], values: list[dict[str, Any]]
) -> None:
    if values:
        connection.execute(insert(table), [{**shared, **value} for value in values])


def _write_labels(connection: Connection, of_it: dict[str, Any], window: Window) -> None:
    waiting = WAITING_LABELS.c
    for some in cut(list(window.claimed_labels)):
        mine = (waiting.monitor == of_it["monitor"]) & waiting.id.in_(some)
        connection.execute(delete(WAITING_LABELS).where(mine))
    if window.late_labels:
        unlabelled = (
            update(ROWS)
            .where(ROWS.c.monitor == of_it["monitor"])
            .where(ROWS.c.id == bindparam("its_id"), ROWS.c.label.is_(None))
            .values(label=bindparam("its_label"), label_window=of_it["window"])
        )
        late = [{"its_id": id_, "its_label": int(y)} for id_, y in window.late_labels.items()]
        connection.execute(unlabelled, late)
    if window.waiting_labels:
        # the first label counts, as with rows
        values = [{**of_it, "id": id_, "label": int(y)} for id_, y in window.waiting_labels.items()]
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(WAITING_LABELS).on_conflict_do_nothing(), values)


def _write_positions(connection: Connection, of_it: dict[str, Any], window: Window) -> None:
    for some in cut(list(window.positions)):
        mine = (POSITIONS.c.monitor == of_it["monitor"]) & POSITIONS.c.source.in_(some)
        connection.execute(delete(POSITIONS).where(mine))
    places = [{"source": name, **vars(at)} for name, at in window.positions.items()]
    _insert(connection, POSITIONS, of_it, places)
