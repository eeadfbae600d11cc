"""The sequential test against quadrature, all paths of a few looks, and what must hold of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, binom, binomtest

from rafair.monitoring.evidence.sequential_test import (
    every_evidence,
    last_evidence,
    log_ratio,
    log_weight_after,
    log_weights,
    lower_bound,
)


def integrated(good: int, others: int, bound: float) -> float:
    """The logarithm of the mixture of likelihood ratios as it is defined, by quadrature."""
    prior = beta(max(10 * bound, 0.5), max(10 * (1 - bound), 0.5))

    def log_ratio_to(q):
        return good * np.log(q / bound) + others * np.log((1 - q) / (1 - bound))

    peak = min(max((good + 1) / (good + others + 2), 1e-3), bound - 1e-9)
    scale = log_ratio_to(peak)
    value, _ = quad(
        lambda q: np.exp(log_ratio_to(q) - scale) * prior.pdf(q),
        *(0, bound),
        points=[peak],
        limit=400,
        epsabs=0,
        epsrel=1e-10,
    )
    return np.log(value / prior.cdf(bound)) + scale


@pytest.mark.parametrize("bound", [0.03, 0.5, 0.81, 0.97, 0.999])
@pytest.mark.parametrize(("good", "others"), [(0, 0), (1, 0), (0, 1), (40, 9), (70, 30), (3, 200)])
def test_the_closed_form_is_the_integral(good, others, bound):
    found = float(log_ratio(np.array(good), np.array(others), np.array(bound)))
    assert found == pytest.approx(integrated(good, others, bound), abs=1e-7)


def test_the_evidence_is_the_mixture_over_starts():
    counts, bound = [(8, 10), (0, 0), (5, 10), (4, 10)], 0.8
    for looks in range(1, 5):
        total = 1 / np.log2(looks + 2)  # the starts that are still to come
        terms = []
        for start in range(1, looks + 1):
            weight = 1 / np.log2(start + 1) - 1 / np.log2(start + 2)
            good, n = np.sum(counts[start - 1 : looks], axis=0)
            terms.append(weight * np.exp(integrated(good, n - good, bound)))
        found = last_evidence(counts[:looks], bound)
        assert float(found.log_e) == pytest.approx(np.log(total + sum(terms)), abs=1e-8)
        assert int(found.start) == np.argmax(terms) + 1


@given(st.integers(0, 20_000))
def test_weights_sum_to_one(looks):
    weights = np.exp(log_weights(looks))
    assert np.all(weights > 0)
    assert np.all(np.diff(weights) < 0)
    assert weights.sum() + np.exp(log_weight_after(looks)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("bound", [0.2, 0.7, 0.95])
@pytest.mark.parametrize("sizes", [(3, 2, 4), (1, 0, 6), (5, 5, 1)])
def test_it_is_one_on_average_at_the_bound_and_less_above(bound, sizes):
    paths = np.array(list(itertools.product(*(range(size + 1) for size in sizes))))
    increments = np.stack([paths, np.broadcast_to(sizes, paths.shape)], axis=-1)
    e_values = np.exp(every_evidence(increments, bound).log_e)
    last = np.inf
    for chance in (bound, bound + 0.02, (1 + bound) / 2, 1.0):
        likely = binom.pmf(paths, sizes, chance).prod(axis=1)
        means = likely @ e_values
        if chance == bound:
            np.testing.assert_allclose(means, 1, rtol=1e-9)
        assert np.all(means <= 1 + 1e-9)
        assert means[-1] < last
        last = means[-1]


def test_it_does_not_grow_on_average_whatever_came_before():
    """Also where chances and sizes follow the past, as long as no chance is below the bound."""
    bound = 0.6
    for first in range(4):
        so_far = [(first, 3)]
        size, chance = (2 + first, bound) if first < 2 else (5, 0.8)
        nexts = [[*so_far, (good, size)] for good in range(size + 1)]
        e_values = np.exp(last_evidence(np.array(nexts), bound).log_e)
        mean = binom.pmf(np.arange(size + 1), size, chance) @ e_values
        before = np.exp(float(last_evidence(so_far, bound).log_e))
        assert mean <= before * (1 + 1e-9)
        if chance == bound:
            assert mean == pytest.approx(before)


steps = st.lists(
    st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.floats(0.02, 0.98))
def test_what_must_hold_of_any_counts(counts, bound):
    found = every_evidence(counts, bound)
    assert np.all(np.isfinite(found.log_e))
    for look in range(len(counts)):
        last = last_evidence(counts[: look + 1], bound)
        assert (found.log_e[look], found.start[look]) == (last.log_e, last.start)
    assert np.all((found.start >= 1) & (found.start <= np.arange(len(counts)) + 1))
    fewer = [(max(good - 1, 0), n) for good, n in counts]
    assert np.all(every_evidence(fewer, bound).log_e >= found.log_e - 1e-9)
    rest = every_evidence([*counts, (0, 0), (0, 0)], bound)
    assert np.allclose(rest.log_e[-2:], found.log_e[-1], atol=1e-9)
    if found.log_e[-1] > 1e-6:  # a start without rows is never the one that speaks
        assert rest.start[-1] == found.start[-1]


@pytest.mark.parametrize("bound", [1e-12, 1e-3, 0.5, 1 - 1e-9, float(np.nextafter(1, 0))])
@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (0, 1), (10**9, 10**9), (10**9 - 5, 10**9)])
def test_extremes_are_numbers(bound, counts):
    found = last_evidence([counts, (0, 0)], bound)
    assert np.isfinite(found.log_e)
    assert found.start in (1, 2)


def test_huge_counts_keep_their_precision():
    """A ratio with its peak far inside is that of the best alternative, times a normal integral."""
    n, bound = 10**9, 0.8
    good = int(0.7999 * n)
    q = good / n
    best = n * (q * np.log(q / bound) + (1 - q) * np.log((1 - q) / (1 - bound)))
    first, second = 8.0, 2.0
    prior = beta.logpdf(q, first, second) - beta.logcdf(bound, first, second)
    normal = 0.5 * np.log(2 * np.pi * q * (1 - q) / n)
    found = float(log_ratio(np.array(good), np.array(n - good), np.array(bound)))
    assert found == pytest.approx(best + prior + normal, abs=0.01)


def test_rows_far_above_the_bound_leave_the_weight_of_later_starts():
    found = last_evidence([(100_000, 100_000)] * 10, 0.5)
    assert float(found.log_e) == pytest.approx(log_weight_after(10), abs=1e-4)


def test_a_hundred_thousand_looks_in_one_go():
    rng = np.random.default_rng(0)
    counts = np.stack([rng.binomial(50, 0.85, 100_000), np.full(100_000, 50)], axis=-1)
    counts[-60:, 0] = rng.binomial(50, 0.6, 60)
    found = last_evidence(counts, 0.8)
    assert found.log_e > np.log(1000)
    assert 99_900 <= found.start <= 99_960


def test_lower_bounds_are_those_of_clopper_and_pearson():
    for count, n, alpha in [(0, 10, 0.05), (10, 10, 0.05), (83, 100, 0.004), (1083, 1274, 0.01)]:
        exact = binomtest(count, n, alternative="greater").proportion_ci(1 - alpha, "exact").low
        assert lower_bound(count, n, alpha) == pytest.approx(exact, abs=1e-12)
    assert lower_bound(0, 0, 0.05) == 0
    assert lower_bound(10**17, 10**17, 0.05) < 1


@pytest.mark.parametrize("share", [0.3, 0.85, 0.99])
def test_lower_bounds_lie_above_the_truth_no_more_often_than_stated(share):
    n, alpha = 60, 0.05
    counts = np.arange(n + 1)
    above = [lower_bound(int(count), n, alpha) > share for count in counts]
    assert binom.pmf(counts, n, share) @ above <= alpha


def test_at_the_bound_the_threshold_is_reached_at_times_but_no_more_often_than_stated():
    """A test that never rejects would keep its error rate, too."""
    rng, alpha, streams, bound = np.random.default_rng(7), 0.05, 1500, 0.8
    good = rng.binomial(20, bound, (streams, 60))
    counts = np.stack([good, np.full_like(good, 20)], axis=-1)
    ever = (every_evidence(counts, bound).log_e >= -np.log(alpha)).any(axis=1).sum()
    assert binomtest(int(ever), streams, alpha, alternative="greater").pvalue > 0.001
    assert ever / streams > alpha / 4
    print(f"{ever} of {streams} streams at the bound ever reached 1 / {alpha}")
