from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

import planted
from rafair.errors import InputError
from rafair.models.fit_to_table import as_classifier
from rafair.models.losses import CrossEntropy
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.disparity import Bins, Farthest
from rafair.search.observation import Observation
from rafair.tabular.counterparts import Counterparts

SPREAD_FIELDS = ("leaders", "extremes", "reach", "bins", "entropy")


def scattered(n_classes):
    """A model whose logits are looked up: random, and the same in any batch."""
    logits = 3 * np.random.default_rng(n_classes).normal(size=(4096, n_classes))

    def model(rows):
        places = np.round(rows * 64).astype(np.int64) @ np.array([1, 71, 643, 2003, 3571])
        return logits[places % 4096].astype(np.float32)

    return model


def judged(model, table, spread, workers, *, rows=None, chunk_rows=512):
    sweep = CounterpartEvaluator(
        as_classifier(model),
        Counterparts.of(table.schema),
        CrossEntropy(),
        workers,
        chunk_rows=chunk_rows,
    )
    return sweep.judge(table.rows if rows is None else rows, table.labels, spread=spread)


def with_a_new_value(table):
    rows = table.rows.copy()
    rows[3, 3] = 0.123  # a sensitive value that is not in the domain
    return rows


def shares_of(model, table, row, label):
    """Each counterpart's probability of the true class, and which of them is the row itself."""
    others = planted.brute_counterparts(row, table)
    own = int(np.flatnonzero((others == row).all(axis=1))[0])
    return softmax(model(others).astype(np.float64), axis=1)[:, label], own


