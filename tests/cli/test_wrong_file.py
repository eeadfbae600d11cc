"""Wrong files for `rafair audit --data`: exit code 2, one line, nothing left."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rafair as package
from commands import call, rafair
from rafair.auditing import default_options as auditing

N = 300


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "net"
    rafair("train", "--epochs", "1", "--out", folder)
    return folder


def people() -> pd.DataFrame:
    table = package.load_dataset("affairs").table.take(np.arange(N))
    return table.frame.assign(affairs=np.array(table.schema.classes)[table.labels])


def replaced(column: str, value: object, row: int = 250) -> pd.DataFrame:
    frame = people()
    values = frame[column].tolist()
    values[row] = value
    frame[column] = values
    return frame


@pytest.fixture
def refused(network, tmp_path, monkeypatch):
    """Audits a file, or a frame, that must be refused; returns the line it says."""
    monkeypatch.chdir(tmp_path)

    def check(data: Path | pd.DataFrame, *options: str | Path) -> str:
        if isinstance(data, pd.DataFrame):
            data.to_parquet("people.parquet", row_group_size=100)
            data = Path("people.parquet")
        before = sorted(tmp_path.rglob("*"))
        done = call("audit", "--model", network, "--data", data, *options)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("rafair: ")
        assert done.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return done.err

    return check


FILES = {
    "none": (lambda path: None, "found no such file"),
    "a folder": (lambda path: path.mkdir(), "found a folder"),
    "nothing in it": (lambda path: path.touch(), "expected a whole Parquet file"),
    "CSV": (lambda path: people().to_csv(path), "expected a whole Parquet file"),
    "no rows": (lambda path: people().head(0).to_parquet(path), "at least one row"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_a_file_that_is_none(refused, tmp_path, case):
    make, words = case
    make(tmp_path / "some.parquet")
    line = refused(tmp_path / "some.parquet")
    assert words in line
    assert "some.parquet" in line


def test_a_file_cut_short(refused, tmp_path):
    people().to_parquet(tmp_path / "some.parquet")
    content = (tmp_path / "some.parquet").read_bytes()
    (tmp_path / "some.parquet").write_bytes(content[: len(content) // 2])
    assert "expected a whole Parquet file" in refused(tmp_path / "some.parquet")


def test_a_file_damaged_inside(refused, tmp_path):
    path = tmp_path / "some.parquet"
    people().to_parquet(path, row_group_size=50)
    content = bytearray(path.read_bytes())
    content[1500:4000] = bytes(2500)
    path.write_bytes(content)
    assert "some.parquet" in refused(path)


COLUMNS = {
    "missing": (lambda: people().drop(columns="educ"), "expected a column 'educ'"),
    "misspelt": (lambda: people().rename(columns={"educ": "edu"}), "but one called 'edu'"),
    "without label": (lambda: people().drop(columns="affairs"), "label column", "'affairs'"),
    "numbers as text": (lambda: people().astype({"age": str}), "column 'age': expected numbers"),
    "texts as numbers": (lambda: people().assign(educ=1), "column 'educ': expected texts"),
    "times": (
        lambda: people().assign(age=pd.Timestamp("2020-01-01")),
        "column 'age': expected numbers, found the type 'timestamp",
    ),
}


@pytest.mark.parametrize("case", COLUMNS.values(), ids=COLUMNS)
def test_columns_that_do_not_fit(refused, case):
    make, *words = case
    line = refused(make())
    for word in words:
        assert word in line


VALUES = {
    "a missing number": ("age", None, "column 'age', row 250: expected a number from 17.5 to 42"),
    "infinity": ("age", math.inf, "column 'age', row 250: expected a number from 17.5 to 42, got"),
    "an unknown level": ("educ", "PhD", "row 250: expected one of grade school, ", "got 'PhD'"),
    "a missing level": ("religious", None, "column 'religious', row 250: expected one of not"),
    "an unknown class": ("affairs", "maybe", "label 'affairs', row 250: expected one of no affair"),
    "a missing label": ("affairs", None, "label 'affairs', row 250"),
}


@pytest.mark.parametrize("case", VALUES.values(), ids=VALUES)
def test_values_that_make_no_sense_are_found_before_any_work(refused, case, monkeypatch):
    monkeypatch.setattr(
        "rafair.auditing.whole_file_verdicts.FileJudge.__call__", lambda *_: pytest.fail("work")
    )
    column, value, *words = case
    line = refused(replaced(column, value))
    for word in ("people.parquet", *words):
        assert word in line


def test_labels_that_are_no_codes(refused):
    frame = people().assign(affairs=1)
    frame.loc[20, "affairs"] = 2
    assert "row 20: expected a number from 0 to 1, the code of a class, got 2.0" in refused(frame)


OPTIONS = {
    "label": ("--label", "affair", "did you mean 'affairs'?"),
    "label that is a feature": ("--label", "age", "another column than a feature, got 'age'"),
    "data set beside it": ("--dataset", "adult", "dataset", "--data"),
    "variant beside it": ("--variant", "paper", "variant", "--data"),
    "training beside it": ("--epochs", "3", "epochs", "--model"),
    "more rows than there are": ("--instances", "301", "at most 300 rows, of the file; got 301"),
}


@pytest.mark.parametrize("case", OPTIONS.values(), ids=OPTIONS)
def test_options_that_do_not_fit(refused, case):
    name, value, *words = case
    line = refused(people(), name, value)
    for word in words:
        assert word in line


def test_a_sample_must_fit_into_memory(refused, monkeypatch):
    monkeypatch.setattr(auditing, "MOST_SAMPLED", 100)
    assert "at most 100 rows, held in memory at once; got all" in refused(
        people(), "--instances", "all"
    )


def test_data_needs_a_model_and_label_needs_data(tmp_path, network):
    people().to_parquet(tmp_path / "people.parquet")
    alone = call("audit", "--data", tmp_path / "people.parquet")
    assert (alone.code, alone.err.count("\n")) == (2, 1)
    assert "expected with --model" in alone.err
    label = call("audit", "--model", network, "--label", "affairs")
    assert (label.code, label.err.count("\n")) == (2, 1)
    assert "expected with --data" in label.err


def test_a_model_of_other_columns(refused, tmp_path, network):
    people().to_parquet(tmp_path / "people.parquet")
    shutil.copytree(network, tmp_path / "other")
    (tmp_path / "other" / "model.json").unlink()
    line = refused(tmp_path / "people.parquet", "--model", tmp_path / "other")
    assert "model.json" in line
