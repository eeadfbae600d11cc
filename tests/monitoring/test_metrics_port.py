"""Metrics as Prometheus gets them: over HTTP, read by its own parser."""

from __future__ import annotations

import math
import socket
import threading
import urllib.request
from dataclasses import replace
from datetime import datetime
from itertools import cycle, product

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

import planted_histories as planted
from rafair.errors import InputError
from rafair.monitoring.alarm_types import KINDS, LEVELS
from rafair.monitoring.telling.prometheus_metrics import Snapshot, start_metrics

OPEN = "application/openmetrics-text; version=1.0.0"


def scraped(port, accept="text/plain"):
    """Samples by name and labels."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    families = open_families(text) if accept == OPEN else text_string_to_metric_families(text)
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


@pytest.mark.parametrize("accept", ["text/plain", OPEN])
def test_everything_of_the_newest_window_is_there(accept):
    history = planted.planted_history(falls=planted.JOINT_FALL, untested=("strongest.accuracy",))
    snapshot = Snapshot.of(history, {"clean.accuracy": 12.5, "noise.accuracy": -3.0}, 240)
    with start_metrics(0, snapshot_source=lambda: snapshot) as server:
        found = scraped(server.port, accept)

    def value(name, **labels):
        return found.pop((f"rafair_monitor_{name}", *sorted(labels.items())))

    newest, reference = history.windows[-1], history.reference
    for condition, metrics in newest.rates.items():
        for metric, rate in metrics.items():
            labels = {"condition": condition, "metric": metric}
            assert value("rate", **labels) == rate.value
            assert value("reference", **labels) == reference.rates[condition][metric].value
    for name, bound in reference.bounds.items():
        condition, metric = name.split(".")
        if bound is not None:
            assert value("bound", condition=condition, metric=metric) == bound
    assert value("log_e_value", condition="clean", metric="accuracy") == 12.5
    assert value("log_e_value", condition="noise", metric="accuracy") == -3
    assert value("log_e_threshold") == pytest.approx(math.log(240))
    for key in ("windows", "rows", "labelled", "quarantined", "duplicates"):
        assert value(f"{key}_total") == getattr(history.totals, key)
    assert value("outside_total", column="age") == 7
    assert value("waiting_labels") == 3
    for kind, level in product(KINDS, LEVELS):
        expected = (kind, level) == ("joint", "alarm")
        assert value("alarm", kind=kind, level=level) == expected
    closed = datetime.fromisoformat(newest.closed).timestamp()
    assert value("last_window_timestamp_seconds") == closed
    assert value("false_alarm_rate") == 0.05
    told = {"dataset": "adult", "model": "adult", "run": "runs/adult", "monitor": "3f" * 32}
    assert value("info", **told) == 1
    assert not found, "and nothing else"


def test_a_rate_without_labels_has_no_sample():
    snapshot = Snapshot.of(planted.planted_history(5, late=2))
    with start_metrics(0, snapshot_source=lambda: snapshot) as server:
        rates = [key for key in scraped(server.port) if key[0] == "rafair_monitor_rate"]
    assert {dict(key[1:])["metric"] for key in rates} == {"individual_fairness"}


def test_before_the_first_window_there_are_references_and_zeros():
    snapshot = Snapshot.of(planted.planted_history(0))
    with start_metrics(0, snapshot_source=lambda: snapshot) as server:
        found = scraped(server.port)
    assert found["rafair_monitor_windows_total",] == 0
    assert ("rafair_monitor_last_window_timestamp_seconds",) not in found
    assert sum(value for key, value in found.items() if key[0] == "rafair_monitor_alarm") == 0


def test_without_a_snapshot_an_empty_answer():
    with start_metrics(0, snapshot_source=lambda: None) as server:
        assert scraped(server.port) == {}


def test_hostile_names_stay_in_their_labels():
    hostile = 'a"} 1\nrafair_monitor_rows_total 9e9\n\\\ud800\u202e'
    history = planted.planted_history(2, name=hostile)
    history = replace(history, totals=replace(history.totals, outside={hostile: 3}))
    with start_metrics(0, snapshot_source=lambda: Snapshot.of(history)) as server:
        found = scraped(server.port)
    assert found["rafair_monitor_rows_total",] == 400
    ((_, (_, column)),) = [key for key in found if key[0] == "rafair_monitor_outside_total"]
    assert column == 'a"} 1⟨U+000A⟩rafair_monitor_rows_total 9e9⟨U+000A⟩\\⟨U+D800⟩⟨U+202E⟩'


def test_every_scrape_is_of_one_window_while_windows_come():
    """A window comes with every look at the snapshot: a scrape that looked twice would mix two."""
    snapshots = [Snapshot.of(planted.planted_history(n)) for n in range(1, 6)]
    coming = cycle(snapshots)
    seen: list[dict] = []
    with start_metrics(0, snapshot_source=lambda: next(coming)) as server:
        askers = [
            threading.Thread(target=lambda: seen.extend(scraped(server.port) for _ in range(25)))
            for _ in range(3)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert len(seen) == 75
    for found in seen:
        windows = int(found["rafair_monitor_windows_total",])
        assert found["rafair_monitor_rows_total",] == 200 * windows
        newest = snapshots[windows - 1].newest
        closed = datetime.fromisoformat(newest.closed).timestamp()
        assert found["rafair_monitor_last_window_timestamp_seconds",] == closed
    assert len({found["rafair_monitor_windows_total",] for found in seen}) > 1


def test_a_port_that_is_taken_and_given_back():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"^metrics: expected a free port .*{port}.*in use"):
            start_metrics(port, snapshot_source=lambda: None)
    for _ in range(2):
        server = start_metrics(port, snapshot_source=lambda: None)
        assert server.port == port
        assert scraped(port) == {}
        server.close()
        server.close()


@pytest.mark.parametrize("port", [70_000, -1])
def test_what_is_no_port_is_one_line(port):
    one_line(port, "127.0.0.1")


@pytest.mark.parametrize("address", ["192.0.2.1", "no such host", "a" * 99])
def test_what_cannot_be_listened_on_is_one_line(no_names, address):
    one_line(0, address)


def one_line(port: int, address: str) -> None:
    with pytest.raises(InputError, match="expected") as caught:
        start_metrics(port, address, snapshot_source=lambda: None)
    assert "\n" not in str(caught.value)
