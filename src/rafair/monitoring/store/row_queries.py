"""Asks for rows: some by their ids, those behind an alarm, and how many of each window are good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, or_, select, true

from rafair.monitoring.store.store_tables import ROWS, row_columns
from rafair.monitoring.store.stored_values import StoredRows, Violations, stored_rows
from rafair.monitoring.store.write_window import cut
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, JOINT, Watched

LABELLED = ROWS.c.label.is_not(None)


def kept(condition: str) -> ColumnElement[bool]:
    """Whether a row's prediction stayed the same under a condition."""
    return true() if condition == CLEAN else ROWS.c[f"{condition}_kept"].is_(True)


def fair(condition: str) -> ColumnElement[bool]:
    """Whether all counterparts got a row's prediction under a condition."""
    return ROWS.c[f"{condition}_fair"].is_(True)


def accurate(condition: str) -> ColumnElement[bool]:
    """Whether a row's label has come, and was predicted under a condition."""
    return and_(LABELLED, ROWS.c.prediction == ROWS.c.label, kept(condition))


def wrong(condition: str) -> ColumnElement[bool]:
    """Whether a row's label has come, and was not predicted under a condition."""
    off = ROWS.c.prediction != ROWS.c.label
    moved = None if condition == CLEAN else ROWS.c[f"{condition}_kept"].is_(False)
    return and_(LABELLED, off if moved is None else or_(off, moved))


def unfair(condition: str) -> ColumnElement[bool]:
    """Whether some counterpart got another prediction under a condition."""
    return ROWS.c[f"{condition}_fair"].is_(False)


def rows_of(
    connection: Connection, monitor: int, ids: Sequence[str], conditions: tuple[str, ...]
) -> StoredRows:
    """What is stored of these ids, in no order; of those that are not there, nothing."""
    found: list[Any] = []
    for some in cut(ids):
        query = select(*row_columns(conditions)).where(
            ROWS.c.monitor == monitor, ROWS.c.id.in_(some)
        )
        found.extend(connection.execute(query))
    return stored_rows(found, conditions)


def violations(
    connection: Connection,
    monitor: int,
    since: int,
    rates: Sequence[str],
    limit: int,
    conditions: tuple[str, ...],
) -> Violations:
    """The rows that some rates count as not good in windows from `since` on."""
    bad = or_(false(), *(_not_good(name, since) for name in rates))
    here = and_(ROWS.c.monitor == monitor, bad)
    count = connection.scalar(select(func.count()).select_from(ROWS).where(here))
    news = case((ROWS.c.label_window > ROWS.c.window, ROWS.c.label_window), else_=ROWS.c.window)
    order = news.desc(), ROWS.c.window.desc(), ROWS.c.place
    newest = select(*row_columns(conditions)).where(here).order_by(*order).limit(limit)
    rows = stored_rows(connection.execute(newest).all(), conditions)
    return Violations(int(count or 0), rows)


def _not_good(name: str, since: int) -> ColumnElement[bool]:
    """Whether a row is one by which the rate with a name is below 1 from a window on.

    It is unfair at once, and wrong when its label comes.
    """
    rate = Watched.of(name)
    if rate.metric == FAIRNESS:
        return and_(unfair(rate.condition), ROWS.c.window >= since)
    return and_(wrong(rate.condition), ROWS.c.label_window >= since)


def counts_of_windows(
    connection: Connection, monitor: int, conditions: tuple[str, ...]
) -> dict[int, tuple[int, dict[str, dict[str, tuple[int, int]]]]]:
    """By window, how many rows have a label, and how many of how many are good."""
    sums = [_sum_of(LABELLED).label("labelled"), func.count().label("n")]
    for condition in conditions:
        holds = {ACCURACY: accurate(condition), FAIRNESS: fair(condition)}
        holds[JOINT] = and_(*holds.values())
        sums += [_sum_of(what).label(f"{condition} {name}") for name, what in holds.items()]
    query = select(ROWS.c.window, *sums).where(ROWS.c.monitor == monitor).group_by(ROWS.c.window)
    counts = {}
    for row in connection.execute(query).mappings():
        of_how_many = {ACCURACY: row["labelled"], FAIRNESS: row["n"], JOINT: row["labelled"]}
        counts[int(row["window"])] = (
            int(row["labelled"]),
            {
                condition: {
                    metric: (int(row[f"{condition} {metric}"]), int(n))
                    for metric, n in of_how_many.items()
                }
                for condition in conditions
            },
        )
    return counts


def no_rows() -> dict[str, tuple[int, int]]:
    """The counts of a window without rows."""
    return {ACCURACY: (0, 0), FAIRNESS: (0, 0), JOINT: (0, 0)}


def _sum_of(what: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(what)
