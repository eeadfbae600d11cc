"""Draws belong to a row, and are as random as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rafair.search.seeded_draws import normal, row_keys, uniform

ROWS = np.random.default_rng(0).random((500, 4), dtype=np.float32)
LOWER, UPPER = np.zeros_like(ROWS), np.ones_like(ROWS)


def test_a_row_draws_the_same_alone_and_in_any_company():
    deviation = np.float32([0.1, 0.1, 0.2, 0.2])
    keys, some = row_keys(ROWS, 3, 1), row_keys(np.asfortranarray(ROWS[7:9]), 3, 1)
    assert np.array_equal(keys[7:9], some)
    together = uniform(keys, LOWER, UPPER)
    assert np.array_equal(together[7:9], uniform(some, LOWER[:2], UPPER[:2]))
    assert np.array_equal(normal(keys, deviation)[7:9], normal(some, deviation))


def test_another_value_seed_or_run_draws_something_else():
    moved = ROWS.copy()
    moved[:, 3] = np.nextafter(moved[:, 3], np.float32(2))
    swapped = ROWS[:, [1, 0, 2, 3]]
    keys = [row_keys(ROWS, 0), row_keys(ROWS, 1), row_keys(ROWS, 0, 1)]
    keys += [row_keys(ROWS, 1, 1), row_keys(moved, 0), row_keys(swapped, 0)]
    assert len(np.unique(keys)) == 6 * len(ROWS)


@pytest.mark.parametrize("rows", [ROWS, np.arange(2000, dtype=np.float32).reshape(500, 4)])
def test_draws_have_their_distribution_and_nothing_in_common(rows):
    for run in range(3):
        keys = row_keys(rows, 0, run)
        shares, noise = uniform(keys, LOWER, UPPER), normal(keys, np.ones(4, np.float32))
        assert stats.kstest(shares.ravel(), "uniform").pvalue > 0.001
        assert stats.kstest(noise.ravel(), "norm").pvalue > 0.001
        assert np.abs(np.corrcoef(shares.T) - np.eye(4)).max() < 0.2
