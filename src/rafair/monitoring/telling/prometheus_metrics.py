"""The metrics of a running watch, on a port that Prometheus reads.

Counters are the store's own totals, so they go on where they were after a restart.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rafair.arguments import check_whole
from rafair.errors import InputError
from rafair.monitoring.alarm_types import KINDS, LEVELS
from rafair.monitoring.store.stored_values import Totals
from rafair.monitoring.watch_results import History, Rates, ReferenceFacts, ToldWindow
from rafair.sanitize import shortened, visible

if TYPE_CHECKING:
    from prometheus_client import Metric

COUNTED = {
    "windows": "Windows that were judged",
    "rows": "Rows that were counted",
    "labelled": "Rows whose label has come",
    "quarantined": "Records that were put into quarantine",
    "duplicates": "Records whose id was counted before",
}
"""Counters, by their key in the totals; each is called rafair_monitor_KEY_total."""

RATE = ("condition", "metric")


@dataclass(frozen=True)
class Snapshot:
    """The watch after its newest window; the loop puts a new one in its place, whole.

    Args:
        reference: What the stream is compared with.
        totals: What the monitor has seen.
        newest: The newest window; None before the first.
        log_e: By name of a watched rate, the natural logarithm of its e-value at that window.
        threshold: What e-values have to reach for an alarm; None if it is not to be told.
    """

    reference: ReferenceFacts
    totals: Totals
    newest: ToldWindow | None = None
    log_e: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None

    @classmethod
    def of(
        cls,
        history: History,
        log_e: Mapping[str, float] | None = None,
        threshold: float | None = None,
    ) -> Snapshot:
        """Of a whole history, and of the test's evidence, which is not in there."""
        newest = history.windows[-1] if history.windows else None
        return cls(history.reference, history.totals, newest, log_e or {}, threshold)


class MetricsServer:
    """A port that answers Prometheus until it is closed.

    Args:
        server: The server that answers.
        thread: In which it does so.
    """

    def __init__(self, server: Any, thread: Any) -> None:
        self._server, self._thread = server, thread
        self.port: int = server.server_port

    def close(self) -> None:
        """Stops answering and gives the port back; a second time does nothing."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_metrics(
    port: int,
    address: str = "127.0.0.1",
    *,
    snapshot_source: Callable[[], Snapshot | None],
) -> MetricsServer:
    """Answers `GET /metrics` from now on.

    Args:
        port: From 1 to 65,535, or 0 for any that is free; the handle's `port` says which.
        address: Of the interface; by default only this machine is answered.
        snapshot_source: Gives the newest snapshot, from another thread; None if there is none yet.

    Raises:
        InputError: If the port is taken or not allowed, the address is none of this machine, or
            prometheus_client is not installed.

    Example:
        >>> with start_metrics(0, snapshot_source=lambda: None) as server:
        ...     server.port > 0
        True
    """
    if find_spec("prometheus_client") is None:
        raise InputError(
            "metrics: prometheus_client is not installed; pip install 'rafair[monitor]' installs it"
        )
    check_whole("metrics_port", port, 0, 65_535)
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(Collector(snapshot_source))
    try:
        server, thread = start_http_server(port, address, registry)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "no such address"
        raise InputError(
            f"metrics: expected a free port of this machine, got {visible(address)}:{port} ({why})"
        ) from error
    return MetricsServer(server, thread)


class Collector:
    """Makes metrics of the snapshot that is there when they are asked for.

    Args:
        snapshot_source: Gives it; None if there is none yet.
    """

    def __init__(self, snapshot_source: Callable[[], Snapshot | None]) -> None:
        self._source = snapshot_source

    def describe(self) -> list[Metric]:
        """Nothing, so that no snapshot is asked for at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, of one and the same snapshot."""
        snapshot = self._source()
        if snapshot is None:
            return
        yield from _about(snapshot.reference)
        yield from _totals(snapshot.totals)
        newest = snapshot.newest
        yield from _rates(snapshot.reference, newest)
        yield from _evidence(snapshot)
        yield _alarms(newest)
        if newest is not None:
            yield _gauge(
                "last_window_timestamp_seconds",
                "When the newest window was judged",
                datetime.datetime.fromisoformat(newest.closed).timestamp(),
            )


def _about(reference: ReferenceFacts) -> Iterator[Metric]:
    from prometheus_client.metrics_core import InfoMetricFamily

    told = {key: shortened(getattr(reference, key)) for key in ("dataset", "model", "run")}
    told["monitor"] = reference.id
    yield InfoMetricFamily("rafair_monitor", "Which watch this is", told)
    yield _gauge("false_alarm_rate", "The chance of ever telling a fall if nothing fell; 0 to 1",
                 reference.alpha)  # fmt: skip


def _totals(totals: Totals) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily

    for key, said in COUNTED.items():
        yield CounterMetricFamily(f"rafair_monitor_{key}", said, getattr(totals, key))
    yield _gauge("waiting_labels", "Labels of rows that have not been seen",
                 totals.waiting_labels)  # fmt: skip
    said = "Numbers that lay outside their feature's range"
    outside = CounterMetricFamily("rafair_monitor_outside", said, labels=["column"])
    for column, count in totals.outside.items():
        outside.add_metric([visible(column)], count)
    yield outside


def _rates(reference: ReferenceFacts, newest: ToldWindow | None) -> Iterator[Metric]:
    now: Rates = newest.rates if newest else {}
    for name, said, rates in (
        ("rate", "Share of good rows of the newest window; 0 to 1", now),
        ("reference", "The same of the reference; 0 to 1", reference.rates),
    ):
        found = _gauge(name, said, labels=RATE)
        for condition, metrics in rates.items():
            for metric, rate in metrics.items():
                if rate is not None:  # nothing was counted: no sample is better than a wrong one
                    found.add_metric([condition, metric], rate.value)
        yield found
    bounds = _gauge("bound", "What the test compares the rate with; 0 to 1", labels=RATE)
    for name, bound in reference.bounds.items():
        if bound is not None:
            bounds.add_metric(name.split(".", 1), bound)
    yield bounds


def _evidence(snapshot: Snapshot) -> Iterator[Metric]:
    said = "Natural logarithm of the evidence that the rate fell"
    found = _gauge("log_e_value", said, labels=RATE)
    for name, value in snapshot.log_e.items():
        found.add_metric(name.split(".", 1), value)
    yield found
    if snapshot.threshold is not None:
        said = "What the logarithm of the evidence has to reach for an alarm"
        yield _gauge("log_e_threshold", said, math.log(snapshot.threshold))


def _alarms(newest: ToldWindow | None) -> Any:
    found = _gauge(
        "alarm", "1 while an alarm of this kind and level stands, else 0", labels=("kind", "level")
    )
    standing = {(alarm.kind, alarm.level) for alarm in (newest.alarms if newest else ())}
    for kind in KINDS:
        for level in LEVELS:
            found.add_metric([kind, level], int((kind, level) in standing))
    return found


def _gauge(
    name: str, said: str, value: float | None = None, labels: tuple[str, ...] | None = None
) -> Any:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(f"rafair_monitor_{name}", f"{said}.", value=value, labels=labels)
