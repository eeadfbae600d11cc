"""How fast a machine computes, measured before an audit."""

from __future__ import annotations

import pytest

import planted
from rafair.auditing import row_estimate
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.models.fit_to_table import as_classifier


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01])
def test_a_process_that_is_stopped_before_its_first_call_has_a_rate(monkeypatch, seconds):
    monkeypatch.setattr(row_estimate, "PROBE_SECONDS", seconds)
    table, model = planted.random_table(30), as_classifier(planted.network(5))
    config = AuditConfig().resolved(table.schema, "cpu")
    with Workers(1) as workers:
        sweep = config.sweep(model, table.schema, workers, lambda rows: None)
        assert row_estimate.measure_rate(sweep, table.rows, table.labels) > 0
