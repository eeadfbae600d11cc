from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafair.certify.boxes import NO_PLACE, Boxes, Grid
from rafair.certify.counterpart_bounds import Planes
from rafair.certify.partial_verdicts import NEVER, Findings
from rafair.tabular.counterparts import Counterparts

SIZES = (5, 3, 4)


@pytest.fixture(scope="module")
def grid() -> Grid:
    generator = np.random.default_rng(0)
    domains = [np.sort(generator.random(size)).astype(np.float32) for size in SIZES]
    return Grid(Counterparts([0, 1, 2], domains))


def random_boxes(seed: int, n: int = 20) -> Boxes:
    generator = np.random.default_rng(seed)
    ends = [generator.integers(1, size + 1, n) for size in SIZES]
    begins = [generator.integers(0, end) for end in ends]
    return Boxes(np.arange(n) % 7, np.stack(begins, axis=1), np.stack(ends, axis=1))


def members(grid: Grid, boxes: Boxes, i: int) -> set[int]:
    """The indices of one box's counterparts, by plain enumeration."""
    sides = map(range, boxes.begin[i], boxes.end[i])
    return {int(np.dot(places, grid.strides)) for places in itertools.product(*sides)}


def random_planes(seed: int, n: int = 20, others: int = 1) -> Planes:
    generator = np.random.default_rng(seed)
    level, slopes = generator.normal(size=(n, others)), generator.normal(size=(n, others, 3))
    slopes[generator.random(slopes.shape) < 0.2] = 0
    zeros = np.zeros(n)
    return Planes(zeros.astype(np.int64), level, 3 * slopes, zeros, np.zeros((n, 3)))


def lowest(grid: Grid, boxes: Boxes, planes: Planes, i: int) -> dict[int, float]:
    """The lowest plane at each counterpart of a box, by its index."""
    domains = [domain.astype(np.float64) for domain in grid.counterparts.domains]
    ends = [(d[a], d[b - 1]) for d, a, b in zip(domains, boxes.begin[i], boxes.end[i], strict=True)]
    centre = np.mean(ends, axis=1)
    found = {}
    for places in itertools.product(*map(range, boxes.begin[i], boxes.end[i])):
        value = np.array([domain[place] for domain, place in zip(domains, places, strict=True)])
        found[int(np.dot(places, grid.strides))] = float(
            (planes.level[i] + planes.slopes[i] @ (value - centre)).min()
        )
    return found


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), times=st.integers(1, 4))
def test_parts_are_the_whole_and_do_not_overlap(grid, seed, times):
    boxes = random_boxes(seed)
    influence = np.random.default_rng(seed).random((20, 3))
    for i in range(20):
        parts = grid.cut(boxes.where([i]), influence[[i]], times)
        each = [members(grid, parts, j) for j in range(len(parts.row))]
        assert all(each)
        assert sum(map(len, each)) == boxes.sizes[i]
        assert set().union(*each) == members(grid, boxes, i)
        assert (parts.row == boxes.row[i]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), others=st.integers(1, 3))
def test_hulls_hold_every_doubtful_counterpart_and_are_tight(grid, seed, others):
    boxes, planes = random_boxes(seed), random_planes(seed, others=others)
    hulls = grid.doubtful(boxes, planes)
    owner, indices, places = grid.points(boxes)
    positive = grid.positive(boxes, planes, owner, places)
    corners = grid.corner(boxes, planes)
    for i in range(20):
        values = lowest(grid, boxes, planes, i)
        doubtful = {index for index, value in values.items() if value <= 0}
        hull = members(grid, hulls, i)
        assert doubtful <= hull <= set(values)
        if others == 1 and doubtful:
            spans = [
                {index // s % n for index in doubtful}
                for s, n in zip(grid.strides, SIZES, strict=True)
            ]
            assert [max(span) - min(span) + 1 for span in spans] == list(
                hulls.end[i] - hulls.begin[i]
            )
        if not doubtful:
            assert others > 1 or not hull
        of_box = owner == i
        assert dict(zip(indices[of_box], positive[of_box], strict=True)) == {
            index: value > 0 for index, value in values.items()
        }
        assert values[corners[i]] == pytest.approx(min(values.values()))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_lies_before_an_index_is_kept(grid, seed):
    boxes = random_boxes(seed)
    limits = np.random.default_rng(seed).integers(0, 60, 20)
    limits[::5] = NEVER
    kept = grid.before(boxes, limits)
    for i in range(20):
        whole, some = members(grid, boxes, i), members(grid, kept, i)
        assert {index for index in whole if index < limits[i]} <= some <= whole
        if limits[i] == NEVER:
            assert some == whole
    # all of a slowest value, all of the next one's, and of the fastest up to the limit
    whole = Boxes.whole(1, grid.counterparts)
    assert grid.before(whole, np.array([30])).end.tolist() == [[3, 3, 4]]
    line = Boxes(np.array([0]), np.array([[2, 1, 0]]), np.array([[3, 3, 4]]))
    assert grid.before(line, np.array([30])).end.tolist() == [[3, 2, 3]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_first_of_what_a_hull_leaves_out(grid, seed):
    boxes, planes = random_boxes(seed), random_planes(seed)
    hulls = grid.doubtful(boxes, planes)
    first = grid.first_around(boxes, hulls)
    for i in range(20):
        around = members(grid, boxes, i) - members(grid, hulls, i)
        assert first[i] == (min(around) if around else NO_PLACE)


def test_a_consensus_is_decided_when_nothing_can_change_it_and_not_before():
    predictions, size = np.array([0, 1, 1, 0]), 12
    known = np.array([True, True, True, False])
    found = Findings(predictions, known, size, 2, True)
    rows = np.arange(4)
    found.count(rows, np.array([0, 0, 0, 0]), np.array([5, 4, 5, 3]))
    found.count(rows, np.array([1, 1, 1, 1]), np.array([1, 7, 6, 6]))
    # left: 6, 1, 1, 3; the fourth row counts itself for class 0
    found.decide()
    assert found.consensus.tolist() == [-1, 1, -1, -1]
    found.count(rows[[0, 2]], np.array([0, 0]), np.array([1, 1]))
    found.decide()
    assert found.consensus.tolist() == [0, 1, 0, -1]
    found.count(rows[[3]], np.array([0]), np.array([2]))
    found.decide()
    assert found.consensus.tolist() == [0, 1, 0, -1]  # six each, and one to come
    found.count(rows[[3]], np.array([1]), np.array([1]))
    found.decide()
    assert found.consensus.tolist() == [0, 1, 0, 1]


def test_the_first_disagreement_of_many_is_kept():
    found = Findings(np.array([0, 2]), np.array([True, True]), 9, 3, False)
    found.disagree(np.array([0, 1, 0, 0]), np.array([5, 4, 3, 1]), np.array([1, 2, 2, 0]))
    assert found.first.tolist() == [3, NEVER]
    assert found.first_label.tolist() == [2, -1]
    found.disagree(np.array([0, 1]), np.array([4, 8]), np.array([1, 0]))
    assert found.first.tolist() == [3, 8]
    assert found.first_label.tolist() == [2, 0]
