"""The benchmark that sets `strongest` beside a worst-counterpart PGD of its own."""

from __future__ import annotations

import numpy as np
import pytest

import planted
from benchmarks import worst_counterpart
from benchmarks.strength import Counted
from benchmarks.worst_counterpart import NOISE, OURS, WorstCounterpartPGD, counts, main

FREE, BOUND, BIAS, EPSILON = np.array([2.0, -1.0, 0.5]), 0.6, -0.4, 0.1


@pytest.fixture(scope="module")
def counted() -> Counted:
    table = planted.random_table(40, n_free=3, domains=(4,), seed=5)
    network = planted.linear([*FREE, BOUND], BIAS)
    table = planted.mostly_right(table, network)
    return Counted.of("planted", network, table, EPSILON, (NOISE, OURS), len(table))


def truth(counted: Counted, epsilon: float) -> np.ndarray:
    """Which instances have a counterpart in the box that does not get the label."""
    sign = np.where(counted.labels == 1, 1, -1)
    free = counted.rows[:, :3].astype(float)
    lower, upper = np.maximum(free - epsilon, 0), np.minimum(free + epsilon, 1)
    slopes = sign[:, None] * FREE
    least = np.minimum(slopes * lower, slopes * upper).sum(axis=1) + sign * BIAS
    return least + np.minimum(sign * BOUND, 0) < 0


def test_the_attack_of_the_benchmark_finds_what_a_linear_model_has(counted):
    assert 5 < truth(counted, EPSILON).sum() < 35
    assert (WorstCounterpartPGD(counted).stands() == ~truth(counted, EPSILON)).all()


def test_counterparts_are_judged_by_the_plain_network(counted):
    assert (counted.mistaken(counted.rows) == truth(counted, 0.0)).all()
    clean, noise, theirs, ours = counts(counted)
    assert clean == (~truth(counted, 0.0)).sum()
    assert ours == theirs == (~truth(counted, EPSILON)).sum()
    assert ours <= noise <= clean
    assert counted.robust_accuracy(OURS) >= ours


def test_a_row_outside_of_its_box_is_refused(counted):
    moved = counted.rows.copy()
    moved[0, 3] = 1 - moved[0, 3]  # sensitive
    with pytest.raises(ValueError, match="outside of its box"):
        counted.wrong(moved)


@pytest.mark.parametrize(("found", "code"), [((90, 60, 50, 51), 0), ((90, 60, 50, 52), 1)])
def test_more_than_one_row_behind_ends_with_1(monkeypatch, capsys, found, code):
    table = planted.random_table(10, n_free=3, domains=(4,), seed=5)
    network = planted.network(4)
    table = planted.mostly_right(table, network)
    monkeypatch.setattr(worst_counterpart, "trained", lambda *_: (network, table))
    monkeypatch.setattr(worst_counterpart, "counts", lambda _: found)
    assert main(["--datasets", "planted", "--epsilons", "0.1"]) == code
    out = capsys.readouterr().out
    assert ("is behind: planted 0.1" in out) == bool(code)
