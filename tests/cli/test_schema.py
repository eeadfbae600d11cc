"""`rafair schema infer` and `rafair schema check` on real tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.datasets import fair

import rafair as package
from commands import call, rafair
from rafair.tabular.encoding import decode
from rafair.tabular.schema_file import read_schema
from rafair.tabular.table_from_file import read_table


def write(name: str, folder: Path) -> Path:
    """A data set as a file of one's own."""
    table = package.load_dataset(name).table
    classes = np.array(table.schema.classes)[table.labels]
    path = folder / f"{name}.csv"
    table.frame.assign(**{table.schema.label: classes}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "affairs",
        pytest.param("adult", marks=pytest.mark.data),
        pytest.param("credit", marks=pytest.mark.data),
        pytest.param("bank", marks=pytest.mark.data),
        pytest.param("compas", marks=pytest.mark.data),
    ],
)
def test_what_is_proposed_describes_the_data(name, tmp_path):
    table = package.load_dataset(name).table
    path, label = write(name, tmp_path), table.schema.label
    sensitive = ",".join(table.schema.sensitive)
    done = rafair("schema", "infer", path, "--label", label, "--sensitive", sensitive)
    assert done.err == ""
    (tmp_path / "schema.toml").write_text(done.out)
    schema = read_schema(tmp_path / "schema.toml")
    assert schema.names == table.schema.names
    assert set(schema.classes) == set(table.schema.classes)
    assert schema.sensitive == table.schema.sensitive
    for feature, known in zip(schema.features, table.schema.features, strict=True):
        if feature.kind == "boolean" and known.kind.is_number:  # two numbers, as 1 and 2
            assert set(feature.levels) == {known.minimum, known.maximum}
            continue
        assert feature.kind.is_number == known.kind.is_number
        assert (feature.minimum, feature.maximum) == (known.minimum, known.maximum)
        assert set(feature.levels or ()) == set(known.levels or ())
    done = rafair("schema", "check", tmp_path / "schema.toml", path)
    assert done.out == f"all {len(table):,} rows are as the schema says\n"
    read = read_table(path, schema=schema)
    assert read.frame.astype(str).equals(table.frame.astype(str))
    assert (decode(read.rows, read.schema) == read.frame).all(axis=None)
    for own, known in zip(read.schema.features, table.schema.features, strict=True):
        assert set(own.domain or ()) == set(known.domain or ())


def test_comments_say_what_was_seen(tmp_path):
    done = rafair("schema", "infer", write("affairs", tmp_path), "--label", "affairs")
    for words in (
        "# seen: affair: 2,053 rows, no affair: 4,313 rows; a class's place",
        "# seen: 17.5 to 42, 6 different values in 6,366 rows",
        '# these levels look ordered; if so: kind = "ordinal", levels = ["very poor", "poor", ',
        "# sensitive = true    # in at least one [[feature]]: none is sensitive yet",
    ):
        assert words in done.out
    assert done.err == "not said: --sensitive; the schema has a commented line for each\n"


def test_codes_of_the_raw_survey(tmp_path):
    path = tmp_path / "fair.parquet"
    fair.load_pandas().data.to_parquet(path)
    done = rafair("schema", "infer", path)
    assert done.err.startswith("not said: --label and --sensitive")
    assert done.out.count("codes of levels? then, without a range: levels = [1, 2, 3, 4, 5") == 3
    (tmp_path / "schema.toml").write_text(done.out)
    schema = read_schema(tmp_path / "schema.toml", label="religious")
    assert schema.classes == ("1", "2", "3", "4")
    assert len(schema) == 8


def test_infer_as_json(tmp_path):
    path = write("affairs", tmp_path)
    done = rafair("schema", "infer", path, "--label", "affairs", "--json", "-")
    document = json.loads(done.out)
    assert document["label"] == "affairs"
    assert document["features"][1]["minimum"] == 17.5
    assert document["notes"]["age"]
    text = rafair("schema", "infer", path, "--json", tmp_path / "schema.json").out
    assert text.startswith("# A proposal")
    assert len(json.loads((tmp_path / "schema.json").read_text())["features"]) == 9