@pytest.mark.parametrize("chunk_rows", [5, 64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_farthest_agrees_with_plain_enumeration(n_classes, chunk_rows, workers):
    table = planted.random_table(60, n_classes=n_classes, domains=(3, 4), seed=1)
    rows, model = with_a_new_value(table), scattered(n_classes)
    seen = judged(model, table, Farthest(), workers, rows=rows, chunk_rows=chunk_rows)
    for i, row in enumerate(rows):
        shares, own = shares_of(model, table, row, table.labels[i])
        assert own == 12 or i != 3
        gaps = np.abs(shares - shares[own])
        assert seen.leaders[i].tolist() == seen.extremes[i].tolist() == [own, gaps.argmax()]
        predictions = model(planted.brute_counterparts(row, table)).argmax(axis=1)
        assert seen.reach[i] == int((predictions != predictions[own]).any())
    assert (seen.bins == 0).all()
    assert np.isnan(seen.entropy).all()


@pytest.mark.parametrize("chunk_rows", [5, 64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("width", [0.025, 0.3])
def test_bins_agree_with_plain_enumeration(width, n_classes, chunk_rows, workers):
    table = planted.random_table(80, n_classes=n_classes, domains=(3, 2), seed=2)
    rows, model = with_a_new_value(table), scattered(n_classes)
    seen = judged(model, table, Bins(width), workers, rows=rows, chunk_rows=chunk_rows)
    pairs, singles = 0, 0
    for i, row in enumerate(rows):
        shares, own = shares_of(model, table, row, table.labels[i])
        assert own == 6 or i != 3
        bins = np.floor(shares / width).astype(int)
        counts = np.bincount(bins)
        fullest = np.flatnonzero(bins == counts.argmax())  # the lowest of equally full ones
        first, last = seen.leaders[i]
        assert {first, last} <= set(fullest)
        assert (first != last) == (len(fullest) > 1)
        pairs, singles = pairs + (len(fullest) > 1), singles + (len(fullest) == 1)
        lowest, highest = seen.extremes[i]
        assert bins[lowest] == bins.min()
        assert bins[highest] == bins.max()
        assert seen.reach[i] == bins.max() - bins.min()
        assert seen.bins[i] == len(set(bins))
        assert seen.entropy[i] == pytest.approx(stats.entropy(counts, base=2))
    assert pairs > 10
    assert width > 0.1 or singles > 0


@pytest.mark.parametrize("spread", [Farthest(), Bins(), Bins(0.1, seed=5)], ids=str)
def test_neither_chunks_nor_company_matter(spread, workers):
    table, model = planted.random_table(40, domains=(3, 4), seed=3), scattered(2)
    rows = with_a_new_value(table)
    expected = judged(model, table, spread, workers, rows=rows, chunk_rows=2048)
    some = np.array([30, 3, 7])
    alone = table.take(some)
    few = judged(model, alone, spread, workers, rows=rows[some], chunk_rows=7)
    for name in SPREAD_FIELDS:
        values = getattr(expected, name)
        assert np.array_equal(getattr(few, name), values[some], equal_nan=True)
        for chunk_rows in (1, 5, 12, 64):
            seen = judged(model, table, spread, workers, rows=rows, chunk_rows=chunk_rows)
            assert np.array_equal(getattr(seen, name), values, equal_nan=True)


def told(spread, margins, own=0):
    """What a spread says of one row whose counterparts have these margins, told at once or not."""
    rows, said = np.zeros((1, 2), np.float32), []
    for size in (len(margins), 1):
        tally, seen = spread.tally(rows, np.array([own])), Observation.empty(1, 2)
        for start in range(0, len(margins), size):
            index = np.arange(start, start + size)
            tally.add(np.zeros(size, np.int64), index, np.float64(margins)[index])
        tally.write(seen)
        said.append(seen)
    for name in SPREAD_FIELDS:
        assert np.array_equal(*(getattr(seen, name) for seen in said), equal_nan=True)
    return seen


def test_where_probabilities_round_to_one_the_margins_tell_which_is_farthest():
    assert told(Farthest(), [-1000, -900, -2000, -950]).leaders.tolist() == [[0, 2]]
    assert told(Farthest(), [1000, 900, 950, 1900], own=2).leaders.tolist() == [[2, 3]]
    # but a probability that does differ is farther than any margin
    assert told(Farthest(), [-40, -5000, -2]).leaders.tolist() == [[0, 2]]


def test_of_equal_counterparts_the_first_is_taken_and_never_the_row_itself():
    assert told(Farthest(), [0, 0, 0]).leaders.tolist() == [[0, 1]]
    assert told(Farthest(), [0, 0, 0], own=1).leaders.tolist() == [[1, 0]]
    assert told(Farthest(), [1, 2, 0.5, 2]).leaders.tolist() == [[0, 1]]


def margins_at(shares):
    return np.log1p(-np.float64(shares)) - np.log(shares)


def test_bins_begin_at_whole_multiples_of_their_width():
    for number in range(1, 39):
        edge = number * 0.025
        assert told(Bins(), margins_at([edge, edge + 0.02])).bins.tolist() == [1]
        assert told(Bins(), margins_at([edge, edge - 0.001])).bins.tolist() == [2]


def test_certainty_falls_into_the_last_bin():
    for width, last in ((0.025, 39), (0.3, 3), (1.0, 0), (0.1, 9)):
        seen = told(Bins(width), [-1e4, 1e4, *margins_at([0.999])])
        assert seen.reach.tolist() == [last]
        assert seen.bins.tolist() == [min(last, 1) + 1]


@pytest.mark.parametrize("k", [1, 2, 4, 5, 8])
def test_equal_shares_of_k_bins_are_log_k_bits(k):
    seen = told(Bins(), np.repeat(margins_at((np.arange(k) + 0.5) / 10), 3))
    assert seen.bins.tolist() == [k]
    assert seen.entropy[0] == pytest.approx(np.log2(k), abs=1e-12)
    assert np.copysign(1, seen.entropy[0]) == 1  # not minus zero
    assert seen.reach.tolist() == [4 * (k - 1)]


def test_entropy_of_a_half_and_two_quarters_is_one_and_a_half_bits():
    seen = told(Bins(), margins_at([0.11, 0.51, 0.11, 0.93]))
    assert seen.entropy.tolist() == [1.5]
    assert set(seen.leaders[0]) == {0, 2}
    assert seen.extremes[0][1] == 3


def test_leaders_are_any_two_of_the_fullest_bin_with_equal_chance(workers):
    table = planted.random_table(3000, domains=(3, 2), seed=4)

    def constant(rows):
        return np.zeros((len(rows), 2), np.float32)

    seen = judged(constant, table, Bins(), workers, chunk_rows=4096)
    pairs = list(itertools.permutations(range(6), 2))
    counts = np.zeros((6, 6))
    np.add.at(counts, tuple(seen.leaders.T), 1)
    assert sum(counts[pair] for pair in pairs) == 3000
    assert stats.chisquare([counts[pair] for pair in pairs]).pvalue > 0.01
    own = Counterparts.of(table.schema).own_index(table.rows)
    # whichever of them is the row itself
    assert stats.binomtest(int((seen.leaders[:, 0] == own).sum()), 3000, 1 / 6).pvalue > 0.01


def test_extremes_are_any_of_the_end_bins_with_equal_chance(workers):
    table = planted.random_table(1500, domains=(3, 4), seed=5)

    def by_first_value(rows):
        return np.column_stack([np.zeros(len(rows)), 4 * rows[:, 3] - 2]).astype(np.float32)

    seen = judged(by_first_value, table, Bins(), workers, chunk_rows=4096)
    ends = np.where(table.labels[:, None] == 1, seen.extremes, seen.extremes[:, ::-1])
    for column, first in ((0, 0), (1, 8)):
        counts = np.bincount(ends[:, column] - first, minlength=4)
        assert len(counts) == 4
        assert stats.chisquare(counts).pvalue > 0.01
    both = np.zeros((4, 4))
    np.add.at(both, (ends[:, 0], ends[:, 1] - 8), 1)
    assert stats.chisquare(both.ravel()).pvalue > 0.01


def test_draws_follow_the_seed(workers):
    table = planted.random_table(300, domains=(3, 4), seed=6)

    def constant(rows):
        return np.zeros((len(rows), 2), np.float32)

    draws = [judged(constant, table, Bins(seed=seed), workers).leaders for seed in (0, 1, 0)]
    assert np.array_equal(draws[0], draws[2])
    agree = (draws[0][:, 0] == draws[1][:, 0]).sum()
    assert stats.binomtest(int(agree), 300, 1 / 12).pvalue > 0.01


@pytest.mark.parametrize("width", [0, -0.1, 1.01, float("nan"), "wide"])
def test_widths_out_of_range_are_refused(width):
    with pytest.raises(InputError, match=r"^width: expected a number from 0.0001 up to 1"):
        Bins(width)
