"""A text file that is read block by block: the same table as if it were read whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rafair.errors import InputError
from rafair.tabular import csv_stream
from rafair.tabular.column_roles import Roles
from rafair.tabular.large_tables import open_own
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.schema import Schema
from rafair.tabular.table_from_file import read_table

ROWS = 53
PAID = Roles(label="paid", sensitive=["sex"])
FRAME = pd.DataFrame(
    {
        "pay": np.arange(ROWS) / 4,
        "age": 20 + np.arange(ROWS) % 7,
        "late": [1.5] * 50 + [2.0] * 3,
        "whole": [1] * 50 + [2.0] * 3,
        "job": ["cook", "smith, jr", "façonneur", "1", "NA?"] * 10 + ["x"] * 3,
        "code": ["01", "11"] * 26 + ["7"],
        "mixed": ["1.50"] * 20 + ["x"] * 33,
        "member": [True, False] * 26 + [True],
        "paid": [0, 1] * 26 + [1],
    }
)


@pytest.fixture(autouse=True)
def _small_blocks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(csv_stream, "CHUNK_ROWS", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("people.csv", {}),
        ("people.csv.gz", {}),
        ("people.tsv", {}),
        ("people.csv", {"separator": ";", "decimal": ","}),
        ("people.csv", {"separator": ";", "decimal": ",", "encoding": "latin-1"}),
        ("people.csv", {"separator": "|", "encoding": "utf-16"}),
    ],
)
@pytest.mark.parametrize("described", [False, True])
def test_the_table_is_that_of_a_whole_reading(name, options, described):
    separator = options.get("separator", "\t" if name.endswith(".tsv") else ",")
    written = {"sep": separator, "encoding": options.get("encoding"), "index": False}
    FRAME.to_csv(name, decimal=options.get("decimal", "."), **written)
    asked = {"label": "paid", "sensitive": ["member"]}
    whole = read_table(name, **asked, **options)
    schema = None
    if described:
        schema = Schema.model_validate(
            whole.schema.model_dump() | {"label": "paid", "classes": whole.schema.classes}
        )
        whole = read_table(name, schema=schema, **options)
    file = open_own(
        Path(name), schema, Roles(label="paid", sensitive=["member"]), ReadAs(**options)
    )
    assert file.schema == whole.schema
    block = file.block(file.reader(), 0, file.rows)
    assert np.array_equal(block.rows, whole.rows)
    assert np.array_equal(block.labels, whole.labels)
    table = file.table(file.reader().read(0, file.rows), np.arange(file.rows))
    assert table.sha256 == whole.sha256


def refused(content: str | bytes, name: str = "people.csv", **options: object) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    before = set(Path().iterdir())
    with pytest.raises(InputError) as caught:
        open_own(Path(name), options.pop("schema", None), PAID, ReadAs(**options))
    assert set(Path().iterdir()) == before  # nothing is left among the temporary files
    line = str(caught.value)
    assert line.startswith(f"'{name}'")
    assert "\n" not in line
    return line


GOOD = "pay,sex,paid\n" + "1.5,f,no\n2.5,m,yes\n" * 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected a line with the columns' names, found none"),
        ("pay,sex,paid\n", "expected at least one row, found none"),
        (GOOD + "1,f\n", "line 22: expected 3 fields"),
        (GOOD.replace(",", ";"), "`separator=';'` says so"),
        (GOOD.replace("1.5", '"1,5"'), "`decimal=','` reads it as one"),
        (GOOD.replace("f", "é").encode("latin-1"), "as with `encoding='latin-1'`"),
        (GOOD + "1,\0,no\n", "line 22: expected text, found a zero byte"),
        (GOOD + "lots,f,no\n", "column 'pay', row 20: expected a number, as in most rows"),
        (GOOD.replace("yes", "no"), "expected two or more classes"),
        (GOOD.replace("m", "f"), "sensitive column 'sex': expected two or more values"),
    ],
)
def test_what_is_no_table_is_refused_in_the_same_words(content, words):
    assert words in refused(content)


def test_what_the_schema_does_not_allow_is_refused_by_its_row():
    Path("good.csv").write_text(GOOD)
    schema = read_table("good.csv", label="paid", sensitive=["sex"]).schema
    assert "column 'pay', row 20: expected a number" in refused(GOOD + "9,f,no\n", schema=schema)
    assert "column 'pay', row 20: expected a number" in refused(GOOD + "x,f,no\n", schema=schema)
    assert "label 'paid', row 20: expected" in refused(GOOD + "1.5,f,?\n", schema=schema)
    assert "column 'sex', row 20: expected one of f, m" in refused(GOOD + "2,d,no\n", schema=schema)


def test_packed_files_that_are_cut_short_or_one_endless_line(monkeypatch):
    packed = gzip.compress(GOOD.encode())
    assert "expected a whole gzip file" in refused(packed[:-9], "people.csv.gz")
    monkeypatch.setattr(csv_stream, "LONGEST_LINE", 100)
    endless = gzip.compress(b"pay,sex,paid\n" + b"1" * 10_000)
    assert "line 2: expected at most 100 characters" in refused(endless, "people.csv.gz")


def test_the_rewritten_rows_go_when_nobody_needs_them():
    Path("people.csv").write_text(GOOD)
    file = open_own(Path("people.csv"), None, PAID)
    assert len(list(Path().glob("rafair-*/rows.parquet"))) == 1
    del file
    assert not list(Path().glob("rafair-*"))
