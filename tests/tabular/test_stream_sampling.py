"""Sampling from blocks, beside the same sample computed from all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rafair.tabular.keys import number_keys
from rafair.tabular.sampling import fit_clusters
from rafair.tabular.stream_sampling import (
    DRAWN,
    FITTED,
    ClusterFit,
    Smallest,
    StratifiedDraw,
    nearest,
)

N = 5000


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    centres = generator.random((4, 6))
    group = generator.choice(4, N, p=[0.55, 0.3, 0.1, 0.05])
    noise = generator.normal(0, 0.08, (N, 6))
    return np.clip(centres[group] + noise, 0, 1).astype(np.float32)


def drawn(rows, size, seed=0, block=700, fitted=1000, order=1):
    fit, starts = ClusterFit(fitted), list(range(0, len(rows), block))[::order]
    for start in starts:
        fit.add(np.arange(start, min(start + block, len(rows))), rows[start : start + block])
    draw = StratifiedDraw(fit.centres(), size, seed)
    for start in starts:
        draw.add(np.arange(start, min(start + block, len(rows))), rows[start : start + block])
    return draw.numbers()


def plainly(rows, size, seed=0, fitted=1000):
    """The same, with everything in memory and no quotas but a loop's."""
    numbers = np.arange(len(rows))
    chosen = np.sort(np.argsort(number_keys(numbers, 0, FITTED))[:fitted])
    clusters = fit_clusters(rows[chosen]).predict(rows)
    sizes = [int((clusters == c).sum()) for c in range(clusters.max() + 1)]
    exact = [size * s / len(rows) for s in sizes]
    quotas = [int(e) for e in exact]
    while sum(quotas) < size:
        left = [e - q for e, q in zip(exact, quotas, strict=True)]
        quotas[left.index(max(left))] += 1
    keys = number_keys(numbers, seed, DRAWN)
    found = []
    for cluster, quota in enumerate(quotas):
        members = numbers[clusters == cluster]
        found += members[np.argsort(keys[members])][:quota].tolist()
    return sorted(found)


@pytest.mark.parametrize("size", [1, 2, 7, 200, 1999])
@pytest.mark.parametrize("seed", [0, 5])
def test_is_what_all_rows_at_once_give(rows, size, seed):
    assert drawn(rows, size, seed).tolist() == plainly(rows, size, seed)


def test_neither_blocks_nor_their_order_show(rows):
    expected = drawn(rows, 100)
    for block, order in ((1, 1), (N, 1), (999, -1)):
        assert np.array_equal(drawn(rows, 100, block=block, order=order), expected)


def test_another_seed_draws_others(rows):
    first, second = drawn(rows, 100, 0), drawn(rows, 100, 1)
    assert len(set(first) & set(second)) < 10
    assert len(set(first)) == 100


def test_all_rows_where_there_are_no_more(rows):
    assert np.array_equal(drawn(rows[:50], 50), np.arange(50))
    assert np.array_equal(drawn(rows[:50], 60), np.arange(50))
    assert np.array_equal(drawn(np.zeros((5, 2), np.float32), 2, fitted=3).shape, (2,))


def test_every_row_is_as_likely_as_another(rows):
    some = rows[:400]
    counts = np.zeros(400)
    for seed in range(300):
        counts[drawn(some, 40, seed, block=400)] += 1
    places = stats.kstest(np.repeat(np.arange(400), counts.astype(int)) / 400, "uniform")
    assert places.pvalue > 0.001
    # a share of 1/10 of 300 draws each: the spread of counts is that of a binomial at the most
    assert np.var(counts) < 1.5 * 300 * 0.1 * 0.9


def test_smallest_keeps_rows_with_their_numbers():
    generator = np.random.default_rng(1)
    keys = generator.permutation(1000).astype(np.uint64)
    kept = Smallest(50)
    for start in range(0, 1000, 37):
        numbers = np.arange(start, min(start + 37, 1000))
        kept.add(keys[numbers], numbers, numbers[:, None].astype(np.float32))
    expected = np.flatnonzero(keys < 50)
    assert np.array_equal(kept.numbers(), expected)
    assert np.array_equal(kept.rows()[:, 0], expected)
    assert np.array_equal(kept.numbers(10), np.flatnonzero(keys < 10))


def test_keys_differ_and_are_spread():
    numbers = np.arange(100_000)
    keys = number_keys(numbers, 3)
    assert len(np.unique(keys)) == len(numbers)
    assert stats.kstest(keys / 2.0**64, "uniform").pvalue > 0.001
    other = number_keys(numbers, 3, 1)
    assert abs(np.corrcoef(keys.astype(float), other.astype(float))[0, 1]) < 0.02


def test_nearest_is_what_clusters_predict(rows):
    means = fit_clusters(rows[:1000])
    assert np.array_equal(nearest(rows, means.cluster_centers_), means.predict(rows))
