"""Files of a stream: every line is a record, and every position one to go on from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rafair
from rafair.errors import AlteredFileError, DataFileError
from rafair.monitoring.incoming.file_records import read_records
from rafair.monitoring.incoming.text_lines import LONGEST_LINE
from rafair.monitoring.stream_record import Position, Record

SAME_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CSV_LINES = st.lists(
    st.sampled_from(
        [
            "1,20,cook", "2,30", "", "3,4,5,6", '4,"two\nlines",x', '5,"open,x', '6,a"b,c',
            '"7",8,"9"', '8,"a""b",c', '9,"a"b,c', 'a",",b', "zwölf,ß,x", "\x00,1,2", "a\rb,1,2",
            '"\n"",""\n', " 1, 2, 3",
        ]
    ),
    max_size=30,
)  # fmt: skip
JSON_LINES = st.lists(
    st.sampled_from(
        [
            '{"id": 1, "age": 20}', "[1]", "{", "", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": [1]}',
            "null", '"text"', '{"a": 1e999}', "[" * 5000, '{"a": ' + "9" * 5000 + "}", "\x00", "  ",
        ]
    ),
    max_size=30,
)  # fmt: skip


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(path: Path) -> list[tuple[int, str]]:
    return [(record.number, record.problem) for record in read_records(path)]


@pytest.fixture(scope="module")
def affairs() -> pd.DataFrame:
    table = rafair.load_dataset("affairs").table
    frame = table.frame.iloc[:300].copy()
    frame["affairs"] = [table.schema.classes[code] for code in table.labels[:300]]
    return frame


def test_all_formats_give_the_same_rows_of_real_data(affairs, tmp_path):
    affairs.to_csv(tmp_path / "a.csv", index=False)
    affairs.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    affairs.to_parquet(tmp_path / "a.parquet")
    expected = affairs.to_dict("records")
    for name in ("a.jsonl", "a.parquet"):
        assert [record.values for record in read_records(tmp_path / name)] == expected
    texts = [record.values for record in read_records(tmp_path / "a.csv")]
    assert texts == [{name: str(value) for name, value in row.items()} for row in expected]


CSV_PROBLEMS = {
    "too few": ("1,2\n", "expected 3 fields, as in the first line, found 2"),
    "too many": ("1,2,3,4\n", "expected 3 fields, as in the first line, found 4"),
    "Latin 1": ("1,ça,3\n".encode("latin1"), "expected UTF-8 text, found the byte 0xe7"),
    "zero": ("1,\0,3\n", "expected text, found a zero byte"),
    "open": ('1,"a,3\n', "expected a quote that closes, found the end of the file"),
    "text behind": ('1,"a"b,3\n', "expected fields separated by commas: ',' expected after '\"'"),
    "return": ("1,a\rb,3\n", "expected lines that end with a line feed, found a carriage return"),
    "long": ("1," + "a" * LONGEST_LINE + ",3\n", "expected a line of at most 1,048,576 bytes"),
}


@pytest.mark.parametrize("case", CSV_PROBLEMS)
def test_a_malformed_line_of_csv_is_a_record_and_the_next_is_read(case, tmp_path):
    content, problem = CSV_PROBLEMS[case]
    content = content.encode() if isinstance(content, str) else content
    path = written(tmp_path / "a.csv", b"a,b,c\n" + content + b"7,8,9\n")
    bad, good = read_records(path)
    assert bad.values is None
    assert problem in bad.problem
    assert "\n" not in bad.problem
    assert (bad.number, good.number) == (2, 3)
    assert good.values == {"a": "7", "b": "8", "c": "9"}
    assert len(bad.raw) <= 200


def test_a_quote_that_never_closes_refuses_its_own_line_alone(tmp_path):
    path = written(tmp_path / "a.csv", 'a,b\n1,"x\n' + "".join(f"{n},y\n" for n in range(500)))
    records = list(read_records(path))
    assert records[0].problem == "expected a quote that closes within 100 lines, found none"
    assert [record.values["a"] for record in records[1:]] == [str(n) for n in range(500)]


def test_bom_line_ends_quotes_and_blank_lines_of_csv(tmp_path):
    path = written(
        tmp_path / "a.csv", '\ufeff\r\n"a", b\r\n1, 2\r\n\r\n"x\r\ny","say ""no"""\r\n3,4'
    )
    records = list(read_records(path))
    assert [record.number for record in records] == [3, 5, 7]
    assert [record.values for record in records] == [
        {"a": "1", "b": "2"},
        {"a": "x\ny", "b": 'say "no"'},
        {"a": "3", "b": "4"},
    ]


