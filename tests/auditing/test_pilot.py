"""The time that is told beforehand: tried on the model itself, and corrected where it was wrong."""

from __future__ import annotations

import time

import numpy as np
import pytest

import rafair
from rafair.auditing import run
from rafair.auditing.pilot import Clock
from rafair.engine.progress import SILENT


class Notes:
    """Keeps what is said."""

    task = staticmethod(SILENT.task)

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def told(notes: Notes) -> float:
    """The seconds that were told."""
    (line,) = [line for line in notes.said if "rows to compute" in line]
    number, unit = line.partition(": about ")[2].split()[:2]
    return float(number) * {"s": 1, "min": 60}[unit.strip(";,")]


def test_a_slow_model_is_tried_and_not_reckoned_with(monkeypatch):
    """Its calls take the time, not its rows, which the best rate would not tell."""
    monkeypatch.setattr(run, "WORTH", 0.0)
    table = rafair.load_dataset("affairs").test

    def model(rows):
        time.sleep(0.002)
        return rows[:, :2]

    notes = Notes()
    begun = time.perf_counter()
    rafair.audit(
        model, table, attacks=("noise", "rafair-ff"), instances=30, steps=10, progress=notes
    )
    assert 0.2 < told(notes) / (time.perf_counter() - begun) < 5


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
def test_a_forecast_is_corrected_once_where_it_was_wrong(seconds, parts, corrected):
    clock = Clock(seconds, parts)
    time.sleep(0.01)
    first = clock.correction()
    assert (first is not None) == corrected
    if first is not None:
        assert np.isclose(first, 0.01 * (parts - 1), rtol=3)
    assert clock.correction() is None
