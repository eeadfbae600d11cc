"""Intervals of differences: closed forms, published examples, and coverage by simulation."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from rafair.metrics.rate_difference import independent_rates, paired_rates

Z = norm.ppf(0.975)


def pairs(both, only_first, only_second, neither):
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return first, second


def closed_form(both, only_first, only_second, neither):
    a, b, c, d = (cell + 0.5 for cell in (both, only_first, only_second, neither))
    n = a + b + c + d
    reach = Z / n * np.sqrt((b + c) - (b - c) ** 2 / n)
    return (b - c) / n - reach, (b - c) / n + reach


@pytest.mark.parametrize(
    "cells", [(794, 150, 86, 570), (0, 0, 0, 10), (40, 1, 0, 9), (0, 200, 0, 0)]
)
def test_the_paired_interval_is_agresti_and_mins(cells):
    found = paired_rates(*pairs(*cells))
    low, high = closed_form(*cells)
    assert found.low == pytest.approx(max(low, -1))
    assert found.high == pytest.approx(min(high, 1))
    assert (found.n, found.only_first, found.only_second) == (sum(cells), cells[1], cells[2])
    assert found.value == (cells[1] - cells[2]) / sum(cells)
    assert found.low <= found.value <= found.high


def test_the_published_example_of_approval_ratings():
    """A. Agresti, Categorical Data Analysis, table 10.1: of so many, Wald's is (0.021, 0.059)."""
    found = paired_rates(*pairs(794, 150, 86, 570))
    assert (round(found.low, 3), round(found.high, 3)) == (0.021, 0.059)


def test_exchanging_the_two_turns_the_sign():
    first, second = pairs(30, 12, 5, 3)
    one, other = paired_rates(first, second), paired_rates(second, first)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize(
    ("n", "cells"),
    [
        (30, (0.60, 0.10, 0.05, 0.25)),
        (100, (0.85, 0.06, 0.04, 0.05)),
        (200, (0.40, 0.20, 0.10, 0.30)),
        (200, (0.95, 0.02, 0.02, 0.01)),
    ],
)
def test_the_paired_interval_covers_the_truth_95_times_in_100(n, cells):
    draws = np.random.default_rng(7).multinomial(n, cells, 2000)
    truth = cells[1] - cells[2]
    found = [paired_rates(*pairs(*drawn)) for drawn in draws]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.935 <= covered <= 0.99


def test_the_interval_of_shares_covers_the_truth():
    random = np.random.default_rng(3)
    found = []
    for _ in range(1000):
        hard = random.beta(2, 3, 100)
        first, second = random.binomial(20, hard) / 20, random.binomial(20, hard * 0.9) / 20
        found.append(paired_rates(first, second))
    truth = 0.1 * 2 / 5
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.93 <= covered <= 0.97


def test_instances_that_do_not_count_for_both_are_left_out():
    found = paired_rates([1, 0, np.nan, 1, np.nan], [0, 0, 1, np.nan, np.nan])
    assert (found.n, found.only_first, found.value) == (2, 1, 0.5)
    assert paired_rates([np.nan, 1], [1, np.nan]) is None
    assert paired_rates([], []) is None


def test_equal_shares_are_not_taken_for_certainty():
    shares = np.linspace(0, 1, 40)
    found = paired_rates(shares, shares)
    assert found.value == 0
    assert found.low == pytest.approx(-Z / 42)


def test_other_instances_are_refused():
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(3,\)"):
        paired_rates([1, 0], [1, 0, 1])


def test_the_unpaired_interval_follows_from_two_wilson_intervals():
    found = independent_rates(9, 10, 3, 10)
    low1, high1 = proportion_confint(9, 10, method="wilson")
    low2, high2 = proportion_confint(3, 10, method="wilson")
    gap = 0.9 - 0.3
    assert found.value == pytest.approx(gap)
    assert found.low == pytest.approx(gap - np.hypot(0.9 - low1, high2 - 0.3))
    assert found.high == pytest.approx(gap + np.hypot(high1 - 0.9, 0.3 - low2))
    assert independent_rates(0, 0, 3, 10) is None
