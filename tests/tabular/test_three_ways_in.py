"""Odd values through a table, a stream and a watch: each is the same in all three."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rafair.errors import InputError
from rafair.monitoring.incoming.columns import Columns
from rafair.monitoring.incoming.file_records import read_records
from rafair.monitoring.incoming.record_sorting import sort_records
from rafair.tabular.column_roles import Roles
from rafair.tabular.large_tables import open_own
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table_from_file import read_table

GROUP = Feature(name="group", kind="categorical", levels=("f", "m"), sensitive=True)
FEATURES = {
    "number": Feature(name="x", kind="numeric", minimum=0, maximum=2000),
    "gaps": Feature(name="x", kind="numeric", minimum=0, maximum=2000, missing=True),
    "levels": Feature(name="x", kind="ordinal", levels=(0, 1, 1000)),
    "truths": Feature(name="x", kind="boolean", levels=(False, True)),
    "texts": Feature(name="x", kind="categorical", levels=("1", "true", "NA", "1e3")),
}
FIELDS = [
    *("1", "1.0", "1e3", "-0.0", "+1", "01", "1_000", '"1,5"', "0x1", " 1", "1 ", " 1 ", "true"),
    *("TRUE", "True", "False", "NaN", "NA", "", '" "', "inf", "-inf", "1e999", "9" * 30, "old"),
    *("2020-01-01", "é", "None", "½", "१", "1.", ".5", "1e", "1d3", "infinity", "nan", "<NA>"),
]


BESIDE = {"number": "5.5", "gaps": "5.5", "levels": "0", "truths": "false", "texts": "1"}
OUTSIDE = "a number beyond the range"
VALUES = {
    "whole": [1],
    "decimal": [Decimal("1.00")],
    "minus zero": [-0.0],
    "among fractions": [-0.0, 0.5],
    "single": [np.float32(1000)],
    "half": [np.float16(1)],
    "truth": [True],
    "text": ["1"],
    "word": ["true"],
    "category": pd.Categorical(["1"]),
    "bytes": [b"1"],
    "list": [[1]],
    "date": [pd.Timestamp(0)],
    "large": [2**53 + 1],
    "infinite": [np.inf],
    "gap": [np.nan],
    "null": [None],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def schema_of(feature: Feature, classes: tuple[str, ...] = ("no", "yes")) -> Schema:
    return Schema(features=(feature, GROUP), label="ok", classes=classes)


def three_ways(path: Path, schema: Schema) -> tuple[Any, Any, Any]:
    """What a table, a stream and a watch make of the first row of a file; or what they say."""

    def table() -> Any:
        found = read_table(path, schema=schema)
        return found.rows[0].tobytes(), found.labels[0]

    def stream() -> Any:
        file = open_own(path, schema, Roles())
        found = file.block(file.reader(), 0, file.rows)
        return found.rows[0].tobytes(), found.labels[0]

    def watch() -> Any:
        records = list(read_records(path))[:1]
        found = sort_records(records, schema, Columns.of(schema), number_rows=True)
        if found.refused:
            return found.refused[0].reason
        return OUTSIDE if found.outside[0] else (found.rows[0].tobytes(), found.labels[0])

    return said(table), said(stream), watch()


def said(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InputError as error:
        return str(error).split("; ")[0]  # without how many more there are


@pytest.mark.parametrize("name", FEATURES)
def test_a_field_is_the_same_in_a_table_a_stream_and_a_watch(name):
    feature, path, accepted = FEATURES[name], Path("a.csv"), 0
    for field in FIELDS:
        path.write_text(f"x,group,ok\n{field},f,no\n{BESIDE[name]},m,yes\n")
        table, stream, watch = three_ways(path, schema_of(feature))
        assert table == stream, field
        if watch == OUTSIDE:
            assert "expected a number from 0 to 2000, found" in table
        elif name == "truths" and field.strip() in ("1", "1.0", "-0.0", "+1", "01", "1."):
            assert "expected one of False, True, found" in table  # 0 and 1 are a watch's alone
            assert not isinstance(watch, str)
        elif isinstance(table, str):
            assert isinstance(watch, str), field
        else:
            assert watch == table, field
            accepted += 1
    assert 3 <= accepted < len(FIELDS)


@pytest.mark.parametrize("name", FEATURES)
def test_a_value_of_a_type_is_the_same_in_a_table_a_stream_and_a_watch(name):
    feature, path = FEATURES[name], Path("a.parquet")
    for kind, values in VALUES.items():
        if kind == "among fractions" and not feature.kind.is_number:
            continue
        rows = 2 // len(values)
        column = pd.concat([pd.Series(values)] * rows, ignore_index=True)
        frame = pd.DataFrame({"x": column, "group": ["f", "m"], "ok": ["no", "yes"]})
        frame.to_parquet(path)
        table, stream, watch = three_ways(path, schema_of(feature))
        assert table == stream, kind
        if watch == OUTSIDE:
            assert "expected a number from 0 to 2000, found" in table
        elif isinstance(table, str) and not isinstance(watch, str):
            # texts are read, and 0 and 1 are truth values, in a watch alone
            assert kind in ("text", "word", "category") or name == "truths", kind
        else:
            assert isinstance(table, str) == isinstance(watch, str), kind
            assert isinstance(table, str) or table == watch, kind


LABELS = [
    (("no", "yes"), ["1", "0"], 1),
    (("no", "yes"), ["true", "FALSE"], 1),
    (("no", "yes"), ["1.0", "0.0"], 1),
    (("no", "yes"), ["Yes", "no"], None),
    (("False", "True"), ["true", "false"], 1),
    (("False", "True"), ["True", "False"], 1),
    (("False", "True"), ["0", "1"], 0),
    (("true", "false"), ["True", "False"], 0),
    (("0", "1"), ["1.0", "0"], 1),
    (("1", "2"), ["2", "1"], 1),
    (("10", "20"), ["2e1", "1e1"], 1),
    (("1", "2"), ["0", "1"], None),
    (("NA", "yes"), ["NA", "yes"], 0),
    (("other", "true"), ["true", "other"], 1),
]


@pytest.mark.parametrize(("classes", "fields", "label"), LABELS)
def test_a_label_is_the_same_in_a_table_a_stream_and_a_watch(classes, fields, label):
    path = Path("a.csv")
    path.write_text(f"x,group,ok\n5,f,{fields[0]}\n6,m,{fields[1]}\n")
    for found in three_ways(path, schema_of(FEATURES["number"], classes)):
        if label is None:
            assert f"expected one of {', '.join(classes)}" in found or "a number" in found
        else:
            assert found[1] == label
