"""The time that is told beforehand: tried on the model itself, and corrected where it was wrong."""

from __future__ import annotations

import numpy as np
import pytest

import rafair
from rafair.auditing import audit_run
from rafair.auditing.attack_shard import Part
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.time_estimate import STEPS, Clock, forecast
from rafair.engine.progress import SILENT
from rafair.engine.thread_pool import Workers
from rafair.models.function_classifier import FunctionClassifier


class Notes:
    """Keeps what is said."""

    task = staticmethod(SILENT.task)

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def test_a_model_is_tried_and_not_reckoned_with(monkeypatch):
    """Its calls take the time, not its rows, which the best rate would not tell."""
    monkeypatch.setattr(audit_run, "WORTH", 0.0)
    monkeypatch.setattr(audit_run, "forecast", lambda *_: 40.0)
    table = rafair.load_dataset("affairs").test
    notes = Notes()
    options = {"attacks": ("noise", "rafair-ff"), "instances": 250, "steps": 2, "labels": None}
    rafair.audit(lambda rows: rows[:, :2], table, progress=notes, **options)
    (line,) = [line for line in notes.said if "rows to compute" in line]
    assert ": about 100 s on" in line or ": about 2 min on" in line  # 2.5 parts
    assert "rows/s" not in line
    assert any(line.endswith(" left") for line in notes.said)


def test_the_trial_does_all_that_is_asked_for():
    data = rafair.load_dataset("affairs")
    asked = []

    def model(rows):
        asked.append(len(rows))
        return rows[:, :2]

    config = AuditConfig(attacks=("noise",), steps=20, labels=None)
    part = Part.of(data.test, np.arange(30))
    with Workers(1) as workers:
        seconds = forecast(FunctionClassifier(model), data.test.schema, config, part, workers)
    assert seconds > 0
    assert sum(asked) > 30 * STEPS


def test_what_is_limited_or_short_is_not_tried():
    table = rafair.load_dataset("affairs").test
    asked = []

    def model(rows):
        asked.append(len(rows))
        return rows[:, :2]

    notes = Notes()
    options = {"attacks": ("noise",), "instances": 10, "steps": 2, "labels": None}
    rafair.audit(model, table, progress=notes, **options)
    assert "rows/s" in next(line for line in notes.said if "rows to compute" in line)


@pytest.mark.parametrize(
    ("seconds", "parts", "corrected"),
    [(None, 5, False), (1_000, 5, True), (1e-9, 5, True), (1_000, 1, False)],
)
def test_a_forecast_is_corrected_once_where_it_was_wrong(monkeypatch, seconds, parts, corrected):
    now = iter([0.0, 0.01, 0.02])
    monkeypatch.setattr("rafair.auditing.time_estimate.time.perf_counter", lambda: next(now))
    clock = Clock(seconds, parts, _begun=next(now))
    first = clock.correction()
    assert first == (pytest.approx(0.01 * (parts - 1)) if corrected else None)
    assert clock.correction() is None


def test_no_more_is_asked_than_is_told_with_a_trial(monkeypatch):
    monkeypatch.setattr(audit_run, "WORTH", 0.0)
    table, asked, notes = rafair.load_dataset("affairs").test, set(), Notes()

    def model(rows):
        asked.update(map(bytes, np.ascontiguousarray(rows)))
        return rows[:, :2]

    options = {"attacks": ("rafair-ff",), "instances": 40, "steps": 4, "labels": None}
    rafair.audit(model, table, progress=notes, **options)
    (line,) = [line for line in notes.said if "at most" in line and "queries" in line]
    most = int(line.rpartition("at most ")[2].split()[0].replace(",", ""))
    assert len(asked) <= most
