"""Opaque columns come back as they were, never move, and are refused where they cannot work."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rafair
from rafair.errors import InputError, ModelError, RafairWarning
from rafair.models.raw_inputs import raw_frame
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema, write_schema
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table
from rafair.tabular.table_from_file import read_table

N = 60


def schema_of(**fields) -> Schema:
    return Schema(
        features=(
            Feature(name="case", kind="opaque", **fields),
            Feature(
                name="sex", kind="categorical", levels=("f", "m"), sensitive=True, domain=("f", "m")
            ),
            Feature(name="pay", kind="integer", minimum=0, maximum=N),
        ),
        label="ok",
        classes=("no", "yes"),
    )


def frame(case) -> pd.DataFrame:
    others = {"sex": ["f", "m"] * (N // 2), "pay": np.arange(N) % 7, "ok": ["no", "yes"] * (N // 2)}
    return pd.DataFrame({"case": case, **others})


def table_of(case, **fields) -> Table:
    whole = frame(case)
    return Table(whole.drop(columns="ok"), np.arange(N) % 2, schema_of(**fields))


VALUES = {
    "texts": [f"case {i % 50} ü" for i in range(N)],
    "whole numbers": np.arange(N) * 10**15 + 2**53 - 1,
    "beyond int64": pd.Series(np.arange(N, dtype=np.uint64) + np.uint64(2**63)),
    "fractions": np.random.default_rng(0).random(N),
    "truth values": np.arange(N) % 3 == 0,
    "times": pd.date_range("2020-01-01", periods=N, freq="s", unit="ns"),
    "times elsewhere": pd.date_range("2020-01-01", periods=N, tz="Asia/Tokyo"),
    "spans": pd.to_timedelta(np.arange(N), unit="h"),
    "dates": [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(N)],
    "one value": ["x"] * N,
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_what_is_opaque_comes_back_exactly_with_its_type(values):
    table = table_of(values)
    assert ((table.rows >= 0) & (table.rows <= 1)).all()
    back = raw_frame(table.rows, table.schema)["case"]
    expected = pd.Series(values, name="case")
    pd.testing.assert_series_equal(back, expected)
    assert raw_frame(table.rows[7:8], table.schema)["case"].dtype == expected.dtype
    some = table.take(np.array([5, 3]))
    assert (raw_frame(some.rows, some.schema)["case"].tolist()) == expected[[5, 3]].tolist()


@pytest.mark.parametrize("name", ["texts", "fractions", "times"])
def test_what_is_missing_stays_missing(name):
    values = pd.Series(VALUES[name])
    values[3] = None
    table = table_of(values, missing=True)
    assert table.rows[3, 0] == -1
    pd.testing.assert_series_equal(
        raw_frame(table.rows, table.schema)["case"], values.rename("case")
    )
    assert raw_frame(table.rows[3:4], table.schema)["case"].dtype == values.dtype
    with pytest.raises(InputError, match=r"column 'case', row 3: expected .* got a missing value"):
        _ = table_of(values).rows


def test_a_hundred_thousand_values_come_back():
    values = np.random.default_rng(0).permutation(10**5)
    pay = Feature(name="case", kind="opaque")
    table = Table(
        pd.DataFrame({"case": values}),
        np.zeros(len(values), np.int64),
        Schema(features=(pay,), label="ok", classes=("no", "yes")),
    )
    assert (raw_frame(table.rows, table.schema)["case"] == values).all()


def test_values_are_written_nowhere_and_travel_with_the_table():
    table = table_of(VALUES["texts"])
    assert table.schema["case"].levels is not None
    assert table.schema.model_dump(mode="json")["features"][0]["levels"] is None
    assert "case 1" not in table.schema.model_dump_json() + write_schema(table.schema)
    assert pickle.loads(pickle.dumps(table)).schema == table.schema
    other = table_of([f"other {i}" for i in np.argsort(np.argsort(VALUES["texts"]))])
    same = table_of(VALUES["texts"])
    assert same.sha256 == table.sha256 != other.sha256


def test_nothing_moves_it():
    schema = table_of(VALUES["texts"]).schema
    for made in (PerturbationSet.of, FeasibleSet.of):
        for epsilon in (0.5, {"case": 1.0, "pay": 0.5}):
            box = made(schema, epsilon, perturb_sensitive=True)
            assert not box.movable[0]
            assert all(0 not in category.columns for category in box.categories)


def test_a_schema_file_says_it_in_a_word(tmp_path):
    path = tmp_path / "schema.toml"
    path.write_text(write_schema(schema_of(missing=True)))
    assert read_schema(path) == schema_of(missing=True)
    assert 'kind = "opaque"\nimmutable = true\nmissing = true' in path.read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sensitive = true", "expected a sensitive feature of another kind than opaque"),
        ("immutable = false", "immutable: expected true for the kind 'opaque'"),
        ('levels = ["a"]', "levels: expected not to be given for the kind 'opaque'"),
        ("minimum = 0", "minimum: expected not to be given for the kind 'opaque'"),
        ('group = "g"', "group: expected not to be given for the kind 'opaque'"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path, line, words):
    path = tmp_path / "schema.toml"
    path.write_text(
        'label = "ok"\nclasses = ["no", "yes"]\n[[feature]]\nname = "case"\nkind = "opaque"\n'
        + line
    )
    with pytest.raises(InputError, match=words) as caught:
        read_schema(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_dropped_column_is_no_feature_whether_it_is_there_or_not(tmp_path, ending):
    path = tmp_path / "schema.toml"
    text = write_schema(schema_of())
    path.write_text(
        text + '\n[[feature]]\nname = "note"\ndrop = true\n[[feature]]\nname = "x"\n'
        'kind = "integer"\nminimum = 0\nmaximum = 1\ndrop = true\n'
    )
    schema = read_schema(path)
    assert schema == schema_of()
    data = tmp_path / f"people.{ending}"
    for whole in (frame(VALUES["texts"]), frame(VALUES["texts"]).assign(note="n")):
        whole.to_csv(data, index=False) if ending == "csv" else whole.to_parquet(data)
        assert read_table(data, schema=schema).schema.names == ("case", "sex", "pay")
    path.write_text(text + '\n[[feature]]\nname = "note"\ndrop = true\nsensitive = true\n')
    with pytest.raises(InputError, match="'note': drop: expected of a feature that is not sens"):
        read_schema(path)


def test_what_cannot_be_opaque_is_named():
    with pytest.raises(InputError, match="column 'case': expected values of one kind"):
        table_of(["a", 1] * (N // 2))
    with pytest.raises(InputError, match=r"column 'case', row 0: expected .* of the type list"):
        table_of([[1]] * N)
    with pytest.raises(InputError, match="sensitive: expected no opaque feature, got 'case'"):
        read_table("none.csv", schema=schema_of(), sensitive=["case"])


def test_immutable_columns_are_named_beside_those_of_a_schema(tmp_path):
    frame(VALUES["texts"]).to_csv(tmp_path / "people.csv", index=False)
    table = read_table(tmp_path / "people.csv", schema=schema_of(), immutable=["pay"])
    assert [feature.mutable for feature in table.schema.features] == [False, True, False]
    with pytest.raises(InputError, match="unknown feature 'payy'"):
        read_table(tmp_path / "people.csv", schema=schema_of(), immutable=["payy"])


def test_a_stream_is_refused(tmp_path):
    frame(VALUES["texts"]).to_parquet(tmp_path / "people.parquet")
    with pytest.raises(InputError, match="'case': expected no opaque feature where a file is stre"):
        TableFile.open(tmp_path / "people.parquet", schema_of())


def test_a_model_that_takes_codes_is_refused(tmp_path):
    table = table_of(VALUES["texts"])
    with pytest.raises(ModelError, match="takes encoded rows, in which the opaque feature 'case'"):
        rafair.audit(lambda rows: rows[:, 2:] - 0.5, table, attacks=(), out=tmp_path / "run")


def test_a_function_of_raw_rows_is_given_the_values(tmp_path):
    table = table_of(VALUES["times"])
    seen = set()

    def model(rows: pd.DataFrame) -> np.ndarray:
        seen.update(rows["case"])
        assert str(rows["case"].dtype) == "datetime64[ns]"
        return (rows["pay"] - 3.0).to_numpy()

    audit = rafair.audit(
        model, table, model_input="raw", steps=2, attacks=("rafair",), out=tmp_path / "run"
    )
    assert seen == set(VALUES["times"])
    rows = audit.adversarial
    expected = pd.Series(VALUES["times"]).astype(str)[rows["instance"]].to_numpy()
    assert (rows["raw.case"] == expected).all()
    assert rows["raw.case"][0] == "2020-01-01 00:00:00"


def test_frames_of_one_s_own_get_opaque_columns_with_a_warning():
    with pytest.warns(RafairWarning, match="column 'case' holds dates; the model is given it as"):
        table = Table.from_frame(
            frame([f"{1 + i % 28}.02.2024" for i in range(N)]), label="ok", sensitive=["sex"]
        )
    assert table.schema["case"].is_opaque
    arrow = pa.table(frame(VALUES["texts"])).set_column(
        0, "case", pa.array(VALUES["dates"], pa.date32())
    )
    with pytest.warns(RafairWarning, match="column 'case' holds times"):
        table = Table.from_frame(arrow, label="ok", sensitive=["sex"])
    assert raw_frame(table.rows, table.schema)["case"].tolist() == VALUES["dates"]
