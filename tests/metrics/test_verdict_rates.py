from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rafair.metrics import verdict_rates
from rafair.verdicts import Verdict

CODES = arrays(
    np.int8, st.tuples(st.integers(1, 12), st.integers(2, 6)), elements=st.integers(0, 3)
)


@given(CODES)
def test_robust_never_exceeds_clean_and_joint_never_exceeds_either(codes):
    clean, robust = verdict_rates.confusion(codes[:, 0]), verdict_rates.robust(codes)
    for name, found in robust.items():
        assert found.count <= clean[name].count
    joint = robust["accurate_fairness"].count
    assert joint <= min(robust["accuracy"].count, robust["individual_fairness"].count)


@given(CODES)
def test_cells_are_a_partition_and_rates_follow_from_them(codes):
    rates = verdict_rates.confusion(codes.ravel())
    cells = {verdict: rates[verdict.name.lower()].count for verdict in Verdict}
    assert sum(cells.values()) == codes.size
    assert rates["accuracy"].count == cells[Verdict.TRUE_FAIR] + cells[Verdict.TRUE_BIASED]
    fair = cells[Verdict.TRUE_FAIR] + cells[Verdict.FALSE_FAIR]
    assert rates["individual_fairness"].count == fair
    assert rates["accurate_fairness"].count == cells[Verdict.TRUE_FAIR]


@given(CODES, st.integers(1, 3))
def test_a_union_by_plain_loops(codes, n_attacks):
    outcomes = [np.roll(codes[:, 0], shift) for shift in range(n_attacks)]
    rates = verdict_rates.union_outcome(outcomes)
    n = len(codes)
    accurate = sum(all(int(o[i]) in (0, 1) for o in outcomes) for i in range(n))
    fair = sum(all(int(o[i]) in (0, 2) for o in outcomes) for i in range(n))
    assert rates["accuracy"].count == accurate
    assert rates["individual_fairness"].count == fair
    cells = []
    for i in range(n):
        each = {int(o[i]) for o in outcomes}
        cells.append(next((cell for cell in (1, 2, 3) if cell in each), 0))
    for verdict in Verdict:
        assert rates[verdict.name.lower()].count == cells.count(int(verdict))


def test_exposed_looks_at_iterates_only():
    codes = np.array([[1, 0, 0], [0, 0, 2]], np.int8)
    found = verdict_rates.exposed(codes)
    assert (found["true_biased"].count, found["false_fair"].count) == (0, 1)


def test_corrected_counts_broken_rows_only():
    before, after = np.array([0, 1, 2, 3], np.int8), np.array([3, 0, 0, 1], np.int8)
    found = verdict_rates.corrected(before, after)
    assert (found.count, found.n) == (2, 3)
    assert verdict_rates.corrected(before[:1], after[:1]) is None
