"""Differences between shares of the same instances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rafair.analysis.paired import paired_difference


def test_two_groups_by_hand():
    # gaps: [-1, 0, 0, 0] and [1, 0]; means -1/4 and 1/2; variances 1/4 and 1/2
    first = (np.array([0, 1, 0, 1], bool), np.array([1, 1, 0, 1], bool))
    second = (np.array([1, 0], bool), np.array([0, 0], bool))
    gap = paired_difference([first, second])
    reach = 1.959964 * math.sqrt(0.25 / 4 + 0.5 / 2) / 2
    assert gap.value == pytest.approx(0.125)
    assert (gap.low, gap.high) == pytest.approx((0.125 - reach, 0.125 + reach), rel=1e-6)
    assert gap.n == 6
    assert not gap.is_lower


def test_the_interval_covers_the_difference_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        draws = generator.random(200)
        gap = paired_difference([(draws < 0.3, (draws > 0.1) & (draws < 0.5))])
        covered += gap.low <= -0.1 <= gap.high
    assert 0.92 <= covered / 400 <= 0.98


def test_what_is_always_lower_is_lower():
    none, every = np.zeros(50, bool), np.ones(50, bool)
    assert paired_difference([(none, every)]).is_lower
    assert not paired_difference([(every, none)]).is_lower
    assert not paired_difference([(none, none)]).is_lower