SCHEMA = """
label = "paid"
classes = ["no", "yes"]
relations = ["debt <= income"]
[[feature]]
name = "debt"
kind = "integer"
minimum = 0
maximum = 500
[[feature]]
name = "income"
kind = "integer"
minimum = 0
maximum = 1000
[[feature]]
name = "sex"
kind = "categorical"
levels = ["f", "m"]
sensitive = true
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("schema.toml").write_text(SCHEMA)
    frame = pd.DataFrame({"debt": range(300), "income": 400, "sex": "f", "paid": "no", "note": 1})
    frame.loc[::2, ["sex", "paid"]] = "m", "yes"
    return frame


def test_every_misfit_is_a_line(here):
    here.loc[3, "debt"] = -1
    here.loc[5, "income"] = 2
    here.loc[7, "sex"] = "x" * 200
    here.drop(columns="paid").to_csv("people.csv", index=False)
    done = call("schema", "check", "schema.toml", "people.csv")
    assert done.code == 2
    assert done.out.splitlines() == [
        "label 'paid': expected a column of this name, found none",
        "column 'debt', row 3: expected a number from 0 to 500, found -1",
        f"column 'sex', row 7: expected one of f, m, found '{'x' * 200}'",
        "relation 'debt <= income', row 5: expected it to hold, found debt = 5, income = 2",
    ]
    assert done.err == "columns that the schema does not speak of: note\n"


def test_a_hundred_lines_and_the_number_of_the_others(here):
    here.assign(debt=-1).to_csv("people.csv", index=False)
    done = call("schema", "check", "schema.toml", "people.csv")
    lines = done.out.splitlines()
    assert (done.code, len(lines), lines[-1]) == (2, 101, "... and 200 more")
    done = call("schema", "check", "schema.toml", "people.csv", "--json", "-")
    document = json.loads(done.out)
    assert (done.code, document["rows"], len(document["misfits"])) == (2, 300, 300)
    assert document["misfits"][7] == {
        "row": 7,
        "column": "column 'debt'",
        "expected": "a number from 0 to 500",
        "found": "-1",
    }
    assert document["extra_columns"] == ["note"]


def test_a_relation_that_no_row_satisfies(here):
    here.assign(debt=500).to_csv("people.csv", index=False)
    done = call("schema", "check", "schema.toml", "people.csv")
    assert done.code == 2
    assert done.out == (
        "relation 'debt <= income': expected a row that satisfies it, found none among 300\n"
    )


WRONG = {
    "no schema": (lambda: Path("schema.toml").unlink(), "expected a schema file, found no such"),
    "no data": (lambda: Path("people.csv").unlink(), "expected a CSV file, found no such file"),
    "a kind": (
        lambda: Path("schema.toml").write_text(SCHEMA.replace("integer", "whole")),
        "feature 'debt': kind: expected one of numeric, integer, ordinal, categorical, boolean, "
        "opaque, got 'whole'",
    ),
    "a call": (
        lambda: Path("schema.toml").write_text(SCHEMA.replace("<= income", "<= exit(income)")),
        "relation 'debt <= exit(income)': expected numbers and features",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_files_that_are_none(here, case):
    here.to_csv("people.csv", index=False)
    change, words = case
    change()
    done = call("schema", "check", "schema.toml", "people.csv")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("rafair: '")
    assert done.err.count("\n") == 1
    assert words in done.err


def test_the_schema_comes_first(here):
    here.to_csv("people.csv", index=False)
    done = call("schema", "check", "people.csv", "schema.toml")
    expected = "rafair: 'people.csv': expected a schema file, which comes first, then the table\n"
    assert (done.code, done.out, done.err) == (2, "", expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--label", "pad"], "unknown column 'pad': did you mean 'paid'?"),
        (["--sensitive", "sex,gender"], "unknown column 'gender'"),
        (["--label", "note"], "label 'note': expected two or more classes, found 1"),
    ],
)
def test_options_that_do_not_fit(here, options, words):
    here.to_csv("people.csv", index=False)
    done = call("schema", "infer", "people.csv", *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("rafair: 'people.csv': ")
    assert words in done.err


@pytest.mark.parametrize("command", ["infer", "check"])
def test_help_shows_an_example(command):
    done = rafair("schema", command, "--help")
    assert f"Example:  rafair schema {command}" in done.out
    assert "--json" in done.out
    assert "infer" in rafair("schema").out
