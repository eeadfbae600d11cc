from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from rafair.metrics.group_gaps import (
    LEAST_INSTANCES,
    difference_interval,
    largest_gap,
    rates_by_group,
)
from rafair.metrics.rates import rate


def wilson(count: int, n: int) -> tuple[float, float]:
    """The roots of (p - count/n)² = z² p (1 - p) / n."""
    z = norm.ppf(0.975)
    a, b, c = 1 + z**2 / n, -(2 * count / n + z**2 / n), (count / n) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0000)),
        ((10, 10, 0, 10), (0.6075, 1.0000)),
    ],
)
def test_the_interval_of_a_difference_is_the_papers(counts, expected):
    a, m, b, n = counts
    assert difference_interval(rate(a, m), rate(b, n)) == pytest.approx(expected, abs=6e-5)


def test_the_interval_is_its_closed_form():
    generator = np.random.default_rng(0)
    for _ in range(200):
        m, n = generator.integers(1, 300, 2).tolist()
        a, b = int(generator.integers(0, m + 1)), int(generator.integers(0, n + 1))
        (l1, u1), (l2, u2) = wilson(a, m), wilson(b, n)
        d = a / m - b / n
        low = d - math.sqrt((a / m - l1) ** 2 + (u2 - b / n) ** 2)
        high = d + math.sqrt((u1 - a / m) ** 2 + (b / n - l2) ** 2)
        found = difference_interval(rate(a, m), rate(b, n))
        assert found == pytest.approx((low, high), abs=1e-9)


def test_groups_are_counted_one_by_one():
    generator = np.random.default_rng(1)
    holds, groups = generator.random(500) < 0.3, generator.integers(0, 6, 500)
    groups[groups == 2] = 3
    found = rates_by_group(holds, groups, 8)
    for group, one in enumerate(found):
        mine = holds[groups == group]
        assert one == rate(int(mine.sum()), len(mine))
    assert found[2] is None
    assert found[7] is None


def test_small_groups_have_no_part_in_a_gap():
    enough, less = LEAST_INSTANCES, LEAST_INSTANCES - 1
    rates = {"a": rate(10, enough), "b": rate(less, less), "c": rate(0, less), "d": None}
    assert largest_gap(rates) is None
    gap = largest_gap(rates | {"e": rate(15, enough)})
    assert (gap.lowest, gap.highest, gap.n_lowest, gap.n_highest) == ("a", "e", enough, enough)
    assert gap.value == 15 / enough - 10 / enough


def test_of_equals_the_first_counts():
    same = {name: rate(20, 40) for name in "abc"}
    gap = largest_gap(same)
    assert (gap.lowest, gap.highest, gap.value) == ("a", "b", 0)
    assert gap.low == -gap.high
    gap = largest_gap(same | {"d": rate(5, 40), "e": rate(5, 40)})
    assert (gap.lowest, gap.highest) == ("d", "a")
