from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import planted
from rafair.errors import InputError
from rafair.tabular.counterparts import Counterparts


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4).filter(lambda s: np.prod(s) > 1))
def test_enumerates_the_product_in_order(sizes):
    domains = [np.linspace(0, 1, size, dtype=np.float32) for size in sizes]
    columns = [2 * i + 1 for i in range(len(sizes))]
    counterparts = Counterparts(columns, domains)
    row = np.full(2 * len(sizes) + 1, 0.5, np.float32)
    row[columns] = [domain[-1] for domain in domains]
    found = np.concatenate(list(counterparts.enumerate(row, rows_per_block=7)))
    expected = list(itertools.product(*domains))
    assert counterparts.size == len(expected) == len(found)
    assert np.array_equal(found[:, columns], np.array(expected))
    free = np.setdiff1d(np.arange(len(row)), columns)
    assert (found[:, free] == 0.5).all()
    assert counterparts.own_index(row[None])[0] == len(expected) - 1


def test_a_new_value_makes_the_row_its_own_counterpart():
    counterparts = Counterparts([0], [np.float32([0, 1])])
    rows = np.float32([[0.5, 0.2], [1, 0.2]])
    assert counterparts.own_index(rows).tolist() == [-1, 1]
    assert counterparts.counts(rows).tolist() == [3, 2]
    assert np.concatenate(list(counterparts.enumerate(rows[0])))[:, 0].tolist() == [0, 1, 0.5]


def test_ten_million_counterparts_are_made_block_by_block():
    counterparts = Counterparts([0, 1], [np.linspace(0, 1, 5000), np.linspace(0, 1, 2000)])
    first = next(counterparts.enumerate(np.zeros(3, np.float32)))
    assert counterparts.size == 10**7
    assert first.shape == (4096, 3)


def test_own_values_are_found_after_encoding():
    table = planted.random_table(200, domains=(7, 11, 3))
    counterparts = Counterparts.of(table.schema)
    own = counterparts.own_index(table.rows)
    assert (own >= 0).all()
    copy = table.rows.copy()
    counterparts.substitute(copy, own)
    assert np.array_equal(copy, table.rows)


@pytest.mark.parametrize("domains", [[], [[0.5]], [[0.5], [0.2]]])
def test_someone_to_compare_with_is_needed(domains):
    with pytest.raises(InputError, match="two or more values"):
        Counterparts(range(len(domains)), [np.float32(domain) for domain in domains])
