"""What `docs/monitor-dashboard.md` says of metrics, rules and signatures, held against the real."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

import planted_histories as planted
from rafair.monitoring.telling.prometheus_metrics import Collector, Snapshot
from rafair.monitoring.telling.webhook import Webhook

DOCS = (Path(__file__).parents[2] / "docs" / "monitor-dashboard.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def test_every_metric_is_listed_with_its_type_and_labels():
    listed = {
        name: (set(labels.split(",")) if labels else set(), kind)
        for name, labels, kind in re.findall(
            r"^\| `(rafair_monitor_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", DOCS, re.MULTILINE
        )
    }
    registry = CollectorRegistry()
    history = planted.planted_history(3)
    snapshot = Snapshot.of(history, {"clean.accuracy": 1.0}, 240)
    registry.register(Collector(lambda: snapshot))
    kinds = {"info": "gauge"}
    real = {
        sample.name: (set(sample.labels), kinds.get(family.type, family.type))
        for family in registry.collect()
        for sample in family.samples
    }
    assert listed == real


def test_the_example_rules_name_metrics_that_exist():
    config, rules = (yaml.safe_load(block) for block in blocks("yaml"))
    assert config["scrape_configs"][0]["static_configs"]
    for rule in rules["groups"][0]["rules"]:
        (name,) = re.findall(r"rafair_monitor_\w+", rule["expr"])
        assert f"`{name}" in DOCS


def test_the_example_check_takes_genuine_messages_and_no_others():
    scope: dict = {}
    exec(blocks("python")[0], scope)
    body = b'{"window": 20}'
    headers = Webhook("http://localhost/", secret="s").headers(
        body, datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert scope["is_genuine"](headers, body, b"s")
    assert not scope["is_genuine"](headers, body + b" ", b"s")
    assert not scope["is_genuine"](headers, body, b"other")
