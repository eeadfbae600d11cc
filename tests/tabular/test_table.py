from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafair.errors import InputError, RafairWarning
from rafair.tabular.encoding import decode, encode
from rafair.tabular.perturbation import PerturbationSet, per_feature
from rafair.tabular.sampling import sample_instances
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [20, 35, 50, 41],
            "wage": [1.5, 2.5, 9.5, 4.0],
            "job": ["cook", "smith", "cook", "weaver"],
            "member": [True, False, True, True],
            "sex": ["f", "m", "m", "f"],
            "paid": ["yes", "no", "yes", "yes"],
        }
    )


def test_infers_kinds_levels_and_domains():
    table = Table.from_frame(frame(), label="paid", sensitive=["sex", "age"])
    kinds = {feature.name: str(feature.kind) for feature in table.schema.features}
    assert kinds == {
        "age": "integer",
        "wage": "numeric",
        "job": "categorical",
        "member": "boolean",
        "sex": "categorical",
    }
    assert table.schema["sex"].domain == ("f", "m")
    assert table.schema["age"].domain == (20, 35, 41, 50)
    assert table.schema["job"].levels == ("cook", "smith", "weaver")
    assert table.schema.classes == ("no", "yes")
    assert table.labels.tolist() == [1, 0, 1, 1]


def test_encoding_is_min_max_and_codes_over_levels():
    rows = Table.from_frame(frame(), label="paid", sensitive=["sex"]).rows
    assert rows.dtype == np.float32
    assert rows[:, 0].tolist() == [0, 0.5, 1, np.float32(0.7)]
    assert rows[:, 2].tolist() == [0, 0.5, 0, 1]
    assert rows[:, 3].tolist() == [1, 0, 1, 1]


def test_decoding_undoes_encoding():
    table = Table.from_frame(frame(), label="paid", sensitive=["sex"])
    back = decode(table.rows, table.schema)
    assert back["job"].tolist() == frame()["job"].tolist()
    assert back["member"].tolist() == frame()["member"].tolist()
    np.testing.assert_allclose(back["wage"], frame()["wage"])
    np.testing.assert_allclose(back["age"], frame()["age"])


@given(st.floats(0, 1), st.integers(2, 9))
def test_decoding_takes_the_nearest_level(code, n):
    levels = tuple(f"l{i}" for i in range(n))
    feature = Feature(name="x", kind="ordinal", levels=levels)
    schema = Schema(features=(feature,), label="y", classes=("a", "b"))
    found = decode(np.float32([[code]]), schema)["x"][0]
    distances = [abs(np.float32(code) - i / (n - 1)) for i in range(n)]
    assert distances[levels.index(found)] <= min(distances) + 1e-6


def test_a_constant_feature_is_encoded_as_zero():
    table = Table.from_frame(frame().assign(wage=3.0), label="paid", sensitive=["sex"])
    assert (table.rows[:, 1] == 0).all()


def test_gaps_are_kept_and_whole_numbers_beside_them_stay_whole():
    gaps = {"age": [20, None, 50, 41], "job": ["cook", None, "cook", "smith"]}
    table = Table.from_frame(frame().assign(**gaps), label="paid", sensitive=["sex"])
    age, job = table.schema["age"], table.schema["job"]
    assert (str(age.kind), age.missing, job.missing) == ("integer", True, True)
    assert job.levels == ("cook", "smith")
    assert not table.schema["wage"].missing
    columns = [table.schema.column(name) for name in ("age", "job")]
    assert (table.rows[:, columns] == -1).sum(axis=1).tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": [None] * 4}, "column 'age': expected values, found none"),
        ({"age": [20, None, np.inf, 41]}, "column 'age', row 2: expected a finite value"),
        ({"wage": [1, np.inf, 2, 3]}, "column 'wage', row 1: expected a finite value"),
        ({"paid": ["yes"] * 4}, "label 'paid': expected two or more classes, found 1"),
        (
            {"paid": ["yes", None, "no", "no"]},
            "label 'paid', row 1: expected a class, found a missing value",
        ),
    ],
)
def test_bad_values_are_named(change, words):
    with pytest.raises(InputError, match=words):
        _ = Table.from_frame(frame().assign(**change), label="paid", sensitive=["sex"]).rows


@pytest.mark.parametrize("value", [19, 51, np.nan, "old"])
def test_values_outside_the_schema_are_named(value):
    schema = Table.from_frame(frame(), label="paid", sensitive=["sex"]).schema
    changed = frame().astype({"age": object})
    changed.loc[2, "age"] = value
    with pytest.raises(InputError, match="column 'age', row 2: expected a number from 20 to 50"):
        encode(changed, schema)


def test_unknown_level_is_named():
    schema = Table.from_frame(frame(), label="paid", sensitive=["sex"]).schema
    with pytest.raises(InputError, match="row 0: expected one of cook, smith, weaver, got 'king'"):
        encode(frame().assign(job="king"), schema)


