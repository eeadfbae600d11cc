"""Every misfit of a table, counted beside a check that goes row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafair.errors import InputError
from rafair.tabular.encoding import decode_values, encode_values
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_check import Misfit, extra_columns, misfits


def schema(**changes) -> Schema:
    fields = {
        "features": (
            Feature(name="debt", kind="numeric", minimum=0, maximum=90, step=0.1, missing=True),
            Feature(name="income", kind="integer", minimum=10, maximum=99),
            Feature(name="sex", kind="categorical", levels=("f", "m"), sensitive=True),
            Feature(name="own", kind="boolean", levels=(0, 1), group="home"),
            Feature(name="rent", kind="boolean", levels=(0, 1), group="home"),
        ),
        "label": "paid",
        "classes": ("no", "yes"),
        "relations": ("debt <= 0.5 * income",),
    }
    return Schema(**fields | changes)


def frame(**changes) -> pd.DataFrame:
    columns = {
        "debt": [0.3, np.nan, 10],
        "income": [10, 20, 99],
        "sex": ["f", "m", "f"],
        "own": [1, 0, 1],
        "rent": [0, 1, 0],
        "paid": ["no", "yes", "no"],
    }
    return pd.DataFrame(columns | changes)


def test_nothing_to_say():
    assert misfits(frame(), schema()) == []
    assert extra_columns(frame(note=1, more=2).columns, schema()) == ["note", "more"]


CASES = {
    "out of range": ({"income": [10, 20, 100]}, [(2, "column 'income'", "100")]),
    "below": ({"income": [9, 20, 99]}, [(0, "column 'income'", "9")]),
    "infinite": ({"debt": [np.inf, 0, 0]}, [(0, "column 'debt'", "inf")]),
    "no number": ({"income": ["x", 20, 30]}, [(0, "column 'income'", "'x'")]),
    "a text": ({"income": [10, "20", 30]}, [(1, "column 'income'", "'20'")]),
    "a truth value": ({"own": [True, 0, 1]}, [(0, "column 'own'", "True")]),
    "a list": ({"sex": ["f", ["f"], "m"]}, [(1, "column 'sex'", "a value of the type list")]),
    "off the grid": ({"debt": [0.25, 0, 0]}, [(0, "column 'debt'", "0.25")]),
    "no whole number": ({"income": [10, 20.5, 99]}, [(1, "column 'income'", "20.5")]),
    "missing": ({"sex": ["f", None, "m"]}, [(1, "column 'sex'", "a missing value")]),
    "no number there": ({"income": [10, np.nan, 99]}, [(1, "column 'income'", "a missing value")]),
    "unknown level": ({"sex": ["f", "x", "m"]}, [(1, "column 'sex'", "'x'")]),
    "two of a group": ({"own": [1, 1, 1]}, [(1, "group 'home'", "own and rent")]),
    "none of a group": ({"own": [0, 0, 1]}, [(0, "group 'home'", "none")]),
    "relation": (
        {"debt": [5.1, 0, 0]},
        [(0, "relation 'debt <= 0.5 * income'", "debt = 5.1, income = 10")],
    ),
    "label": ({"paid": ["no", "yes", "?"]}, [(2, "label 'paid'", "'?'")]),
    "no label": ({"paid": ["no", None, "no"]}, [(1, "label 'paid'", "a missing value")]),
    "several": (
        {"income": [0, 20, 200], "sex": ["f", "x", "m"]},
        [(0, "column 'income'", "0"), (2, "column 'income'", "200"), (1, "column 'sex'", "'x'")],
    ),
    "a relation no row satisfies": (
        {"debt": [90, np.nan, 50]},
        [(None, "relation 'debt <= 0.5 * income'", "none among 2")],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_misfit_is_named(case):
    changes, expected = case
    found = misfits(frame(**changes), schema())
    assert [(m.row, m.column, m.found) for m in found] == expected


def test_missing_columns():
    found = misfits(frame().drop(columns=["sex", "paid"]), schema())
    assert found == [
        Misfit(None, "column 'sex'", "it in the table", "none"),
        Misfit(None, "label 'paid'", "a column of this name", "none"),
    ]
    assert len(misfits(frame()[["paid"]], schema())) == 5


def test_a_row_whose_value_is_missing_breaks_no_relation_alone():
    assert misfits(frame(debt=[np.nan] * 3), schema()) == []


def test_a_relation_that_cannot_be_read():
    with pytest.raises(InputError, match="relation 'len"):
        misfits(frame(), schema(relations=("len(debt) <= 1",)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decimals_of_either_precision_are_on_the_grid(dtype):
    feature = Feature(name="x", kind="numeric", minimum=0.05, maximum=20_000.05, step=0.01)
    one = Schema(features=(feature,), label="y", classes=("0", "1"))
    values = (np.arange(5, 2_000_005, 997) / 100).astype(dtype)
    assert misfits(pd.DataFrame({"x": values, "y": 0}), one) == []
    off = pd.DataFrame({"x": np.array([1.005, 0.055], dtype), "y": 0})
    assert len(misfits(off, one)) == 2


@given(st.lists(st.floats(-1, 11), min_size=1), st.sampled_from([None, 0.5, 1, 0.125]))
def test_what_fits_is_what_encodes_and_comes_back(values, step):
    feature = Feature(name="x", kind="numeric", minimum=0, maximum=10, step=step)
    one = Schema(features=(feature,), label="y", classes=("0", "1"))
    found = {m.row for m in misfits(pd.DataFrame({"x": values, "y": 0}), one)}
    for row, value in enumerate(values):
        if -1e-5 < value < 0 or 10 < value < 10 + 1e-5:
            continue  # the end of the range, up to a rounding
        off = 0.0 if step is None else abs(value / step - round(value / step))
        if 0.9e-6 < off < 1.1e-6:
            continue  # what is forgiven, up to a rounding
        on_grid = off < 1e-6
        assert (row not in found) == (0 <= value <= 10 and on_grid)
        if row not in found:
            back = decode_values(encode_values([value], feature), feature)[0]
            assert abs(back - value) < 1e-5


@pytest.mark.parametrize(
    ("columns", "found"),
    [(["Age", "paid"], "none, but one called 'Age'"), (["pay", "paid"], "none")],
)
def test_a_column_that_is_not_there_is_told_with_the_nearest(columns, found):
    age = Feature(name="age", kind="integer", minimum=18, maximum=95)
    schema = Schema(features=(age,), label="paid", classes=("no", "yes"))
    frame = pd.DataFrame({name: [20] for name in columns}).assign(paid="no")
    (misfit,) = misfits(frame, schema)
    assert (misfit.column, misfit.found) == ("column 'age'", found)
