from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from rafair.metrics.rates import pooled_share, rate, share


def wilson(count: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_the_formula_and_with_statsmodels(counts):
    count, n = counts
    found = rate(count, n)
    assert found is not None
    assert found.value == count / n
    assert (found.low, found.high) == pytest.approx(wilson(count, n), abs=1e-12)
    other = proportion_confint(count, n, method="wilson")
    assert (found.low, found.high) == pytest.approx(other, abs=1e-9)


def test_wilson_is_that_of_scipy_to_the_last_bit():
    """Runs and references of before have scipy's figures, and they are derived again."""
    for n in (1, 2, 3, 7, 50, 200, 1_274, 15_060):
        for count in range(0, n + 1, max(n // 50, 1)):
            expected = binomtest(count, n).proportion_ci(0.95, method="wilson")
            found = rate(count, n)
            assert found is not None
            assert (found.low, found.high) == (expected.low, expected.high)


def test_no_instances_no_rate():
    assert rate(0, 0) is None
    assert share(np.zeros(0, bool)) is None
    assert pooled_share(np.zeros((0, 5), bool), seed=0) is None


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    """Instances with shares of their own; iterates of one instance are all alike."""
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        holds = np.repeat(generator.random((120, 1)) < 0.3, 20, axis=1)
        found = pooled_share(holds, seed=trial)
        assert found is not None
        covered += found.low <= 0.3 <= found.high
    assert 0.91 <= covered / 300 <= 0.98


def test_bootstrap_is_wider_than_if_iterates_were_independent():
    holds = np.repeat(np.arange(100)[:, None] < 40, 20, axis=1)
    found = pooled_share(holds, seed=0)
    naive = rate(800, 2000)
    assert found is not None
    assert naive is not None
    assert found.n == 2000
    assert found.high - found.low > 3 * (naive.high - naive.low)


def test_bootstrap_without_variation_falls_back_to_instances():
    found = pooled_share(np.zeros((50, 20), bool), seed=0)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wilson(0, 50), abs=1e-12)


def test_bootstrap_agrees_with_scipy():
    from scipy.stats import bootstrap

    generator = np.random.default_rng(1)
    holds = generator.random((150, 10)) < generator.random((150, 1))
    found = pooled_share(holds, seed=0)
    other = bootstrap((holds.mean(axis=1),), np.mean, method="percentile", rng=1)
    assert found is not None
    assert found.low == pytest.approx(other.confidence_interval.low, abs=0.006)
    assert found.high == pytest.approx(other.confidence_interval.high, abs=0.006)
