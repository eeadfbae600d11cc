"""Raw values, missing ones among them, to codes and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafair.errors import InputError
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import MISSING, decode, decode_values, encode, encode_values
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.sampling import sample_instances
from rafair.tabular.schema import Feature, Schema


def number(kind="numeric", **fields) -> Feature:
    return Feature(name="x", kind=kind, **fields)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.data())
def test_integers_come_back_exactly(minimum, span, data):
    feature = number("integer", minimum=minimum, maximum=minimum + span, missing=True)
    whole = st.integers(minimum, minimum + span)
    values = data.draw(st.lists(st.one_of(whole, st.none()), min_size=1))
    back = decode_values(encode_values(values, feature), feature)
    expected = np.array([np.nan if value is None else value for value in values])
    assert np.array_equal(back, expected, equal_nan=True)


@given(
    st.sampled_from([0.1, 0.01, 0.05, 0.25, 0.001, 0.5, 2.5, 100]),
    st.integers(-2000, 2000),
    st.integers(1, 20_000),
    st.data(),
)
def test_points_of_a_grid_come_back_as_they_are_written(step, first, n_steps, data):
    decimals = len(str(step).partition(".")[2])
    feature = number(
        minimum=round(first * step, decimals),
        maximum=round((first + n_steps) * step, decimals),
        step=step,
    )
    places = data.draw(st.lists(st.integers(first, first + n_steps), min_size=1))
    values = [round(place * step, decimals) for place in places]  # what float("0.3") would be
    assert decode_values(encode_values(values, feature), feature).tolist() == values


@given(st.integers(1, 1000), st.floats(0, 1, width=32))
def test_what_lies_between_points_stays_there(n_steps, code):
    feature = number("integer", minimum=0, maximum=n_steps)
    back = decode_values(np.float32([code]), feature)[0]
    exact = float(np.float32(code)) * n_steps
    assert abs(back - exact) <= 1e-3  # six digits of up to 1,000
    if abs(exact - round(exact)) > 2e-3:
        assert back != round(back)


def test_a_paper_step_from_an_integer_is_no_integer():
    age = number("integer", minimum=17, maximum=90)
    code = encode_values([40], age) + np.float32(0.01)
    assert decode_values(code, age).tolist() == [40.73]


LEVELS = st.one_of(
    st.lists(st.text(min_size=1), min_size=1, max_size=9, unique=True),
    st.lists(st.integers(-99, 99), min_size=1, max_size=9, unique=True),
    st.just([False, True]),
)


@given(LEVELS, st.booleans(), st.data())
def test_levels_come_back(levels, missing, data):
    feature = Feature(name="x", kind="categorical", levels=tuple(levels), missing=missing)
    one = st.sampled_from(levels)
    values = data.draw(st.lists(st.one_of(one, st.none()) if missing else one, min_size=1))
    back = decode_values(encode_values(values, feature), feature)
    assert back.tolist() == values
    assert [type(value) for value in back.tolist()] == [type(value) for value in values]


def test_truth_values_come_back_as_such():
    feature = Feature(name="x", kind="boolean", levels=(False, True))
    assert decode_values(np.float32([0, 1, 0.7]), feature).dtype == bool


def test_truth_values_in_a_frame():
    feature = Feature(name="x", kind="boolean", levels=(False, True), missing=True)
    schema = Schema(features=(feature,), label="y", classes=("no", "yes"))
    assert decode(np.float32([[0], [1]]), schema)["x"].dtype == bool
    back = decode(np.float32([[0], [-1]]), schema)["x"]
    assert back[0] is False
    assert np.isnan(back[1])


def schema(*, missing: bool = True) -> Schema:
    return Schema(
        features=(
            Feature(name="pay", kind="numeric", minimum=0, maximum=10, missing=missing),
            Feature(name="job", kind="categorical", levels=("cook", "smith"), missing=missing),
            Feature(
                name="sex",
                kind="categorical",
                levels=("f", "m"),
                sensitive=True,
                domain=("f", "m"),
                missing=missing,
            ),
        ),
        label="y",
        classes=("no", "yes"),
    )


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"pay": [1.0, np.nan, 10.0], "job": ["cook", "smith", None], "sex": ["f", None, "m"]}
    )


def test_missing_values_have_a_code_of_their_own():
    rows = encode(frame(), schema())
    assert rows.tolist() == [[np.float32(0.1), 0, 0], [-1, 1, -1], [1, -1, 1]]
    back = decode(rows, schema())
    assert back.isna().to_numpy().tolist() == frame().isna().to_numpy().tolist()
    assert back["job"][:2].tolist() == ["cook", "smith"]
    assert decode_values(rows[:, 1], schema()["job"]).tolist() == ["cook", "smith", None]


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("column", ["pay", "job"])
def test_all_that_pandas_calls_missing(nothing, column):
    feature = schema()[column]
    values = pd.Series([nothing, nothing], dtype=object)
    assert encode_values(values, feature).tolist() == [MISSING, MISSING]
    with pytest.raises(InputError, match=f"column '{column}', row 0: expected"):
        encode_values(values, schema(missing=False)[column])


@pytest.mark.parametrize("value", [-1, np.inf, -np.inf, 11, "much"])
def test_to_be_missing_is_no_excuse_for_other_values(value):
    with pytest.raises(InputError, match="column 'pay', row 7: expected a number from 0 to 10"):
        encode_values(pd.Series([value], dtype=object), schema()["pay"], first_row=7)


def test_a_missing_value_never_moves():
    box = PerturbationSet.of(schema(), 0.2)
    rows = encode(frame(), schema())
    lower, upper = box.bounds(rows)
    absent = rows < 0
    assert (lower[absent] == MISSING).all()
    assert (upper[absent] == MISSING).all()
    for moved in (rows + 1, rows - 1):
        assert np.array_equal(box.project(moved, rows) < 0, absent)
    assert box.project(rows + 1, rows)[0, 0] == np.float32(0.1) + np.float32(0.2)


def test_a_row_whose_sensitive_value_is_missing_is_its_own_counterpart_as_well():
    counterparts = Counterparts.of(schema())
    rows = encode(frame(), schema())
    assert counterparts.own_index(rows).tolist() == [0, -1, 1]
    assert counterparts.counts(rows).tolist() == [2, 3, 2]
    others = np.concatenate(list(counterparts.enumerate(rows[1])))
    assert others[:, 2].tolist() == [0, 1, -1]
    assert (others[:, 0] == MISSING).all()


def test_a_domain_may_name_what_is_missing():
    sex = schema()["sex"].model_copy(update={"domain": ("f", "m", None)})
    stated = schema().model_copy(update={"features": (*schema().features[:2], sex)})
    counterparts = Counterparts.of(stated)
    rows = encode(frame(), stated)
    assert counterparts.own_index(rows).tolist() == [1, 0, 2]
    assert counterparts.counts(rows).tolist() == [3, 3, 3]


def test_rows_with_missing_values_are_sampled():
    rows = encode(pd.concat([frame()] * 40, ignore_index=True), schema())
    drawn = sample_instances(rows, 30, seed=0)
    assert (rows[drawn] < 0).any(axis=1).sum() == 20
