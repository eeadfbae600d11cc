"""One table in every kind of file, written by pandas and read back; and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rafair.errors import InputError
from rafair.tabular import table_formats
from rafair.tabular.frame_file import read_frame
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table_from_file import read_table

FRAME = pd.DataFrame(
    {
        "pay": [1.5, 2234.25, np.nan, -0.125],
        "age": [20, 61, 35, 44],
        "job": ["cook", "façonneur", "smith, jr", "NA?"],
        "member": [True, False, True, True],
        "paid": ["no", "yes", "yes", "no"],
    }
)
PEOPLE = FRAME.fillna({"pay": 0.0})


def excel(path: Path, frame: pd.DataFrame) -> None:
    pytest.importorskip("openpyxl")
    frame.to_excel(path, index=False)


def json_lines(path: Path, frame: pd.DataFrame) -> None:
    frame.to_json(path, orient="records", lines=True)


WRITERS = {
    "people.csv": lambda path, frame: frame.to_csv(path, index=False),
    "people.CSV.gz": lambda path, frame: frame.to_csv(path, index=False, compression="gzip"),
    "people.tsv": lambda path, frame: frame.to_csv(path, index=False, sep="\t"),
    "people.tsv.gz": lambda path, frame: frame.to_csv(path, index=False, sep="\t"),
    "people.jsonl": json_lines,
    "people.ndjson": json_lines,
    "people.jsonl.gz": json_lines,
    "people.feather": lambda path, frame: frame.to_feather(path),
    "people.arrow": lambda path, frame: frame.to_feather(path),
    "people.parquet": lambda path, frame: frame.to_parquet(path),
    "people.xlsx": excel,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_holds_the_same_table(name, tmp_path):
    WRITERS[name](tmp_path / name, FRAME)
    expected = FRAME.assign(pay=FRAME["pay"])
    pd.testing.assert_frame_equal(read_frame(tmp_path / name), expected, check_dtype=False)
    WRITERS[name](tmp_path / name, PEOPLE)
    WRITERS["people.csv"](tmp_path / "plain.csv", PEOPLE)
    options = {"label": "paid", "sensitive": ["member"]}
    table = read_table(tmp_path / name, **options)
    assert table.sha256 == read_table(tmp_path / "plain.csv", **options).sha256


@pytest.mark.parametrize(
    "reading",
    [
        ReadAs(separator=";", decimal=","),
        ReadAs(separator=";", decimal=",", thousands="."),
        ReadAs(separator="tab", decimal=",", encoding="latin-1"),
        ReadAs(separator="|", decimal=",", encoding="utf-16"),
        ReadAs(decimal=",", encoding="cp1252"),
        ReadAs(separator=";", thousands="'"),
    ],
)
def test_a_file_is_read_as_is_said(reading, tmp_path):
    def written(number: float) -> str:
        text = f"{number:,.3f}" if reading.thousands else f"{number:.3f}"
        signs = {".": reading.decimal or ".", ",": reading.thousands or ""}
        return "" if np.isnan(number) else "".join(signs.get(sign, sign) for sign in text)

    frame = FRAME.assign(pay=FRAME["pay"].map(written), when="01.02.2020")
    separator, encoding = reading.separator or ",", reading.encoding or "utf-8"
    frame.to_csv(tmp_path / "people.csv", index=False, sep=separator, encoding=encoding)
    found = read_frame(tmp_path / "people.csv", reading=reading)
    expected = FRAME.assign(when="01.02.2020")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def refused(path: Path, content: str | bytes, **options: str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_frame(path, reading=ReadAs(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("pay;paid\n1;no\n", {}, "is the separator ';'? `separator=';'` says so"),
        ("pay\tpaid\n1\tno\n", {}, "is the separator a tab? `separator=tab` says so"),
        ("pay,paid\n1,no\n", {"separator": ";"}, "separated by ';', found one column; is the sepa"),
        ("pay;paid\n1,5;no\n2;no\n", {"separator": ";"}, "row 0: expected a number with a dot"),
        ('pay,paid\n2,no\n"1,5",no\n', {}, "row 1: .*found '1,5'; `decimal=','` reads it as one"),
        ('pay,paid\n"1.234,5",no\n', {}, "`decimal=','` `thousands='.'` reads it as one"),
        ('pay,paid\n"1,234",no\n', {}, "`thousands=','` reads it as one, or `decimal=','`"),
        ("pay,job\n1,é\n".encode("latin-1"), {}, "say which it is: `encoding='latin-1'`"),
        ("pay,job\n1,é\n".encode("latin-1"), {"encoding": "ascii"}, "line 2: expected ascii text"),
        ("pay,paid\n1,no\n", {"sheet": "one"}, "sheet: expected not to be said of a CSV or TSV"),
    ],
)
def test_what_a_file_needs_is_named(content, options, words, tmp_path):
    line = refused(tmp_path / "people.csv", content, **options)
    assert pd.Series([line]).str.contains(words, regex=".*" in words).all(), line


def test_texts_with_commas_stay_texts(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text('place,version,code\n"a, b","1,5",01\n"1,5","2,5",02\n')
    assert read_frame(path, reading=ReadAs(decimal="."))["version"].tolist() == ["1,5", "2,5"]
    levels = Feature(name="version", kind="categorical", levels=("1,5", "2,5"))
    schema = Schema(features=(levels,), label="place", classes=("1,5", "a, b"))
    assert read_frame(path, schema)["version"].tolist() == ["1,5", "2,5"]
    frame = read_frame(path, reading=ReadAs(decimal=","))
    assert (frame["version"].tolist(), frame["code"].tolist()) == ([1.5, 2.5], ["01", "02"])


def test_a_schema_reads_what_is_written_in_another_way(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("pay;rating;paid\n1,5;1,0;no\n?;2;yes\n1.5;1;no\n")
    features = (
        Feature(name="pay", kind="numeric", minimum=0, maximum=9),
        Feature(name="rating", kind="ordinal", levels=(1, 2)),
    )
    schema = Schema(features=features, label="paid", classes=("no", "yes"))
    found = read_frame(path, schema, ReadAs(separator=";", decimal=","))
    assert found["pay"].tolist() == [1.5, "?", "1.5"]  # with a dot it is no such number
    assert found["rating"].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"separator": ";;"}, "separator: expected one sign, such as ',', got ';;'"),
        ({"separator": "a"}, "separator: expected one sign"),
        ({"decimal": "1"}, "decimal: expected one sign"),
        ({"decimal": ""}, "decimal: expected one sign"),
        ({"thousands": "."}, "thousands: expected another sign than decimals have, got '.'"),
        ({"encoding": "utf-9"}, "encoding: expected the name of an encoding, such as latin-1"),
        ({"encoding": "base64"}, "encoding: expected the name of an encoding, such as latin-1"),
    ],
)
def test_what_is_no_way_to_read_a_file(options, words):
    with pytest.raises(InputError, match="^" + words.replace("(", r"\(")):
        ReadAs(**options)


def test_what_is_no_such_file(tmp_path, monkeypatch):
    assert "expected a whole gzip file" in refused(tmp_path / "a.csv.gz", "pay,paid\n1,no\n")
    whole = gzip.compress(b"pay,paid\n1,no\n" * 100)
    assert "expected a whole gzip file" in refused(tmp_path / "a.csv.gz", whole[:-12])
    assert "found gzip; name it .csv.gz" in refused(tmp_path / "a.csv", whole)
    assert "line 2: expected JSON" in refused(tmp_path / "a.jsonl", '{"a": 1}\n{"a": 1\n')
    found = refused(tmp_path / "a.jsonl", "[1]\n")
    assert found.endswith("line 1: expected a JSON object, found a list")
    assert "key 'a': expected once" in refused(tmp_path / "a.jsonl", '{"a": 1, "a": 2}\n')
    assert "expected at least one row" in refused(tmp_path / "a.ndjson", "\n")
    assert "expected a whole Feather or Arrow" in refused(tmp_path / "a.feather", "pay,paid\n")
    with pytest.raises(InputError, match="found no such file"):
        read_frame(tmp_path / "none.arrow")
    monkeypatch.setattr(table_formats, "MOST_UNPACKED", 1000)
    assert "expected at most 1,000 bytes" in refused(tmp_path / "a.csv.gz", whole)


def test_excel_files(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "people.xlsx"
    with pd.ExcelWriter(path) as writer:
        FRAME.to_excel(writer, sheet_name="first", index=False)
        PEOPLE.to_excel(writer, sheet_name="second", index=False)
    with pytest.raises(InputError, match="expected one sheet, found first, second; `sheet` says"):
        read_frame(path)
    with pytest.raises(InputError, match="expected a sheet called 'third', found first, second"):
        read_frame(path, reading=ReadAs(sheet="third"))
    assert read_frame(path, reading=ReadAs(sheet="second"))["pay"].tolist()[2] == 0
    book = openpyxl.Workbook()
    for row in (["pay", "pay"], [1, 2]):
        book.active.append(row)
    book.save(path)
    with pytest.raises(InputError, match="column 'pay': expected once"):
        read_frame(path)
    assert "expected a whole Excel file" in refused(tmp_path / "a.xlsx", "pay,paid\n")
    monkeypatch.setattr(table_formats, "MOST_UNPACKED", 100)
    with pytest.raises(InputError, match="expected at most 100 bytes"):
        read_frame(path)


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'rafair\[excel\]'"):
        read_frame(tmp_path / "people.xlsx")
