"""How fast a machine computes, measured before an audit."""

from __future__ import annotations

import pytest

import planted
from rafair.auditing import cost
from rafair.auditing.config import AuditConfig
from rafair.engine.workers import Workers
from rafair.models.adapting import as_classifier


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01])
def test_a_process_that_is_stopped_before_its_first_call_has_a_rate(monkeypatch, seconds):
    monkeypatch.setattr(cost, "PROBE_SECONDS", seconds)
    table, model = planted.random_table(30), as_classifier(planted.network(5))
    config = AuditConfig().resolved(table.schema, "cpu")
    with Workers(1) as workers:
        sweep = config.sweep(model, table.schema, workers, lambda rows: None)
        assert cost.measure_rate(sweep, table.rows, table.labels) > 0
