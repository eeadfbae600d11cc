"""All that a store holds of a monitor: what pages and metrics are made of."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rafair._version import __version__
from rafair.metrics.rates import rate
from rafair.monitoring.evidence.drift_tests import bounds, by_name
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.store.stored_values import StoredWindow
from rafair.monitoring.watch_results import (
    History,
    Quarantined,
    ReferenceFacts,
    ToldWindow,
    read_window,
)

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

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
            Quarantined(window, one.source, one.number, one.reason, one.content)
            for window, one in store.quarantine(MOST_REFUSED)
        ],
    )


def reference_facts(reference: Reference) -> ReferenceFacts:
    """What a history says of its reference, with the bounds of the tests."""
    of, rates = reference, reference.rates
    return ReferenceFacts(
        id=of.id,
        created=of.created,
        run=of.run.name,
        dataset=of.dataset.name,
        variant=of.dataset.variant,
        model=of.model.name,
        model_sha256=of.model.sha256,
        n=of.n,
        alpha=of.alpha,
        tolerance=of.tolerance,
        conditions=list(of.conditions),
        probe=of.judge,
        rates=rates,
        warnings=list(of.warnings),
        bounds=bounds(by_name(rates), of.alpha, of.tolerance),
    )


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
