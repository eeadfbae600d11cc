"""Proposals of a schema: what is seen is proposed, can be read again, and fits the same table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rafair.errors import InputError
from rafair.tabular.level_orders import likely_order
from rafair.tabular.likely_one_hot import find_groups
from rafair.tabular.schema_check import misfits
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import propose

N = 60


def column(values) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def proposed(values):
    """The feature of one column, and its comments in one text."""
    proposal = propose(column(values))
    (feature,) = proposal.features
    return feature, "; ".join(proposal.notes["x"])


def test_whole_numbers():
    feature, said = proposed([3, 40, 7, 7])
    assert (feature.kind, feature.minimum, feature.maximum, feature.grid) == ("integer", 3, 40, 1)
    assert said == "seen: 3 to 40, 3 different values in 4 rows"


def test_whole_numbers_with_a_gap():
    feature, said = proposed([3, np.nan, 7])
    assert (feature.kind, feature.missing) == ("integer", True)
    assert "missing in 1 of 3 rows" in said


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.1, 0.35], 0.01),
        ([1.5, 2], 0.1),
        ([1 / 3, 2], None),
        ([0.00001, 1], None),
        (np.float32([0.1, 0.35]), 0.01),
        ([1234567.0001, 2], 0.0001),
    ],
)
def test_the_step_is_that_of_the_decimals(values, step):
    feature, _ = proposed(values)
    assert (feature.kind, feature.step) == ("numeric", step)


def test_what_all_numbers_are_multiples_of():
    assert "all are 17.5 plus a multiple of 0.5" in proposed([17.5, 22, 27])[1]
    assert "all are 100 plus a multiple of 50" in proposed([100, 250, 300])[1]


def test_more_steps_than_single_precision_tells_apart():
    assert "steps: above 4,194,304" in proposed([0, 41_943.05])[1]
    assert "steps: above" not in proposed([0, 41_943.04])[1]


@pytest.mark.parametrize("gap", [[], [np.nan]])
def test_zero_and_one_are_truth_values(gap):
    feature, said = proposed([0, 1, 1, *gap])
    assert (feature.kind, feature.levels, feature.missing) == ("boolean", (0, 1), bool(gap))
    assert said.startswith("seen: 1 (2), 0 (1)")


def test_two_other_whole_numbers_are_truth_values_where_rows_are_many_enough():
    assert proposed([1, 2] * 5)[0].levels == (1, 2)
    assert proposed([1, 2])[0].kind == "integer"
    assert proposed([0.5, 1] * 5)[0].kind == "numeric"


def test_truth_values():
    feature, said = proposed([True, False, True])
    assert (feature.kind, feature.levels) == ("boolean", (False, True))
    assert said == "seen: True (2), False (1)"
    assert proposed([True, None, True])[0].levels == (False, True)


def test_yes_and_no_are_two_levels():
    feature, _ = proposed(["yes", "no"])
    assert (feature.kind, feature.levels) == ("categorical", ("no", "yes"))


def test_texts_that_may_stand_for_a_missing_value_are_asked_about():
    feature, said = proposed(["clerk", "?", "cook", "?"])
    assert feature.levels == ("?", "clerk", "cook")
    assert "'?' in 2 rows: missing? then leave it empty" in said
    assert "missing?" not in proposed(["clerk", "cook", "smith"])[1]


def test_codes_are_only_suspected():
    feature, said = proposed([1, 2, 3, 4, 5] * 3)
    assert feature.kind == "integer"
    assert "levels = [1, 2, 3, 4, 5]" in said
    assert "codes" not in proposed([1, 2, 3, 5] * 3)[1]
    assert "codes" not in proposed(range(1, 30))[1]


@pytest.mark.parametrize(
    "order",
    [
        ("low", "medium", "high"),
        ("Low", "Moderate", "Very High"),
        ("never", "rarely", "often"),
        ("< 25", "25-39", "40+"),
        ("18-24", "25-34", "100 and more"),
        ("<1", "1 to 4", ">= 7"),
        ("S", "M", "XL"),
        ("1st year", "2nd year", "10th year"),
        ("0 - 1,000 EUR", "1,000 - 20,000 EUR", "20,000 - 100,000 EUR"),
    ],
)
def test_orders_are_suggested(order):
    assert likely_order(sorted(order, reverse=True)) == list(order)
    feature, said = proposed(order)
    assert feature.kind == "categorical"
    assert "these levels look ordered" in said


@pytest.mark.parametrize(
    "levels",
    [
        ("cook", "smith"),
        ("low", "cook"),
        ("a", "b"),
        ("type A 7", "type B 6"),
        ("1", "2"),
        ("m", "f"),
    ],
)
def test_no_order_is_seen_where_there_is_none(levels):
    assert likely_order(levels) is None


def test_bands_with_words_before_them_are_suspected():
    assert "numbers in the levels: bands?" in proposed(["up 4 to 7", "at 1 to 4", "none"])[1]


def test_numbers_with_marks_for_what_is_missing():
    feature, said = proposed(["1", "2", "3", "?"])
    assert feature.kind == "categorical"
    assert "numbers but for 1 values, such as '?'" in said


def test_what_looks_like_names():
    for values, words in (
        ([f"person {i} of many" for i in range(90)], "a name or free text: given to the model as"),
        (np.arange(1000, 1090), "as numbers of cases have: given to the model as it is"),
        (np.arange(90)[::-1] ** 2, "as numbers of cases have"),
        (["2024-02-29", "2024-03-01"], "dates: given"),
        (["29.2.2024", None], "dates: given"),
        (["2/29/24 12:30"], "dates: given"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "times: given"),
    ):
        feature, said = proposed(values)
        assert (feature.kind, feature.mutable, feature.levels) == ("opaque", False, None)
        assert words in said
    amounts = np.random.default_rng(0).choice(10**6, 90, replace=False)
    assert proposed(amounts)[0].kind == "integer"
    assert "is it a number of a case?" in proposed(amounts)[1]
    by_name = pd.DataFrame({"case_no": amounts})
    assert propose(by_name).features[0].kind == "opaque"
    assert propose(by_name, sensitive=["case_no"]).features[0].kind == "integer"
    assert "one value only" in proposed(["a", "a"])[1]
    assert "one value only" in proposed([1, 1])[1]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None, None], "no value was seen in it"),
        ([np.inf, -np.inf], "it holds infinities only"),
        ([[1], [2]], "it holds values of the type list"),
    ],
)
def test_columns_that_are_left_out(values, why):
    proposal = propose(column(values).assign(y=[1, 2]), "y")
    assert proposal.features == ()
    assert why in proposal.left_out[0]
    dropped = f"[[feature]]\n# column 'x' is left out: {why}\nname = \"x\"\ndrop = true\n"
    assert propose(column(values)).text().endswith(dropped)
    with pytest.raises(InputError, match="sensitive column 'x': expected levels or numbers"):
        propose(column(values).assign(y=[1, 2]), "y", ["x"])


def test_infinities_are_counted():
    feature, said = proposed([1.0, 2.0, np.inf])
    assert feature.maximum == 2
    assert "infinite in 1 row," in said


def one_hot() -> pd.DataFrame:
    jobs = pd.Series(["cook", "smith", "fisher"] * 20)
    frame = pd.get_dummies(jobs, prefix="job_type", dtype=int)
    frame["sex=f"] = np.arange(N) % 2 == 0
    frame["sex=m"] = np.arange(N) % 2 == 1
    return frame.assign(job_since=np.arange(N) % 2, home_own=0, home_rent=0, lone_x=1)


def test_one_hot_groups_are_found():
    groups = find_groups(one_hot())
    jobs = dict.fromkeys(["job_type_cook", "job_type_fisher", "job_type_smith"], "job_type")
    assert groups == jobs | {"sex=f": "sex", "sex=m": "sex"}
    broken = one_hot()
    broken.loc[3, "job_type_cook"] = 1 - broken.loc[3, "job_type_cook"]
    assert find_groups(broken) == {"sex=f": "sex", "sex=m": "sex"}


def test_one_hot_groups_become_truth_values():
    frame = one_hot().assign(paid=["no", "yes"] * 30)
    proposal = propose(frame, "paid")
    kinds = {feature.name: feature for feature in proposal.features}
    assert (kinds["job_type_cook"].kind, kinds["job_type_cook"].levels) == ("boolean", (0, 1))
    assert kinds["sex=f"].levels == (False, True)
    assert kinds["sex=f"].group == "sex"
    assert (kinds["job_since"].kind, kinds["job_since"].group) == ("boolean", None)
    with pytest.raises(InputError, match="sensitive column 'sex=f': expected in no one-hot group"):
        propose(frame, "paid", ["sex=f"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "z"}, "unknown column 'z'"),
        ({"label": "y", "sensitive": ["z"]}, "unknown column 'z'"),
        ({"label": "y", "sensitive": ["y"]}, "as label or as sensitive, not as both"),
        ({"label": "gap"}, "label 'gap', row 1: expected a class, found a missing value"),
        ({"label": "one"}, "label 'one': expected two or more classes, found 1"),
        ({"label": "many"}, "label 'many': expected at most 100 classes, found 120"),
    ],
)
def test_wrong_columns(options, words):
    frame = pd.DataFrame({"y": [0, 1] * 60, "one": 1, "many": range(120)})
    frame["gap"] = frame["y"].where(frame.index != 1)
    with pytest.raises(InputError, match=words):
        propose(frame, **options)


VALUES = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(-1e9, 1e9).map(lambda x: round(x, 3)),
    st.floats(-1e9, 1e9),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
)


@st.composite
def frames(draw):
    n = draw(st.integers(2, 6))
    kinds = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    columns = {}
    for place, kind in enumerate(kinds):
        one = VALUES.element_strategies[kind]
        gap = draw(st.booleans())
        values = draw(st.lists(st.none() | one if gap else one, min_size=n, max_size=n))
        name = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
        columns[f"{name}{place}"] = values
    return pd.DataFrame(columns).assign(label=np.arange(n) % 2)


@settings(max_examples=200, deadline=None)
@given(frames())
@example(frame=pd.DataFrame({"0": [134217728.99999988] * 2, "label": [0, 1]}))
def test_a_proposal_is_read_again_and_fits(tmp_path_factory, frame):
    path = tmp_path_factory.getbasetemp() / "proposed.toml"
    proposal = propose(frame, "label")
    if not proposal.features:
        return
    path.write_text(proposal.text(), encoding="utf-8", newline="")
    schema = read_schema(path)
    assert schema.features == proposal.features
    assert misfits(frame, schema) == []


def test_a_proposal_without_label_is_read_once_it_is_named(tmp_path):
    path = tmp_path / "schema.toml"
    text = propose(one_hot().assign(paid=["no", "yes"] * 30)).text()
    assert '# label = "..."' in text
    assert "# sensitive = true" in text
    path.write_text(text.replace('# label = "..."', 'label = "paid"'))
    schema = read_schema(path)
    assert schema.classes == ("no", "yes")
    assert "paid" not in schema.names
    path.write_text(text)
    assert read_schema(path, label="paid") == schema


def test_columns_whose_categories_were_counted_by_pandas(tmp_path):
    frame = pd.DataFrame({"label": ["a", "b", "a"], "paid": ["no", "yes", "no"]}).astype("category")
    frame["paid"] = frame["paid"].cat.add_categories("never")
    proposal = propose(frame, "paid")
    assert proposal.classes == ("no", "yes")
    assert proposal.features[0].levels == ("a", "b")
    lines = proposal.text().splitlines()
    assert lines[lines.index('label = "paid"') - 1].startswith("# seen: no: 2 rows, yes: 1 rows")
    assert lines[lines.index('name = "label"') - 1].startswith("# seen: 2 different values")


def test_outliers_and_what_stands_for_nothing_are_told():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "savings": [95_000, *draw.integers(0, 2_000, 99)],
            "months": [*draw.integers(1, 60, 97), 999_999, 999_999, 999_999],
            "balance": [*draw.normal(0, 1, 99).round(2), -99.0],
            "score": draw.integers(0, 99, 100),
            "y": ["a", "b"] * 50,
        }
    )
    notes = propose(frame, "y").notes
    assert any("1 value lies far outside, up to 95000" in said for said in notes["savings"])
    assert any(said.startswith("999999 in 3 rows, apart from all") for said in notes["months"])
    assert any(said.startswith("-99 in 1 row, apart from all") for said in notes["balance"])
    assert not any("far outside" in said or "apart from" in said for said in notes["score"])


def test_a_column_that_is_a_function_of_another_is_told():
    draw = np.random.default_rng(0)
    people = draw.integers(1, 5_000, 200)
    frame = pd.DataFrame({"people": people, "logpeople": np.log(people), "turned": 1 / people**0.3})
    frame["other"] = draw.normal(0, 1, 200)
    frame["y"] = ["a", "b"] * 100
    notes = propose(frame, "y").notes
    for name in ("logpeople", "turned"):
        assert any("same order as 'people' in all 200 rows" in said for said in notes[name])
    assert not any("same order" in said for said in (*notes["other"], *notes["people"]))
