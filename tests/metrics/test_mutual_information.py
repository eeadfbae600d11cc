"""Adjusted mutual information, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from rafair.metrics.mutual_information import adjusted_mutual_information


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 3000))
    first = random.integers(0, random.integers(1, 5), n)
    second = random.integers(0, random.integers(1, 30), n)
    second = np.where(random.random(n) < random.random(), first, second)
    expected = adjusted_mutual_info_score(first, second)
    assert adjusted_mutual_information(first, second) == pytest.approx(expected, abs=1e-10)


def test_of_one_class_each():
    alike = np.zeros(5, np.int64)
    assert adjusted_mutual_information(alike, alike) == 1.0
    assert adjusted_mutual_information(alike, np.arange(5) % 2) == pytest.approx(0.0, abs=1e-10)
