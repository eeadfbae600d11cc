"""All that a store holds of a monitor: what pages and metrics are made of."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rafair._version import __version__
from rafair.metrics.rates import Rate, rate
from rafair.monitoring.evidence.falls import bounds, by_name
from rafair.monitoring.references.reference import Reference
from rafair.monitoring.store.stored_rows import StoredWindow
from rafair.monitoring.told import History, Quarantined, ReferenceFacts, ToldWindow, read_window

if TYPE_CHECKING:
    from rafair.monitoring.store.store import Store

SCHEMA_VERSION = 1
MOST_REFUSED = 200


def history_of(reference: Reference, store: Store) -> History:
    """The reference, the totals, all windows with the labels that have come since, the quarantine.

    Args:
        reference: What the stream is compared with.
        store: What was judged.

    Raises:
        StorageError: If the store cannot be read.
    """
    now = datetime.datetime.now(datetime.UTC)
    return History(
        schema_version=SCHEMA_VERSION,
        rafair_version=__version__,
        created=now.isoformat(timespec="seconds"),
        reference=reference_facts(reference),
        totals=store.totals(),
        windows=store.told_windows(lambda window: _told(window, store.shown)),
        quarantine=[
            Quarantined(window, **refused.to_dict())
            for window, refused in store.quarantine(MOST_REFUSED)
        ],
    )


def reference_facts(reference: Reference) -> ReferenceFacts:
    """What a history says of its reference, with the bounds of the tests."""
    rates = {
        condition: {metric: Rate(**told) for metric, told in of_metric.items()}
        for condition, of_metric in reference.rates.items()
    }
    limits = bounds(by_name(rates), reference.alpha, reference.tolerance)
    typed = {"probe": reference.judge, "rates": rates, "bounds": limits}
    return ReferenceFacts(**(reference.facts() | typed))


def _told(window: StoredWindow, shown: str) -> ToldWindow:
    """A window with the labels that have come since."""
    result = read_window(window.document, shown)
    return ToldWindow(
        window=window.number,
        source=window.source,
        opened=window.opened.isoformat(timespec="seconds"),
        closed=window.closed.isoformat(timespec="seconds"),
        n=window.n,
        labelled=window.labelled,
        quarantined=window.quarantined,
        duplicates=window.duplicates,
        refusals=result.refusals,
        rates={
            condition: {metric: rate(*counts) for metric, counts in of_metric.items()}
            for condition, of_metric in window.counts.items()
        },
        alarms=result.alarms,
    )
