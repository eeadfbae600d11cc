"""Means and their bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rafair.metrics.means import mean


def test_a_mean_has_the_interval_of_a_percentile_bootstrap():
    values = np.random.default_rng(3).exponential(size=60)
    found = mean(values, seed=0)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert found.n == 60
    assert found.low == pytest.approx(theirs.low, abs=0.02)
    assert found.high == pytest.approx(theirs.high, abs=0.02)


def test_one_value_has_no_deviation_and_none_no_mean():
    assert mean(np.array([2.0]), seed=0).to_dict() == {
        "value": 2.0,
        "sd": None,
        "n": 1,
        "low": 2.0,
        "high": 2.0,
    }
    assert mean(np.array([]), seed=0) is None
