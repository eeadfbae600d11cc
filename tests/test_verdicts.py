from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafair.errors import UnknownNameError
from rafair.verdicts import Verdict, disagrees, outcome_step, verdicts


@given(st.data(), st.integers(2, 4), st.integers(1, 12), st.floats(0, 50))
def test_theorem_3_2(data, n_classes, n_counterparts, k):
    """If every counterpart's prediction is right up to K·d, the instance is accurate and fair.

    The instance itself is its own counterpart at distance 0, so D(y, ŷ(v)) ≤ 0.
    """
    classes = st.integers(0, n_classes - 1)
    label = data.draw(classes)
    own = data.draw(classes)
    others = np.array(
        data.draw(st.lists(classes, min_size=n_counterparts, max_size=n_counterparts))
    )
    distances = np.array(
        data.draw(st.lists(st.floats(0, 1), min_size=n_counterparts, max_size=n_counterparts))
    )
    predictions, all_distances = np.append(others, own), np.append(distances, 0.0)
    labels = np.full(n_counterparts + 1, label)
    robust = not disagrees(labels, predictions, all_distances, k).any()
    accurate = own == label
    fair = not disagrees(np.full(n_counterparts + 1, own), predictions, all_distances, k).any()
    if robust:
        assert accurate
        assert fair
    if k == 0:  # and then the converse holds as well
        assert robust == (accurate and fair)


def test_cells():
    accurate = np.array([True, True, False, False])
    fair = np.array([True, False, True, False])
    assert verdicts(accurate, fair).tolist() == [0, 1, 2, 3]
    assert [v.short for v in Verdict] == ["TF", "TB", "FF", "FB"]


@pytest.mark.parametrize("name", ["true biased", "TB", "tb", "true_biased", Verdict.TRUE_BIASED])
def test_names(name):
    assert Verdict.named(name) is Verdict.TRUE_BIASED


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="did you mean 'true biased'"):
        Verdict.named("true bias")


def test_outcome_is_the_first_sought_iterate_else_the_last():
    codes = np.array([[1, 0, 1, 1], [1, 0, 0, 0], [0, 2, 1, 3]], np.int8)
    assert outcome_step(codes, {Verdict.TRUE_BIASED}).tolist() == [2, 3, 2]
    assert outcome_step(codes, {Verdict.FALSE_FAIR, Verdict.FALSE_BIASED}).tolist() == [3, 3, 1]
