"""What can be asked of a monitor's store."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, or_, select

from rafair.monitoring.store import row_queries
from rafair.monitoring.store.database_address import Address
from rafair.monitoring.store.lasting_transactions import Link
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
from rafair.monitoring.store.stored_values import (
    Delivery,
    StoredRows,
    StoredWindow,
    Totals,
    Violations,
)
from rafair.monitoring.store.write_window import cut
from rafair.monitoring.stream_record import Position, Refused

T = TypeVar("T")

WINDOWS_AT_ONCE = 100
"""How many documents of windows are read at once."""

LONGEST_PUT_OFF = datetime.timedelta(days=1)
"""A delivery that is due later than that was put off before the clock was set back: it is due."""


class StoreReader:
    """The questions that `Store` answers, each of one moment.

    Args:
        link: The way to the database.
        address: The database.
        monitor: The monitor's number there.
        monitor_id: The hash of its reference.
        conditions: Under what its rows are looked at.
    """

    def __init__(
        self,
        link: Link,
        address: Address,
        monitor: int,
        monitor_id: str,
        conditions: tuple[str, ...],
    ) -> None:
        self.monitor_id, self.conditions = monitor_id, conditions
        self._link, self._address, self._monitor = link, address, monitor

    @property
    def shown(self) -> str:
        """The database's name for people, without its password."""
        return self._address.shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        self._link.close()

    def window(self, key: str) -> Mapping[str, Any] | None:
        """The document of the window with a key; None if there is none."""
        query = select(WINDOWS.c.document).where(self._mine(WINDOWS), WINDOWS.c.key == key)
        found = self._read(lambda connection: connection.execute(query).first())
        return None if found is None else dict(found.document)

    def newest(self) -> Mapping[str, Any] | None:
        """The document of the newest window, as it was printed; None if there is none."""
        query = select(WINDOWS.c.document).where(self._mine(WINDOWS))
        newest = query.order_by(WINDOWS.c.number.desc()).limit(1)
        found = self._read(lambda connection: connection.execute(newest).first())
        return None if found is None else dict(found.document)

    def last_number(self) -> int:
        """The number of the last window; 0 if there is none."""
        query = select(func.max(WINDOWS.c.number)).where(self._mine(WINDOWS))
        return int(self._read(lambda connection: connection.scalar(query)) or 0)

    def rows_of(self, ids: Sequence[str]) -> StoredRows:
        """What is stored of rows with these ids, in no order; of unknown ids, nothing."""
        return self._read(
            lambda connection: row_queries.rows_of(connection, self._monitor, ids, self.conditions)
        )

    def positions(self) -> dict[str, Position]:
        """How far each source is read."""
        query = select(POSITIONS).where(self._mine(POSITIONS))
        found = self._read(lambda connection: connection.execute(query).all())
        return {row.source: Position(row.records, row.offset, row.sha256) for row in found}

    def waiting_labels(self, ids: Sequence[str]) -> dict[str, int]:
        """The labels that wait for rows with these ids."""
        table = WAITING_LABELS

        def ask(connection: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for some in cut(ids):
                query = select(table.c.id, table.c.label)
                for row in connection.execute(query.where(self._mine(table), table.c.id.in_(some))):
                    found[row.id] = row.label
            return found

        return self._read(ask)

    def history(self, names: Iterable[str] = ()) -> dict[str, NDArray[np.int64]]:
        """The steps of the tests.

        Args:
            names: Rates that are to be there whether or not anything was counted of them.

        Returns:
            By name of a rate, how many of how many were good at each look; shape
            `(last_number(), 2)`.
        """
        query = select(COUNTS).where(self._mine(COUNTS))
        last = select(func.max(WINDOWS.c.number)).where(self._mine(WINDOWS))
        looks, found = self._read(lambda c: (c.scalar(last) or 0, c.execute(query).all()))
        steps = {name: np.zeros((looks, 2), np.int64) for name in names}
        for row in found:
            of_rate = steps.setdefault(row.rate, np.zeros((looks, 2), np.int64))
            of_rate[row.window - 1] = row.good, row.n
        return steps

    def sums(self) -> dict[str, tuple[int, int]]:
        """The steps of the tests together: by name of a rate, how many of how many were good."""
        summed = func.sum(COUNTS.c.good), func.sum(COUNTS.c.n)
        query = select(COUNTS.c.rate, *summed).where(self._mine(COUNTS)).group_by(COUNTS.c.rate)
        found = self._read(lambda connection: connection.execute(query).all())
        return {name: (int(good), int(n)) for name, good, n in map(tuple, found)}

    def evidence(self) -> bytes | None:
        """What the tests kept with the newest window; None if nothing."""
        query = select(EVIDENCE.c.state).where(self._mine(EVIDENCE))
        found = self._read(lambda connection: connection.scalar(query))
        return None if found is None else bytes(found)

    def violations(self, since: int, rates: Sequence[str], limit: int = 200) -> Violations:
        """Rows that are behind the fall of rates.

        Args:
            since: The first window to look at: that of the row for what is unfair, that of its
                label for what is wrong.
            rates: Names of rates, such as "clean.accuracy": a row that one of them counts as not
                good is behind.
            limit: How many rows to give; the newest first, or whose labels are.
        """
        return self._read(
            lambda connection: row_queries.violations(
                connection, self._monitor, since, tuple(rates), limit, self.conditions
            )
        )

    def windows(self) -> list[StoredWindow]:
        """All windows in order, with the labels that have come since."""
        return self.told_windows(lambda window: window)

    def told_windows(self, tell: Callable[[StoredWindow], T]) -> list[T]:
        """What is told of each of them; no more than that is held of many windows."""
        number = WINDOWS.c.number
        query = select(WINDOWS).where(self._mine(WINDOWS)).order_by(number)
        last = select(func.max(number)).where(self._mine(WINDOWS))

        def ask(connection: Connection) -> list[T]:
            windows = range(0, connection.scalar(last) or 0, WINDOWS_AT_ONCE)
            counted = row_queries.counts_of_windows(connection, self._monitor, self.conditions)
            return [
                tell(self._window(row, counted))
                for start in windows
                for row in connection.execute(
                    query.where(number.between(start + 1, start + WINDOWS_AT_ONCE))
                )
            ]

        return self._read(ask)

    def _window(self, row: Any, counted: dict[int, Any]) -> StoredWindow:
        nothing: dict[str, Any] = {name: row_queries.no_rows() for name in self.conditions}
        labelled, counts = counted.pop(row.number, (0, nothing))
        return StoredWindow(
            row.number,
            row.key,
            row.source,
            row.opened,
            row.closed,
            row.n,
            labelled,
            row.quarantined,
            row.duplicates,
            counts,
            dict(row.document),
        )

    def totals(self) -> Totals:
        """What the monitor has seen."""
        summed = ("n", "quarantined", "duplicates")
        windows = select(
            func.count().label("windows"),
            *(func.sum(WINDOWS.c[name]).label(name) for name in summed),
        ).where(self._mine(WINDOWS))
        labelled = select(func.count(ROWS.c.label)).where(self._mine(ROWS))
        waiting_labels = select(func.count()).where(self._mine(WAITING_LABELS))
        outside = select(OUTSIDE.c.column, func.sum(OUTSIDE.c.n)).where(self._mine(OUTSIDE))

        def ask(connection: Connection) -> Totals:
            row = connection.execute(windows).one()
            by_column = connection.execute(outside.group_by(OUTSIDE.c.column)).all()
            return Totals(
                row.windows,
                int(row.n or 0),
                int(connection.scalar(labelled) or 0),
                int(connection.scalar(waiting_labels) or 0),
                int(row.quarantined or 0),
                int(row.duplicates or 0),
                {str(name): int(n) for name, n in sorted(map(tuple, by_column))},
            )

        return self._read(ask)

    def known_refusals(self, refused: Sequence[Refused]) -> set[Refused]:
        """Those of some refusals that stand in the quarantine: same place, same content.

        The reason may be another one by now: what was counted since may stand in the way as well.
        """
        numbers = [one.number for one in refused]
        columns = QUARANTINE.c.source, QUARANTINE.c.number, QUARANTINE.c.content

        def ask(connection: Connection) -> set[tuple[str, int, str]]:
            found: set[tuple[str, int, str]] = set()
            for some in cut(numbers):
                query = select(*columns).where(self._mine(QUARANTINE))
                rows = connection.execute(query.where(QUARANTINE.c.number.in_(some)))
                found.update((row.source, row.number, row.content) for row in rows)
            return found

        there = self._read(ask) if refused else set()
        return {one for one in refused if (one.source, one.number, one.content) in there}

    def quarantine(self, limit: int = 200) -> list[tuple[int, Refused]]:
        """The newest records that were refused, each with its window."""
        order = QUARANTINE.c.window.desc(), QUARANTINE.c.place.desc()
        query = select(QUARANTINE).where(self._mine(QUARANTINE)).order_by(*order).limit(limit)
        found = self._read(lambda connection: connection.execute(query).all())
        return [
            (row.window, Refused(row.source, row.number, row.reason, row.content)) for row in found
        ]

    def deliveries(self, now: datetime.datetime, limit: int = 100) -> list[Delivery]:
        """The messages that are to be sent now, the oldest first."""
        due = or_(DELIVERIES.c.due <= now, DELIVERIES.c.due > now + LONGEST_PUT_OFF)
        open_ = and_(self._mine(DELIVERIES), DELIVERIES.c.done.is_(None), due)
        order = DELIVERIES.c.window, DELIVERIES.c.place
        query = select(DELIVERIES).where(open_).order_by(*order).limit(limit)
        found = self._read(lambda connection: connection.execute(query).all())
        return [
            Delivery(row.window, row.place, dict(row.message), row.attempts, row.due)
            for row in found
        ]

    def _mine(self, table: Any) -> Any:
        return table.c.monitor == self._monitor

    def _read(self, ask: Callable[[Connection], T]) -> T:
        return self._link.run(ask)