JSON_PROBLEMS = {
    "{": "expected JSON: Expecting property name enclosed in double quotes, character 2",
    "[1]": "expected a JSON object, found a list",
    "null": "expected a JSON object, found null",
    '{"a": 1, "a": 2}': "key 'a': expected once, found more than once",
    '{"a": NaN}': "expected numbers as JSON writes them, found NaN",
    '{"a": -Infinity}': "expected numbers as JSON writes them, found -Infinity",
    "[" * 100_000: "expected a JSON object of plain values, found deep nesting",
}


@pytest.mark.parametrize("line", JSON_PROBLEMS, ids=range(len(JSON_PROBLEMS)))
def test_a_malformed_line_of_json_is_a_record_and_the_next_is_read(line, tmp_path):
    path = written(tmp_path / "a.jsonl", f'\ufeff{{"b": 1}}\n\n{line}\n{{"b": 2}}')
    first, bad, last = read_records(path)
    assert (first.values, last.values) == ({"b": 1}, {"b": 2})
    assert (bad.number, bad.values, bad.problem) == (3, None, JSON_PROBLEMS[line])


USELESS = {
    "empty.csv": ("", "expected a line with the columns' names, found none"),
    "semicolons.csv": ("a;b\n1;2\n", "expected columns separated by ',', found one column"),
    "twice.csv": ("a,a\n1,2\n", "column 'a': expected once, found more than once"),
    "unnamed.csv": ("a,\n1,2\n", "column 2: expected a name, found none"),
    "latin.csv": ("é,b\n".encode("latin1"), "line 1: expected the columns' names: expected UTF-8"),
    "open.csv": ('"a,b\n1,2\n', "line 1: expected the columns' names: unexpected end of data"),
    "parquet.csv": (b"PAR1....", "expected a CSV file, found Parquet; name it .parquet"),
    "text.parquet": ("a,b\n1,2\n", "expected a whole Parquet file"),
    "a.xlsx": ("a", "expected a name that ends in .csv, .jsonl, .ndjson, .parquet, .pq"),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_file_that_is_useless_as_a_whole_is_one_line(name, tmp_path):
    content, message = USELESS[name]
    with pytest.raises(DataFileError) as caught:
        list(read_records(written(tmp_path / name, content)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_is_no_file_is_one_line(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name, found in (("none.csv", "no such file"), ("folder.csv", "a folder")):
        with pytest.raises(DataFileError, match=f"expected a data file, found {found}"):
            list(read_records(tmp_path / name))
    with pytest.raises(DataFileError, match="expected a name of printable characters"):
        list(read_records(tmp_path / "a\u202e.csv"))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_reading_goes_on_from_every_record(affairs, name, tmp_path):
    path = tmp_path / name
    some = affairs.iloc[:40]
    if name == "a.csv":
        some.to_csv(path, index=False)
    elif name == "a.jsonl":
        some.to_json(path, orient="records", lines=True)
    else:
        some.to_parquet(path, row_group_size=7)
    records = list(read_records(path))
    for place, record in enumerate(records, start=1):
        assert record.after.records == place
        assert list(read_records(path, record.after)) == records[place:]


@SAME_FOLDER
@given(lines=CSV_LINES, last=st.sampled_from(["", "1,2,3", '1,"2']))
def test_reading_goes_on_from_every_record_of_any_csv(lines, last, tmp_path):
    path = written(tmp_path / "a.csv", "\n".join(["a,b,c", *lines, last]))
    records = list(read_records(path))
    for place, record in enumerate(records, start=1):
        assert list(read_records(path, record.after)) == records[place:]


def grown(path: Path, content: bytes, cuts: list[int]) -> list[Record]:
    """The records of a file that grows by pieces, looked at after each of them."""
    records: list[Record] = []
    path.write_bytes(b"")
    ends = sorted({min(cut, len(content)) for cut in cuts} | {len(content)})
    for end, previous in zip(ends, [0, *ends], strict=False):
        with path.open("ab") as file:
            file.write(content[previous:end])
        start = records[-1].after if records else None
        records += read_records(path, start, complete=False)
    start = records[-1].after if records else Position(0)
    return [*records, *read_records(path, start, complete=True)]


@SAME_FOLDER
@given(lines=CSV_LINES, cuts=st.lists(st.integers(0, 400), max_size=8))
def test_a_csv_that_grows_gives_the_same_as_at_once(lines, cuts, tmp_path):
    content = "\n".join(["\ufeffa,b,c", *lines]).encode()
    whole = list(read_records(written(tmp_path / "a.csv", content)))
    assert grown(tmp_path / "a.csv", content, cuts) == whole


@SAME_FOLDER
@given(lines=JSON_LINES, cuts=st.lists(st.integers(0, 12_000), max_size=8))
def test_json_lines_that_grow_give_the_same_as_at_once(lines, cuts, tmp_path):
    content = "\r\n".join(lines).encode()
    whole = list(read_records(written(tmp_path / "a.jsonl", content)))
    assert grown(tmp_path / "a.jsonl", content, cuts) == whole


def test_a_long_line_that_grows_gives_the_same_as_at_once(tmp_path):
    content = b'{"a": 1}\n{"b": "' + b"x" * (3 * LONGEST_LINE) + b'"}\n{"a": 2}\n'
    whole = list(read_records(written(tmp_path / "a.jsonl", content)))
    assert [bool(record.problem) for record in whole] == [False, True, False]
    cuts = [12, LONGEST_LINE + 14, 2 * LONGEST_LINE, len(content) - 4]
    assert grown(tmp_path / "a.jsonl", content, cuts) == whole


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_altered_file_is_refused(affairs, name, tmp_path):
    path = tmp_path / name
    write = {
        "a.csv": lambda frame: frame.to_csv(path, index=False),
        "a.jsonl": lambda frame: frame.to_json(path, orient="records", lines=True),
        "a.parquet": lambda frame: frame.to_parquet(path),
    }[name]
    write(affairs.iloc[:20])
    position = list(read_records(path))[9].after
    for other in (affairs.iloc[5:60], affairs.iloc[:3], affairs.iloc[:0]):
        write(other)
        with pytest.raises(AlteredFileError, match="found other content; rows may only be added"):
            list(read_records(path, position))


def test_more_of_a_line_that_was_taken_unfinished_makes_no_row(tmp_path):
    path = written(tmp_path / "a.csv", "a,b\n1,2")
    records = list(read_records(path))
    written(path, "a,b\n1,23,4\n5,6\n")
    records += read_records(path, records[-1].after)
    assert [record.number for record in records] == [2, 3, 4]
    assert [record.values is None for record in records] == [False, True, False]
    assert records[1].problem == "expected a line, found more of one that was taken as it then was"
    written(path, "a,b\n1,2\n5,6\n")
    assert [record.values["a"] for record in read_records(path, records[0].after)] == ["5"]


def test_columns_of_parquet_that_nobody_can_use_do_no_harm(tmp_path):
    table = pa.table(
        {
            "age": pa.array([20, None]),
            "when": pa.array([0, 1], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["a"], None]),
            "sex": pa.array(["f", "m"]).dictionary_encode(),
            "pay": pa.array([0.1, 0.2], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "a.pq")
    first, second = read_records(tmp_path / "a.pq")
    assert (first.number, first.values["age"], first.values["sex"]) == (0, 20, "f")
    assert (second.number, second.values["age"], second.values["tags"]) == (1, None, None)
    assert isinstance(first.values["pay"], np.float32)


@SAME_FOLDER
@given(
    content=st.binary(max_size=400) | st.text('",\n\r\0{}:[]1aé', max_size=200).map(str.encode),
    header=st.sampled_from([b"", b"a,b\n", b"PAR1"]),
    complete=st.booleans(),
)
def test_random_bytes_never_raise_anything_else(content, header, complete, tmp_path):
    for ending in ("csv", "jsonl", "parquet"):
        path = written(tmp_path / f"a.{ending}", header + content)
        try:
            for record in read_records(path, complete=complete):
                assert (record.values is None) == bool(record.problem)
                json.dumps(record.raw).encode()
        except DataFileError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_a_column_of_parquet_whose_name_is_no_text_is_one_line(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"abcdefgh": [1, 2]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abcd\xffefg"))
    with pytest.raises(DataFileError, match="expected a whole Parquet file: 'utf-8' codec"):
        list(read_records(path))


@SAME_FOLDER
@given(place=st.integers(0, 5_000), value=st.integers(0, 255), cut=st.integers(0, 5_000))
def test_damaged_parquet_never_raises_anything_else(affairs, place, value, cut, tmp_path):
    path = tmp_path / "a.parquet"
    affairs.iloc[:50].to_parquet(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content if cut % 3 else content[: cut % len(content)])
    try:
        list(read_records(path))
    except DataFileError as error:
        assert "\n" not in str(error)  # noqa: PT017
