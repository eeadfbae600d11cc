"""Tables in Parquet files, beside the same tables in memory."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rafair.errors import DataFileError, InputError, UnknownNameError
from rafair.tabular.encoding import encode
from rafair.tabular.labels import encode_labels
from rafair.tabular.parquet_rows import RowReader
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.streamed_table import TableFile

N = 1000
CLASSES = ("no", "yes")
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", minimum=18, maximum=90, sensitive=True, domain=(18,)),
        Feature(name="wage", kind="numeric", minimum=0.5, maximum=9.5),
        Feature(name="job", kind="categorical", levels=("cook", "smith", "weaver")),
        Feature(name="member", kind="boolean", levels=(False, True)),
        Feature(name="grade", kind="ordinal", levels=(1, 2, 3)),
    ),
    label="paid",
    classes=CLASSES,
)


def people(n: int = N) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "paid": generator.choice(CLASSES, n),
            "grade": generator.integers(1, 4, n),
            "job": generator.choice(["cook", "smith", "weaver"], n),
            "age": generator.integers(18, 91, n),
            "wage": generator.uniform(0.5, 9.5, n),
            "member": generator.random(n) < 0.5,
        }
    )


def stored(path, frame=None, group=None, **columns):
    table = pa.Table.from_pandas(people() if frame is None else frame, preserve_index=False)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table, path, row_group_size=group)
    return path


def read(file, *parts):
    reader = file.reader()
    return [file.block(reader, start, stop) for start, stop in parts]


@pytest.mark.parametrize("group", [N, 64, 7, 1])
@pytest.mark.parametrize("size", [1, 10, 333, N])
def test_rows_by_number_are_those_of_the_whole(tmp_path, monkeypatch, group, size):
    monkeypatch.setattr("rafair.tabular.parquet_rows.BATCH_ROWS", 50)
    path = stored(tmp_path / "t.parquet", people(200), group)
    whole, reader = pq.read_table(path, columns=["age", "job"]), RowReader(path, ["age", "job"])
    starts = [*range(0, 200, size), 120, 0, 199, 3]
    for start in starts:
        stop = min(start + size, 200)
        assert reader.read(start, stop).equals(whole.slice(start, stop - start)), (start, stop)


def test_blocks_are_encoded_like_the_frame(tmp_path):
    frame = people()
    file = TableFile.open(stored(tmp_path / "t.parquet", frame, 100), SCHEMA)
    blocks = read(file, (0, 300), (300, 301), (301, N))
    assert file.rows == N
    assert np.array_equal(np.concatenate([b.rows for b in blocks]), encode(frame, SCHEMA))
    labels = np.concatenate([b.labels for b in blocks])
    assert labels.tolist() == [CLASSES.index(name) for name in frame["paid"]]
    assert np.concatenate([b.numbers for b in blocks]).tolist() == list(range(N))
    assert not any(b.outside for b in blocks)


def test_types_that_hold_the_same_values_give_the_same_rows(tmp_path):
    frame = people()
    texts = pa.array(frame["job"])
    file = TableFile.open(
        stored(
            tmp_path / "t.parquet",
            frame,
            age=pa.array([Decimal(age) for age in frame["age"].tolist()], pa.decimal128(8, 2)),
            wage=pa.array(frame["wage"], pa.float64()).dictionary_encode(),
            job=texts.cast(pa.large_string()).dictionary_encode(),
            paid=pa.array(frame["paid"]).dictionary_encode(),
            grade=pa.array(frame["grade"], pa.float32()),
        ),
        SCHEMA,
    )
    (block,) = read(file, (0, N))
    assert np.array_equal(block.rows, encode(frame, SCHEMA))


def test_rows_make_an_ordinary_table(tmp_path):
    frame = people()
    frame.loc[5, "age"] = 120
    file = TableFile.open(stored(tmp_path / "t.parquet", frame), SCHEMA)
    reader = file.reader()
    (block,) = read(file, (0, N))
    table = file.table(reader.read(4, 7), np.array([4, 5, 6]))
    assert table.row_numbers.tolist() == [4, 5, 6]
    assert np.array_equal(table.rows, block.rows[4:7])
    assert np.array_equal(table.labels, block.labels[4:7])
    assert table.frame["age"].tolist() == [frame["age"][4], 90, frame["age"][6]]


def test_numbers_outside_their_range_are_counted_and_moved_to_its_end(tmp_path):
    frame = people().astype({"age": float})
    frame.loc[[3, 700], "age"] = [17.5, 200.0]
    frame.loc[700, "wage"] = 9.6
    file = TableFile.open(stored(tmp_path / "t.parquet", frame), SCHEMA)
    first, second = read(file, (0, 500), (500, N))
    rows = [{k: v.nonzero()[0].tolist() for k, v in b.outside.items()} for b in (first, second)]
    assert rows == [{"age": [3]}, {"age": [200], "wage": [200]}]
    assert first.rows[3, 0] == 0
    assert second.rows[200, :2].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("classes", "values", "expected"),
    [
        (("no", "yes"), ["yes", "no"], [1, 0]),
        (("no", "yes"), [1, 0], [1, 0]),
        (("no", "yes"), [1.0, 0.0], [1, 0]),
        (("no", "yes"), [True, False], [1, 0]),
        (("1", "2"), [2, 1], [1, 0]),
        (("0", "1"), ["1", "0"], [1, 0]),
        (("2", "10", "0"), [0, 10.0, 2], [2, 1, 0]),
        (("False", "True"), [True, False], [1, 0]),
        (("0", "unknown"), [1, 0], [1, 0]),
    ],
)
def test_labels_are_names_or_numbers_of_classes(classes, values, expected):
    schema = Schema(features=(), label="y", classes=classes)
    assert encode_labels(values, schema).tolist() == expected


@pytest.mark.parametrize(
    ("classes", "values", "words"),
    [
        (("no", "yes"), ["yes", "maybe"], "row 11: expected one of no, yes, got 'maybe'"),
        (("no", "yes"), ["yes", None], "row 11: expected one of no, yes"),
        (("no", "yes"), [1, 2], "row 11: expected a number from 0 to 1, the code of a class, got"),
        (("no", "yes"), [1, math.nan], "row 11: expected a number from 0 to 1"),
        (("1", "2"), [1, 0], "row 11: expected one of 1, 2, got 0"),
    ],
)
def test_unknown_labels_are_refused(classes, values, words):
    schema = Schema(features=(), label="y", classes=classes)
    with pytest.raises(InputError, match="label 'y'") as caught:
        encode_labels(values, schema, first_row=10)
    assert words in str(caught.value)


COLUMNS = {
    "numbers as text": ({"age": pa.array(["20"] * N)}, "column 'age': expected numbers, found"),
    "texts as numbers": (
        {"job": pa.array([1] * N)},
        "column 'job': expected texts, such as 'cook'",
    ),
    "dates": ({"wage": pa.array([0] * N, pa.timestamp("s"))}, "column 'wage': expected numbers"),
    "lists": ({"age": pa.array([[1]] * N)}, "column 'age': expected numbers"),
    "nothing": ({"job": pa.nulls(N)}, "column 'job': expected texts"),
    "numbers for truth": ({"member": pa.array([1] * N)}, "'member': expected truth values"),
    "dates as labels": ({"paid": pa.array([0] * N, pa.date32())}, "label 'paid': expected names"),
}


@pytest.mark.parametrize("case", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_other_types_are_refused_before_rows_are_read(tmp_path, case):
    columns, words = case
    path = stored(tmp_path / "t.parquet", **columns)
    with pytest.raises(DataFileError) as caught:
        TableFile.open(path, SCHEMA)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def replaced(name, row, value):
    frame = people().astype({"age": float, "grade": object, "member": object})
    frame.loc[row, name] = value
    return frame


VALUES = {
    "a missing number": ("age", None, "column 'age', row 801: expected a number from 18 to 90"),
    "nan": (
        "wage",
        math.nan,
        "column 'wage', row 801: expected a number from 0.5 to 9.5, got a missing value",
    ),
    "infinity": ("wage", -math.inf, "column 'wage', row 801"),
    "an unknown level": (
        "job",
        "clown",
        "row 801: expected one of cook, smith, weaver, got 'clown'",
    ),
    "a missing level": ("job", None, "column 'job', row 801: expected one of cook"),
    "a missing truth value": ("member", None, "column 'member', row 801: expected one of False"),
    "a number that is no level": ("grade", 7, "row 801: expected one of 1, 2, 3, got 7"),
    "an unknown class": ("paid", "perhaps", "label 'paid', row 801: expected one of no, yes"),
    "a missing label": ("paid", None, "label 'paid', row 801"),
}


@pytest.mark.parametrize("case", VALUES.values(), ids=VALUES)
def test_bad_values_are_named_with_their_row(tmp_path, case):
    name, value, words = case
    file = TableFile.open(stored(tmp_path / "t.parquet", replaced(name, 801, value), 90), SCHEMA)
    read(file, (0, 801))
    with pytest.raises(DataFileError) as caught:
        read(file, (750, N))
    assert words in str(caught.value)
    assert str(file.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataFileError, match="found no such file"):
        TableFile.open(tmp_path / "t.parquet", SCHEMA)
    with pytest.raises(DataFileError, match="found a folder"):
        TableFile.open(tmp_path, SCHEMA)
    (tmp_path / "t.parquet").write_text("age,wage\n1,2\n")
    with pytest.raises(DataFileError, match="expected a whole Parquet file"):
        TableFile.open(tmp_path / "t.parquet", SCHEMA)
    whole = stored(tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-100])
    with pytest.raises(DataFileError, match="expected a whole Parquet file"):
        TableFile.open(tmp_path / "t.parquet", SCHEMA)


def test_damage_inside_a_file_is_named(tmp_path):
    path = stored(tmp_path / "t.parquet", group=100)
    content = bytearray(path.read_bytes())
    content[2000:6000] = bytes(4000)
    path.write_bytes(content)
    file = TableFile.open(path, SCHEMA)
    with pytest.raises(DataFileError, match=r"t\.parquet"):
        read(file, (0, N))


def test_missing_and_doubled_columns_rows_and_labels_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(DataFileError, match=r"column 'wage', .* one called 'wages'"):
        TableFile.open(stored(path, people().rename(columns={"wage": "wages"})), SCHEMA)
    with pytest.raises(UnknownNameError, match="did you mean 'paid'"):
        TableFile.open(stored(path), SCHEMA, "payd")
    with pytest.raises(InputError, match="another column than a feature, got 'job'"):
        TableFile.open(stored(path), SCHEMA, "job")
    with pytest.raises(DataFileError, match="at least one row"):
        TableFile.open(stored(path, people().head(0)), SCHEMA)
    table = pa.Table.from_pandas(people())
    pq.write_table(table.append_column("job", table["job"]), path)
    with pytest.raises(DataFileError, match="column 'job': expected once"):
        TableFile.open(path, SCHEMA)


def test_another_label_column_and_extra_columns(tmp_path):
    frame = people().rename(columns={"paid": "repaid"}).assign(name="x", when=1)
    file = TableFile.open(stored(tmp_path / "t.parquet", frame), SCHEMA, "repaid")
    assert file.schema.label == "repaid"
    assert file.ignored == ("name", "when")
    read(file, (0, N))


READING = """
import sys
from pathlib import Path
import pyarrow as pa
from rafair.tabular.parquet_rows import RowReader
RowReader(Path(sys.argv[1]), ["x"]).read(2_950_000, 3_000_000)
reader = RowReader(Path(sys.argv[1]), ["x"])
parts = (reader.read(at, at + 50_000) for at in range(0, 3_000_000, 50_000))
total = sum(part["x"].to_numpy().sum() for part in parts)
print(total, pa.default_memory_pool().max_memory())
"""


def test_a_single_row_group_is_not_held_at_once(tmp_path):
    values = np.random.default_rng(0).random(3_000_000)
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"x": values}), path, row_group_size=len(values))
    program = [sys.executable, "-c", READING, str(path)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    total, most = map(float, done.stdout.split())
    assert total == pytest.approx(values.sum())
    assert most < values.nbytes / 3
