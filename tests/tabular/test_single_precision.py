"""Values that become one in single precision: refused where they are sensitive, else told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rafair.errors import DataFileError, InputError
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.data_doubts import doubts
from rafair.tabular.encoding import decode, decode_values, encode_values
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import infer_schema
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table
from rafair.tabular.table_from_file import read_table

N = 120
THREE = np.arange(N) % 3


def frame(values) -> pd.DataFrame:
    ages = 20 + np.arange(N) % 7
    return pd.DataFrame({"x": values, "age": ages, "ok": ["no", "yes"] * (N // 2)})


def far(values):
    """The same with a value that is far from the others."""
    return np.where(np.arange(N) < 2, 0, values)


KEPT = {
    "codes": THREE,
    "halves": THREE / 2,
    "a large constant added": 10**9 + THREE,
    "large fractions": 1e6 + THREE / 10,
    "years": 2019 + np.arange(N) / 1000,
    "fine fractions": 0.1 + THREE * 1e-9,
    "a rounding apart": np.where(THREE == 1, 0.1 + 0.2, 0.3),
    "huge numbers": THREE * 1e300,
    "single precision": (np.arange(N) % 30 / 10).astype(np.float32),
    "texts of ids": (2**60 + THREE).astype(str),
}
MERGED = {
    "ids": 2**60 + THREE,
    "unsigned ids": np.uint64(2**63) + THREE.astype(np.uint64),
    "large numbers beside a small one": far(10**9 + THREE),
    "the same as floats": far(1e9 + THREE),
    "fractions": far(1e9 + THREE / 2),
}


@pytest.mark.parametrize("values", KEPT.values(), ids=KEPT)
def test_sensitive_values_that_are_kept_apart_are_as_many_counterparts(values):
    table = Table.from_frame(frame(values), label="ok", sensitive=["x"])
    distinct = len(set(np.asarray(values).tolist()))
    assert len(table.schema["x"].domain or ()) == distinct
    assert Counterparts.of(table.schema).size == distinct == len(np.unique(table.rows[:, 0]))
    back = decode(table.rows, table.schema)["x"]
    assert back.nunique() == distinct
    if table.schema["x"].kind.is_number:
        assert back.to_numpy(float) == pytest.approx(np.asarray(values, float), rel=1e-6)


@pytest.mark.parametrize("values", MERGED.values(), ids=MERGED)
def test_sensitive_values_that_would_be_one_are_refused_wherever_a_table_is_made(values, tmp_path):
    words = "column 'x': expected values that single precision tells apart, found .* and "
    with pytest.raises(InputError, match=words + ".* which would be one value; make the column"):
        Table.from_frame(frame(values), label="ok", sensitive=["x"])
    with pytest.raises(InputError, match=words):
        infer_schema(frame(values), label="ok", sensitive=["x"])
    frame(values).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataFileError, match=words):
        read_table(tmp_path / "x.parquet", label="ok", sensitive=["x"])


@pytest.mark.parametrize("values", MERGED.values(), ids=MERGED)
def test_other_columns_of_which_hardly_anything_is_left_are_refused(values, tmp_path):
    words = "column 'x': expected values that single precision tells apart, found"
    with pytest.raises(InputError, match=words):
        Table.from_frame(frame(values), label="ok", sensitive=["age"])
    low, high = (float(end) for end in (min(values), max(values)))
    x = Feature(name="x", kind="numeric", minimum=low, maximum=high)
    age = Feature(name="age", kind="integer", minimum=0, maximum=99, sensitive=True)
    schema = Schema(features=(x, age), label="ok", classes=("no", "yes"))
    frame(values).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match=words):
        read_table(tmp_path / "x.parquet", schema=schema)
    with pytest.warns(UserWarning, match="column .x. is left out: it does not hold values that"):
        assert infer_schema(frame(values), label="ok").names == ("age",)


def test_levels_are_always_told_apart(tmp_path):
    ids = tuple(2**60 + k for k in range(3))
    x = Feature(name="x", kind="categorical", levels=ids, sensitive=True)
    schema = Schema(features=(x,), label="ok", classes=("no", "yes"))
    frame(2**60 + THREE).to_parquet(tmp_path / "x.parquet")
    frame(2**60 + THREE).to_csv(tmp_path / "x.csv", index=False)
    for ending in ("csv", "parquet"):
        table = read_table(tmp_path / f"x.{ending}", schema=schema)
        assert table.rows[:, 0].tolist() == (THREE / 2).tolist()
        assert table.schema["x"].domain == ids


def test_small_numbers_beside_a_large_one_need_a_step():
    values = np.where(np.arange(N) < 2, 9e4, THREE / 1000)
    for sensitive in ("x", "age"):
        with pytest.raises(InputError, match=r"column 'x': expected .* and 0.001"):
            Table.from_frame(frame(values), label="ok", sensitive=[sensitive])
    x = infer_schema(frame(values), label="ok", sensitive=["x"])["x"]
    assert decode_values(encode_values(values, x), x).tolist() == values.tolist()


def test_a_whole_number_that_comes_back_as_another_one_is_refused_where_it_is_sensitive():
    values = np.where(THREE == 0, 0, np.where(THREE == 1, 123_456_789, 10**9))
    with pytest.raises(InputError, match="found 123456789, which would come back as 12345679"):
        Table.from_frame(frame(values), label="ok", sensitive=["x"])
    assert Table.from_frame(frame(values), label="ok", sensitive=["age"]).rows.shape == (N, 2)


SCHEMA = """
label = "ok"
classes = ["no", "yes"]
[[feature]]
name = "x"
kind = "integer"
minimum = 0
maximum = 2000000000
sensitive = true
domain = {domain}
"""


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("[1000000000, 1000000001]", "found 1000000000 and 1000000001, which would be one value"),
        ("[0, 1, 1.0]", "domain: expected distinct values"),
        ("[0, true]", "domain: expected a number from 0 to 2000000000, got True"),
    ],
)
def test_domains_of_a_schema_file_are_looked_at(tmp_path, domain, words):
    (tmp_path / "schema.toml").write_text(SCHEMA.format(domain=domain))
    with pytest.raises(DataFileError, match=words):
        read_schema(tmp_path / "schema.toml")


def test_rows_whose_value_would_be_one_with_a_value_of_the_domain_are_refused(tmp_path):
    (tmp_path / "schema.toml").write_text(SCHEMA.format(domain="[0, 1000000000]"))
    schema = read_schema(tmp_path / "schema.toml")
    words = "found 1000000000 and 1000000001, which would be one value"
    for values, good in ((10**9 * (THREE % 2), True), (10**9 * (THREE % 2) + THREE // 2, True)):
        frame(values).to_parquet(tmp_path / "x.parquet")
        assert len(read_table(tmp_path / "x.parquet", schema=schema)) == N, good
        file = TableFile.open(tmp_path / "x.parquet", schema)
        assert len(file.block(file.reader(), 0, N).rows) == N
    frame(10**9 + THREE % 2).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataFileError, match=words):
        read_table(tmp_path / "x.parquet", schema=schema)
    file = TableFile.open(tmp_path / "x.parquet", schema)
    with pytest.raises(DataFileError, match=words):
        file.block(file.reader(), 0, N)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_value_of_the_domain_but_for_a_rounding_is_that_value(tmp_path, kind):
    x = Feature(name="x", kind="numeric", minimum=0, maximum=1, sensitive=True, domain=(0.1, 0.3))
    schema = Schema(features=(x,), label="ok", classes=("no", "yes"))
    values = np.where(THREE == 1, 0.1 + 0.2, 0.1).astype(kind)
    frame(values).to_parquet(tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet", schema=schema)
    assert (Counterparts.of(table.schema).own_index(table.rows) >= 0).all()
    file = TableFile.open(tmp_path / "x.parquet", schema)
    assert len(file.block(file.reader(), 0, N).rows) == N


def test_a_range_longer_than_any_number_is_refused(tmp_path):
    values = np.where(THREE == 1, -1.7e308, 1.7e308)
    words = "expected a range no longer than the largest number, found -1.7e.308 to 1.7e.308"
    for make in (Table.from_frame, infer_schema):
        with pytest.raises(InputError, match=f"column 'x': {words}"):
            make(frame(values), label="ok", sensitive=["age"])
    numbers = SCHEMA.replace("integer", "numeric").replace("= 0", "= -1.7e308")
    numbers = numbers.replace("2000000000", "1.7e308").replace("domain = {domain}", "")
    (tmp_path / "schema.toml").write_text(numbers)
    with pytest.raises(DataFileError, match=f"feature 'x': {words}"):
        read_schema(tmp_path / "schema.toml")


def test_counterparts_of_a_schema_made_by_hand_are_kept_apart():
    x = Feature(
        name="x", kind="integer", minimum=0, maximum=2e9, sensitive=True, domain=(10**9, 10**9 + 1)
    )
    with pytest.raises(InputError, match="which would be one value"):
        Counterparts.of(Schema(features=(x,), label="ok", classes=("no", "yes")))


@pytest.mark.parametrize(
    ("low", "span"), [(0, 1), (2019, 0.5), (1e6, 1), (-1e9, 3), (1e-9, 1e-12), (5e5, 100)]
)
def test_numbers_without_a_step_come_back_to_six_digits_of_their_range(low, span):
    feature = Feature(name="x", kind="numeric", minimum=low, maximum=low + span)
    values = low + span * np.linspace(0, 1, 1001)
    back = decode_values(encode_values(values, feature), feature)
    # or, where the values are long beside their range, to what double precision holds of them
    slack = 5e-5 * span + 4 * np.spacing(abs(low) + span)
    assert np.abs(back - values).max() <= slack


def test_different_values_that_are_lost_are_told_of_numbers_with_few_decimals():
    generator = np.random.default_rng(0)
    cents = np.round(generator.uniform(1e4, 9e4, 20_000), 2)
    people = pd.DataFrame({"pay": cents, "score": generator.random(20_000)})
    people["sex"], people["ok"] = generator.integers(0, 2, (2, 20_000))
    [said] = doubts(Table.from_frame(people, label="ok", sensitive=["sex"]))
    assert said.startswith("column 'pay': ")
    assert f"of {len(set(cents)):,} different values are lost in single precision, such as" in said
    rounded = people.assign(pay=np.round(cents, 1))
    assert doubts(Table.from_frame(rounded, label="ok", sensitive=["sex"])) == []
