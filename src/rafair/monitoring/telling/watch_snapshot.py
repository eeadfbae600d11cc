"""The state of a watch after its newest window, from which metrics are told."""

from __future__ import annotations

from rafair.monitoring.evidence.drift_tests import by_name, log_evidence, share_of
from rafair.monitoring.history import reference_facts
from rafair.monitoring.telling.prometheus_metrics import Snapshot
from rafair.monitoring.watch_results import read_window
from rafair.monitoring.window_monitor import Monitor


class Snapshots:
    """Holds the newest snapshot, which is put in place whole.

    Args:
        monitor: What is watched.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.newest: Snapshot | None = None
        self.renew()

    def renew(self) -> None:
        """Takes a new one, after a window."""
        monitor, store = self._monitor, self._monitor.store
        newest = store.newest()
        history = monitor.looks.history(store.last_number())
        of = reference_facts(monitor.reference)
        log_e = log_evidence(by_name(of.rates), history, of.alpha, of.tolerance)
        threshold = 1 / share_of(of.alpha, len(monitor.names))
        self.newest = Snapshot(
            of,
            store.totals(),
            read_window(newest, store.shown) if newest else None,
            log_e,
            threshold,
        )
