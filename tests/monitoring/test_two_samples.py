"""The reference's own error as evidence: its e-value, and the product with that of a stream."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from rafair.monitoring.evidence.sequential_test import last_evidence, lower_bound
from rafair.monitoring.evidence.two_samples import at_every_look, reached, steps


def e_of_reference(count: int, n: int, alpha: float, true: float) -> float:
    """E(p) of the docstring, p the true rate."""
    limits = steps(count, n, alpha, 0)
    factors = [*np.exp([step.log_factor for step in limits]), 1 / alpha]
    return factors[sum(step.bound > true for step in limits)]


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.05 / 6, 1e-4])
@pytest.mark.parametrize("n", [10, 80])
@pytest.mark.parametrize("true", [0.1, 0.5, 0.85, 0.99])
def test_the_references_e_value_is_one_on_average_or_less(true, n, alpha):
    values = [e_of_reference(count, n, alpha, true) for count in range(n + 1)]
    assert binom.pmf(np.arange(n + 1), n, true) @ values <= 1 + 1e-12


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.06, 0.05 / 6, 1e-6])
def test_lower_bounds_ask_for_less(alpha):
    limits = steps(850, 1000, alpha, 0.01)
    bounds = [step.bound for step in limits]
    assert sorted(bounds, reverse=True) == bounds
    assert np.all(np.diff([step.log_factor for step in limits]) > 0)
    assert bounds[-1] == pytest.approx(lower_bound(850, 1000, alpha / 3) - 0.01)
    assert all(step.log_factor < -np.log(alpha) + 1e-12 for step in limits)


@pytest.mark.parametrize("true", [0.6, 0.9])
def test_both_samples_together_keep_to_alpha_on_all_paths(true):
    """All references of 12 rows, all streams of 3 looks at 9 rows, at the least allowed rate."""
    alpha, tolerance, n, size = 0.4, 0.05, 12, 9
    grid = np.stack(np.meshgrid(*[np.arange(size + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    likely = binom.pmf(grid, size, true - tolerance).prod(axis=1)
    counts = np.stack([grid, np.full_like(grid, size)], axis=-1)
    chance = 0.0
    for count in range(n + 1):
        limits = steps(count, n, alpha, tolerance)
        if limits[-1].bound > 0:
            ever = (at_every_look(limits, counts).log_e >= -np.log(alpha)).any(axis=1)
            chance += binom.pmf(count, n, true) * float(likely @ ever)
    assert 0 < chance <= alpha


def test_the_least_product_counts_and_is_told_only_where_it_suffices():
    rng, alpha = np.random.default_rng(3), 0.05 / 6
    limits = steps(1083, 1274, alpha, 0.01)
    good = np.concatenate([rng.binomial(50, 0.85, 10), rng.binomial(50, 0.7, 20)])
    counts = np.stack([good, np.full(30, 50)], axis=-1)
    every = at_every_look(limits, counts)
    told = [reached(limits, counts[: look + 1], alpha) for look in range(30)]
    assert [one is not None for one in told] == (every.log_e >= -np.log(alpha)).tolist()
    assert any(told)
    assert not all(told)
    for look, one in enumerate(told):
        products = [
            last_evidence(counts[: look + 1], step.bound).log_e + step.log_factor for step in limits
        ]
        assert every.log_e[look] == pytest.approx(min(products))
        if one is not None:
            assert (one.log_e, one.start) == (every.log_e[look], every.start[look])