def test_split_is_stratified_and_shares_the_schema():
    big = pd.concat([frame()] * 25, ignore_index=True)
    table = Table.from_frame(big, label="paid", sensitive=["sex"])
    train, test = table.split(seed=3)
    assert (len(train), len(test)) == (80, 20)
    assert test.labels.mean() == pytest.approx(0.75)
    assert train.schema is table.schema
    again, _ = table.split(seed=3)
    assert again.sha256 == train.sha256


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.floats(0.01, 1),
)
def test_projection_is_the_nearest_allowed_row(centre, wild, epsilon):
    box = PerturbationSet(np.float32([epsilon, 0, epsilon]))
    centre, wild = np.float32([centre]), np.float32([wild])
    found = box.project(wild, centre)
    lower, upper = box.bounds(centre)
    assert ((lower <= found) & (found <= upper)).all()
    assert found[0, 1] == centre[0, 1]
    assert np.abs(found - centre).max() <= np.float32(epsilon) + 1e-6
    assert np.array_equal(box.project(found, centre), found)
    inside = (lower <= wild) & (wild <= upper)
    assert np.array_equal(found[inside], wild[inside])


def test_sizes_by_name():
    schema = Table.from_frame(frame(), label="paid", sensitive=["sex"]).schema
    wage = schema["wage"]
    share = wage.scale / (wage.maximum - wage.minimum)
    assert per_feature("step_size", {"wage": 0.1}, schema).tolist() == pytest.approx(
        [0, 0.1 * share, 0, 0, 0]
    )
    with pytest.raises(InputError, match="unknown feature 'wages': did you mean 'wage'"):
        per_feature("step_size", {"wages": 0.1}, schema)
    with pytest.raises(InputError, match="step_size of 'wage': expected a number above 0 up to 1"):
        per_feature("step_size", {"wage": -1}, schema)


def test_nothing_to_move_is_refused():
    schema = Table.from_frame(frame(), label="paid", sensitive=["sex"]).schema
    with pytest.raises(InputError, match="at least one feature that may move"):
        PerturbationSet.of(schema, {"sex": 0.2})


@given(st.integers(1, 60), st.integers(0, 5))
def test_samples_are_proportional_to_clusters(size, seed):
    corners = np.eye(4, dtype=np.float32)
    rows = np.repeat(corners, [37, 23, 11, 9], axis=0)
    drawn = sample_instances(rows, size, seed)
    assert len(drawn) == size == len(set(drawn.tolist()))
    counts = rows[drawn].sum(axis=0)
    shares = np.array([37, 23, 11, 9]) * size / 80
    assert (np.abs(counts - shares) < 1).all()


def test_samples_change_with_the_seed_only():
    rows = np.random.default_rng(0).random((300, 4), dtype=np.float32)
    first, again, other = (sample_instances(rows, 40, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(sample_instances(rows, 400, 0), np.arange(300))


def test_rows_keep_the_number_they_had_in_the_callers_frame():
    big = pd.concat([frame()] * 25, ignore_index=True).assign(
        wage=lambda f: np.arange(len(f)) + 0.5
    )
    table = Table.from_frame(big, label="paid", sensitive=["sex"])
    _, test = table.split(seed=3)
    assert np.array_equal(big["wage"].to_numpy()[test.row_numbers], test.frame["wage"])
    assert np.array_equal(test.take(np.array([3, 1])).row_numbers, test.row_numbers[[3, 1]])
    assert np.array_equal(test.renumbered().row_numbers, np.arange(20))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.rename(columns={"age": 7}), "column 7: expected a text as its name"),
        (
            lambda f: f.assign(job=[[1], [2], [3], [4]]),
            "column 'job', row 0: expected numbers, .* found a value of the type list",
        ),
        (
            lambda f: f.assign(sex=pd.date_range("2020-01-01", periods=4)),
            "column 'sex', row 0: .* found times",
        ),
        (
            lambda f: f.assign(job=1j),
            "column 'job', row 0: expected numbers, .* of the type complex",
        ),
        (lambda f: "loans.csv", "expected a frame of pandas, polars or pyarrow, got str"),
        (lambda f: pd.concat([f] * 30).assign(paid=np.arange(120) / 7), "120 distinct values"),
    ],
)
def test_what_is_no_table_is_named(change, words):
    with pytest.raises(InputError, match=words):
        Table.from_frame(change(frame()), label="paid", sensitive=["sex"])


def test_names_among_the_features_are_doubted():
    big = pd.concat([frame()] * 25, ignore_index=True).assign(
        job=lambda f: "id" + f.index.astype(str)
    )
    with pytest.warns(RafairWarning, match="column 'job' holds another text in most rows"):
        Table.from_frame(big, label="paid", sensitive=["sex"])
