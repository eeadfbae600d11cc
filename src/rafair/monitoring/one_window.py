"""One file, or all of standard input, as one window."""

from __future__ import annotations

from collections.abc import Sequence

from rafair.errors import DataFileError
from rafair.monitoring.open_window import Sort
from rafair.monitoring.stream_record import Record
from rafair.monitoring.watch_results import WindowResult, read_window
from rafair.monitoring.window_monitor import Monitor


def check_window(
    monitor: Monitor, records: Sequence[Record], sort: Sort, sha256: str, source: str
) -> tuple[WindowResult, bool]:
    """Judges records as one window, unless the very same were judged before.

    Args:
        monitor: Judges and stores; its store is held.
        records: All that was read.
        sort: Tells rows, labels and malformed records apart.
        sha256: The hash of the bytes they were read from.
        source: Where that was, for people.

    Returns:
        The window's result, and whether it was stored before.

    Raises:
        DataFileError: If there is not a single record.
    """
    key = f"check:{sha256}"
    before = monitor.store.window(key)
    if before is not None:
        return read_window(before, monitor.store.shown), True
    if not records:
        raise DataFileError(f"'{source}': expected at least one row or label, found none")
    gathering = monitor.begin()
    gathering.add(records, sort, monitor.store)
    gathering.positions.clear()  # a file is checked whole, or not at all
    gathering.told_source = source
    return monitor.close(gathering, key), False
