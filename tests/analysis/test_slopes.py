"""Median regression against every line through two points, one of which is always optimal."""

from __future__ import annotations

import numpy as np
import pytest

from rafair.analysis.slopes import median_slopes
from rafair.errors import InputError


def least_absolute(values: np.ndarray) -> tuple[float, float]:
    """The best slope and its sum of absolute residuals, of all lines through two points."""
    steps = np.arange(len(values))
    best = (0.0, np.inf)
    for i in range(len(values)):
        for j in range(i):
            slope = (values[i] - values[j]) / (i - j)
            cost = np.abs(values - values[i] - slope * (steps - i)).sum()
            if cost < best[1] - 1e-15:
                best = (slope, cost)
    return best


def cost_of(slope: float, values: np.ndarray) -> float:
    residuals = values - slope * np.arange(len(values))
    return float(np.abs(residuals - np.median(residuals)).sum())


def some_series() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    steps = np.arange(51)
    walks = {f"walk {n}": np.cumsum(generator.normal(size=51)) for n in range(10)}
    return walks | {
        "decay": np.exp(-steps / 5.0),
        "growth": 1e3 * np.exp(steps / 10.0),
        "tiny": 1e-12 * np.cumsum(generator.random(51)),
        "jump": np.where(steps < 40, 0.01 * steps, 5.0),
        "short": np.array([0.0, 1.0, 5.0, 4.0]),
    }


@pytest.mark.parametrize("name", some_series())
def test_no_line_has_smaller_residuals(name):
    values = some_series()[name]
    found = median_slopes(values[None])[0]
    slope, cost = least_absolute(values)
    assert cost_of(found, values) <= cost * (1 + 1e-3)
    assert np.sign(found) == np.sign(slope)


def test_a_line_is_found_whatever_its_scale():
    steps = np.arange(11)
    series = np.array([3.0 * steps, 1e-9 * steps, 100 - 0.25 * steps])
    assert median_slopes(series) == pytest.approx([3.0, 1e-9, -0.25], rel=1e-4)


def test_what_mostly_stands_still_has_no_slope():
    still = np.full(51, 0.7)
    late = np.where(np.arange(51) < 45, 0.7, 2.0)
    early = np.where(np.arange(51) < 5, 2.0, 0.7)
    assert median_slopes(np.array([still, late, early])).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (np.zeros((2, 2)), "three or more values"),
        (np.zeros(5), r"got the shape \(5,\)"),
        (np.array([[0.0, np.nan, 1.0]]), "finite"),
    ],
)
def test_what_has_no_slope_is_refused(series, words):
    with pytest.raises(InputError, match=words):
        median_slopes(series)
