"""All that a store holds of a monitor, as plain values: what pages and metrics are made of."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rafair._version import __version__
from rafair.metrics.rates import rate
from rafair.monitoring.evidence.falls import bounds, by_name
from rafair.monitoring.references.reference import Reference
from rafair.monitoring.store.stored_rows import StoredWindow

if TYPE_CHECKING:
    from rafair.monitoring.store.store import Store

SCHEMA_VERSION = 1
MOST_REFUSED = 200


def history_of(reference: Reference, store: Store) -> dict[str, Any]:
    """The reference, the totals, all windows with the labels that have come since, the quarantine.

    Args:
        reference: What the stream is compared with.
        store: What was judged.

    Raises:
        StorageError: If the store cannot be read.
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "created": now.isoformat(timespec="seconds"),
        "reference": reference_facts(reference),
        "totals": totals_of(store),
        "windows": store.told_windows(window_of),
        "quarantine": [
            {"window": window, **refused.to_dict()}
            for window, refused in store.quarantine(MOST_REFUSED)
        ],
    }


def reference_facts(reference: Reference) -> dict[str, Any]:
    """What a history says of its reference, with the bounds of the tests."""
    rates = by_name(reference.rates)
    return {**reference.facts(), "bounds": bounds(rates, reference.alpha, reference.tolerance)}


def totals_of(store: Store) -> dict[str, Any]:
    """What the monitor has seen."""
    totals = store.totals()
    return {**vars(totals), "outside": dict(totals.outside)}


def window_of(window: StoredWindow) -> dict[str, Any]:
    """A window with the labels that have come since."""
    return {
        "window": window.number,
        "source": window.source,
        "opened": window.opened.isoformat(timespec="seconds"),
        "closed": window.closed.isoformat(timespec="seconds"),
        "n": window.n,
        "labelled": window.labelled,
        "quarantined": window.quarantined,
        "duplicates": window.duplicates,
        "refusals": window.document.get("refusals", []),
        "rates": {
            condition: {metric: _rate(*counts) for metric, counts in of_metric.items()}
            for condition, of_metric in window.counts.items()
        },
        "alarms": window.document["alarms"],
    }


def _rate(count: int, n: int) -> Mapping[str, Any] | None:
    found = rate(count, n)
    return found.to_dict() if found else None
