"""Kinds and levels of alarms, and since when they stand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rafair.metrics.rates import rate
from rafair.monitoring.alarm_types import KINDS, LEVELS, Cases
from rafair.monitoring.evidence.alarm_levels import raised, standing, tiers
from rafair.monitoring.evidence.drift_tests import falls
from rafair.monitoring.watched_rates import CONDITIONS, watched

A, F = "accuracy", "individual_fairness"
NAMES = [one.name for one in watched(CONDITIONS)]


@pytest.mark.parametrize(
    ("fallen", "expected"),
    [
        ([], []),
        ([f"clean.{A}"], [("accuracy", "warn")]),
        ([f"clean.{F}"], [("fairness", "warn")]),
        ([f"clean.{A}", f"clean.{F}"], [("joint", "alarm")]),
        ([f"noise.{A}"], [("accuracy", "watch")]),
        ([f"strongest.{F}"], [("fairness", "watch")]),
        ([f"noise.{A}", f"strongest.{F}"], [("joint", "watch")]),
        ([f"clean.{A}", f"noise.{F}"], [("accuracy", "warn"), ("fairness", "watch")]),
        ([f"strongest.{A}", f"clean.{F}"], [("fairness", "warn"), ("accuracy", "watch")]),
        ([f"clean.{A}", f"noise.{A}", f"strongest.{A}"], [("accuracy", "warn")]),
        (NAMES, [("joint", "alarm")]),
    ],
)
def test_kinds_and_levels(fallen, expected):
    assert [tier[:2] for tier in tiers(fallen)] == expected


def test_every_set_of_falls_is_told_once():
    for size in range(len(NAMES) + 1):
        for fallen in itertools.combinations(NAMES, size):
            found = tiers(fallen)
            spoken = [metric for tier in found for metric in tier.metrics]
            assert sorted(spoken) == sorted({name.split(".")[1] for name in fallen})
            assert all(tier.kind in KINDS and tier.level in LEVELS for tier in found)
            assert [tier.level == "watch" for tier in found] in ([], [True], [False], [False, True])
            for tier in found:
                assert (tier.kind == "joint") == (len(tier.metrics) == 2)


def fell(*names):
    """Falls of these rates, tested for real."""
    reference = {name: rate(850, 1000) for name in NAMES}
    good = {name: 100 if name in names else 170 for name in NAMES}
    history = {name: np.array([[count, 200]]) for name, count in good.items()}
    return falls(reference, history, 0.05, 0.01)


def test_an_alarm_stands_until_its_kind_or_level_changes():
    told, before, cases = [], {}, Cases(since=1, found=9, looked_at=9, new=3, listed=[])
    looks = {
        5: [f"noise.{A}"],
        6: [f"clean.{A}", f"noise.{A}"],
        7: [f"clean.{A}", f"noise.{A}", f"strongest.{F}"],
        8: NAMES,
        9: [f"clean.{A}", f"strongest.{F}"],
        10: [],
        11: [f"clean.{A}"],
    }
    for look, names in looks.items():
        found = raised(fell(*names), look, before, lambda tier, of: replace(cases, found=len(of)))
        told.append([(one.kind, one.level, one.opened, one.new, len(one.falls)) for one in found])
        assert all(one.cases == replace(cases, found=len(one.falls)) for one in found)
        before = standing(found)
    assert told == [
        [("accuracy", "watch", 5, True, 1)],
        [("accuracy", "warn", 6, True, 2)],
        [("accuracy", "warn", 6, False, 2), ("fairness", "watch", 7, True, 1)],
        [("joint", "alarm", 8, True, 6)],
        [("accuracy", "warn", 9, True, 1), ("fairness", "watch", 9, True, 1)],
        [],
        [("accuracy", "warn", 11, True, 1)],
    ]
