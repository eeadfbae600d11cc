"""Windows made from a number: what was judged in them is drawn, and known without a store."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from rafair.monitoring.judged_rows import UNLABELLED, JudgedRows
from rafair.monitoring.judged_window import NewRows, Window
from rafair.monitoring.stream_record import Position, Refused
from rafair.monitoring.watched_rates import CONDITIONS, watched

BEGIN = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def made_rows(ids: list[str], draw: np.random.Generator, labelled: float = 0.5) -> NewRows:
    n = len(ids)
    labels = draw.integers(0, 2, n)
    labels[draw.random(n) >= labelled] = UNLABELLED
    kept = {name: draw.random(n) < 0.9 for name in CONDITIONS} | {"clean": np.ones(n, bool)}
    fair = {name: draw.random(n) < 0.8 for name in CONDITIONS}
    judged = JudgedRows(draw.integers(0, 2, n), kept, fair)
    return NewRows(ids, draw.integers(-(2**63), 2**63 - 1, n), labels, draw.random(n) < 0.1, judged)


def made_window(number: int, n: int = 20, **changes: Any) -> Window:
    """The same window for the same number; it labels half of what the one before left open."""
    draw = np.random.default_rng(number)
    rows = made_rows([f"{number}/{i}" for i in range(n)], draw)
    late = {}
    if number > 1:
        before = made_rows(
            [f"{number - 1}/{i}" for i in range(n)], np.random.default_rng(number - 1)
        )
        open_ = np.flatnonzero(before.labels == UNLABELLED)
        late = {before.ids[i]: int(i) % 2 for i in open_[::2]}
    values: dict[str, Any] = {
        "number": number,
        "key": f"key {number}",
        "source": "stream.csv",
        "opened": BEGIN + datetime.timedelta(minutes=number),
        "closed": BEGIN + datetime.timedelta(minutes=number + 1),
        "rows": rows,
        "late_labels": late,
        "waiting_labels": {f"waiting {number}": 1},
        "claimed_labels": [f"waiting {number - 1}"],
        "refused": [Refused("stream.csv", number, "age: expected a number, got 'x'", "x,y")],
        "duplicates": 2,
        "outside": {"age": 3},
        "positions": {"stream.csv": Position(number * n, number * 1000, f"{number:064x}")},
        "counts": {rate.name: (number, n) for rate in watched(CONDITIONS)},
        "document": {"window": number, "n": n},
        "deliveries": [{"about": number}],
    }
    return Window(**{**values, **changes})
