"""The chance that a draw misses what disagrees, against every possible draw."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rafair.analysis.draws import chance_unseen


@pytest.mark.parametrize("others", [1, 4, 7])
@pytest.mark.parametrize("drawn", [1, 3, 4, 12])
def test_the_chance_is_the_share_of_draws_that_miss(others, drawn):
    for disagreeing in range(others + 1):
        draws = list(itertools.combinations(range(others), min(drawn, others)))
        missing = sum(min(draw) >= disagreeing for draw in draws)
        found = chance_unseen(np.array([disagreeing]), np.array([others]), drawn)
        assert found[0] == pytest.approx(missing / len(draws), abs=1e-12)


def test_many_counterparts_overflow_nothing():
    found = chance_unseen(np.array([0, 1, 740]), np.array([740, 740, 740]), 4)
    assert found == pytest.approx([1.0, 736 / 740, 0.0])
