"""The same values in every type of column that can hold them give the same table."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rafair
from rafair.errors import InputError
from rafair.tabular.plain_values import as_numbers, of_arrow, plain
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table
from rafair.tabular.table_from_file import read_table

N = 12
WHOLE = [3, 1, 2, 5, 4, 1, 2, 3, 5, 4, 2, 1]
HALVES = [0.5, 1.5, 2.25, 0.5, 8, 1.5, 2.25, 0.5, 8, 0.5, 1.5, 8]
TRUTHS = [True, False] * 6
TEXTS = ["f", "m", "x"] * 4


def by_objects(values):
    kinds = (int, float, np.int64, np.float32, Decimal, Fraction)
    cycle = [kinds[i % len(kinds)](value) for i, value in enumerate(values)]
    return pd.Series(cycle, dtype=object)


WHOLE_NUMBERS = {
    **{f"numpy {kind}": pd.Series(WHOLE, dtype=kind) for kind in ("int8", "uint64", "float16")},
    **{f"numpy {kind}": pd.Series(WHOLE, dtype=kind) for kind in ("float32", "float64")},
    **{f"pandas {kind}": pd.Series(WHOLE, dtype=kind) for kind in ("Int64", "UInt8", "Float32")},
    "Float64": pd.Series(WHOLE, dtype="Float64"),
    "objects": by_objects(WHOLE),
    "decimals": pd.Series([Decimal(f"{value}.00") for value in WHOLE]),
    "category": pd.Series(WHOLE).astype("category"),
    "category of floats": pd.Series(WHOLE, dtype=float).astype("category"),
    "ordered category": pd.Series(pd.Categorical(WHOLE, [5, 4, 3, 2, 1], ordered=True)),
    "sparse": pd.Series(pd.arrays.SparseArray(WHOLE)),
    "int64[pyarrow]": pd.Series(WHOLE, dtype="int64[pyarrow]"),
    "double[pyarrow]": pd.Series(WHOLE, dtype="double[pyarrow]"),
    **{
        f"{kind}": pd.Series([Decimal(v) for v in WHOLE], dtype=pd.ArrowDtype(kind))
        for kind in (pa.decimal128(9, 2), pa.decimal256(50, 3))
    },
}
FRACTIONS = {
    **{f"numpy {kind}": pd.Series(HALVES, dtype=kind) for kind in ("float16", "float32")},
    "Float64": pd.Series(HALVES, dtype="Float64"),
    "objects": pd.Series([Decimal(v) if v < 2 else v for v in HALVES], dtype=object),
    "category": pd.Series(HALVES).astype("category"),
    "halffloat": pd.Series(np.float16(HALVES), dtype=pd.ArrowDtype(pa.float16())),
    "decimal": pd.Series([Decimal(v) for v in HALVES], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
}
TRUTH_VALUES = {
    "boolean": pd.Series(TRUTHS, dtype="boolean"),
    "objects": pd.Series([np.bool_(v) if i % 3 else v for i, v in enumerate(TRUTHS)], dtype=object),
    "category": pd.Series(TRUTHS).astype("category"),
    "bool[pyarrow]": pd.Series(TRUTHS, dtype="bool[pyarrow]"),
}
WORDS = {
    "objects": pd.Series(TEXTS, dtype=object),
    "numpy": pd.Series([np.str_(v) for v in TEXTS], dtype=object),
    "string": pd.Series(TEXTS, dtype="string"),
    "category": pd.Series(pd.Categorical(TEXTS, ["x", "m", "f", "unused"])),
    "string[pyarrow]": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
    "string_view": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string_view())),
    "dictionary": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
}


def frame(**changes) -> pd.DataFrame:
    columns = {"whole": WHOLE, "half": HALVES, "old": TRUTHS, "sex": TEXTS, "ok": [0, 1] * 6}
    return pd.DataFrame(columns | changes)


def same(table: Table, other: Table) -> bool:
    return (
        table.schema == other.schema
        and table.schema.model_dump_json() == other.schema.model_dump_json()
        and table.sha256 == other.sha256
        and table.frame.equals(other.frame.astype(table.frame.dtypes))
    )


@pytest.fixture(scope="module")
def expected() -> dict[str, Table]:
    return {
        name: Table.from_frame(frame(), label="ok", sensitive=[name])
        for name in ("whole", "half", "old", "sex")
    }


CASES = [
    (name, kind, series)
    for name, held in (
        ("whole", WHOLE_NUMBERS),
        ("half", FRACTIONS),
        ("old", TRUTH_VALUES),
        ("sex", WORDS),
    )
    for kind, series in held.items()
]


@pytest.mark.parametrize(("name", "kind", "series"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_values_are_the_same_whatever_type_held_them(expected, name, kind, series):
    changed = frame(**{name: series})
    assert same(expected[name], Table.from_frame(changed, label="ok", sensitive=[name]))
    schema = rafair.infer_schema(changed, label="ok", sensitive=[name])
    assert schema == rafair.infer_schema(frame(), label="ok", sensitive=[name])


ARROW = {
    "whole": [
        *(pa.array(WHOLE, kind) for kind in (pa.int8(), pa.uint64(), pa.float32())),
        pa.array(WHOLE).dictionary_encode(),
        pa.array([Decimal(v) for v in WHOLE], pa.decimal256(45, 1)),
        pa.array([Decimal(v) for v in WHOLE], pa.decimal128(5, 2)).dictionary_encode(),
    ],
    "half": [pa.array(np.float16(HALVES)), pa.array(HALVES).dictionary_encode()],
    "old": [pa.array(TRUTHS)],
    "sex": [pa.array(TEXTS, pa.large_string()), pa.array(TEXTS).dictionary_encode()],
}
ARROW_CASES = [(name, values) for name, arrays in ARROW.items() for values in arrays]


@pytest.mark.parametrize(
    ("name", "values"), ARROW_CASES, ids=[f"{name}-{v.type}" for name, v in ARROW_CASES]
)
def test_arrow_and_parquet_columns_are_read_by_value(expected, tmp_path, name, values):
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    table = table.set_column(table.column_names.index(name), name, values)
    assert same(expected[name], Table.from_frame(table, label="ok", sensitive=[name]))
    pq.write_table(table, tmp_path / "table.parquet")
    read = read_table(tmp_path / "table.parquet", label="ok", sensitive=[name])
    assert same(expected[name], read)
    schema = expected[name].schema
    assert read_table(tmp_path / "table.parquet", schema=schema).sha256 == read.sha256
    file = TableFile.open(tmp_path / "table.parquet", schema)
    assert np.array_equal(file.block(file.reader(), 0, N).rows, read.rows)


POLARS = {
    "whole": [pl.Int16, pl.UInt64, pl.Float32, pl.Float64, pl.Decimal(9, 2), pl.Int128, pl.Object],
    "half": [pl.Float32, pl.Decimal(9, 2), pl.Object],
    "old": [pl.Boolean, pl.Object],
    "sex": [pl.String, pl.Categorical, pl.Enum(["x", "f", "m"]), pl.Object],
}
POLARS_CASES = [(name, kind) for name, kinds in POLARS.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), POLARS_CASES, ids=str)
def test_polars_frames_give_the_same_table(expected, name, kind):
    values = frame()[name].tolist()
    polars = pl.DataFrame(frame().to_dict("list")).with_columns(
        pl.Series(name, values, dtype=kind, strict=False)
    )
    assert same(expected[name], Table.from_frame(polars, label="ok", sensitive=[name]))
    assert rafair.infer_schema(polars, label="ok").names == ("whole", "half", "old", "sex")


def test_decimals_are_the_nearest_floats():
    values = [Decimal(k) / 10 for k in range(50)]
    for kind in (
        pa.decimal32(5, 1),
        pa.decimal64(9, 1),
        pa.decimal128(20, 1),
        pa.decimal256(50, 1),
    ):
        series = pd.Series(values, dtype=pd.ArrowDtype(kind))
        assert plain(series).tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None], [1, np.nan]),
        ([1, pd.NA], [1, np.nan]),
        ([Decimal("NaN"), 1], [np.nan, 1]),
        ([float("nan"), np.float32("nan"), pd.NaT], [np.nan] * 3),
        ([Decimal("Infinity"), 10**400, -(10**400)], [np.inf, np.inf, -np.inf]),
        (pd.array([1, None], "Int64"), [1, np.nan]),
        (pd.array([1.5, None], "Float32"), [1.5, np.nan]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), [1, np.nan]),
        (pd.Categorical([1, None, 2]), [1, np.nan, 2]),
        (["1", True, b"1", [1], 1j, 1], [np.nan] * 5 + [1]),
        ([True, False], [np.nan] * 2),
        (np.array([1j]), [np.nan]),
    ],
)
def test_what_is_no_number_is_nan(values, expected):
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    assert as_numbers(series).tolist() == pytest.approx(expected, nan_ok=True)


def test_large_whole_numbers_beside_missing_ones_keep_their_digits():
    column = pa.chunked_array([[2**60 + 1, None]])
    for series in (
        pd.Series([2**60 + 1, None], dtype=object),
        pd.Series([2**60 + 1, None], dtype="Int64"),
        of_arrow(column),
    ):
        assert plain(series).dropna().tolist() == [2**60 + 1]
    assert Table.from_frame(
        pa.table({"id": [2**60 + 1, 2**63 - 1], "sex": ["f", "m"], "ok": [0, 1]}),
        label="ok",
        sensitive=["sex"],
    ).frame["id"].tolist() == [2**60 + 1, 2**63 - 1]


REFUSED = {
    "a list": ([[1]] * N, "found a value of the type list"),
    "an array": ([np.arange(2)] * N, "found a value of the type ndarray"),
    "a dictionary": ([{"a": 1}] * N, "found a value of the type dict"),
    "bytes": ([b"x", b"y"] * 6, "found a value of the type bytes"),
    "complex": ([1j] * N, "found a value of the type complex"),
    "dates": ([datetime.date(2020, 1, 1)] * N, "found times; convert them"),
    "times": (pd.to_datetime(["2020-01-01"] * N), "found times; convert them"),
    "spans": (pd.to_timedelta(["1h"] * N), "found times; convert them"),
    "periods": (pd.period_range("2020", periods=N, freq="M"), "found times; convert them"),
    "intervals": (pd.interval_range(0, N), "found a value of the type Interval"),
    "one list": ([*WHOLE[:-1], [1]], "row 11: .* a value of the type list"),
    "texts and numbers": (["1", *WHOLE[1:]], r"texts \('1' in row 0\) and numbers \(1 in row 1\)"),
    "a category of both": (
        pd.Categorical(["1", 1] * 6),
        r"texts \('1' in row 0\) and numbers \(1 in row 1\)",
    ),
    "truths and numbers": ([True, *WHOLE[1:]], r"truth values \(True in row 0\) and numbers"),
    "truths and texts": ([True, "True"] * 6, r"truth values \(True in row 0\) and texts"),
    "Arrow lists": (pd.Series([[1]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int8()))), "of the type"),
    "structs": (
        pd.Series([{"a": 1}] * N, dtype=pd.ArrowDtype(pa.struct({"a": pa.int8()}))),
        "found a value of the type dict",
    ),
    "binary": (pd.Series([b"1"] * N, dtype=pd.ArrowDtype(pa.binary())), "of the type bytes"),
    "Arrow dates": (
        pd.Series([datetime.date(2020, 1, 1)] * N, dtype=pd.ArrowDtype(pa.date32())),
        "found times; convert them",
    ),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", ["whole", "ok"])
def test_what_is_neither_number_text_nor_truth_value_is_refused(name, values, words):
    if name == "whole" and "times" in words:
        name = "sex"  # other columns of times are opaque
    where = "label 'ok'" if name == "ok" else f"column '{name}'"
    with pytest.raises(InputError, match=f"{where}.*{words}") as caught:
        Table.from_frame(frame(**{name: values}), label="ok", sensitive=["sex"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.struct({"a": pa.int64()}), pa.binary()])
@pytest.mark.parametrize("name", ["whole", "ok"])
def test_nested_columns_of_parquet_are_refused_unless_nobody_asks_for_them(tmp_path, kind, name):
    values = {"list<item: int64>": [[1]] * N, "binary": [b"1"] * N}.get(str(kind))
    values = values or ([{"a": 1}] * N if pa.types.is_struct(kind) else [0] * N)
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.array(values, kind)), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=f"'{name}', row 0: expected numbers, texts or truth val"):
        read_table(tmp_path / "a.parquet", label="ok", sensitive=["sex"])
    described = Table.from_frame(frame(), label="ok", sensitive=["sex"]).schema
    with pytest.raises(InputError, match=f"'{name}', row 0: expected"):
        read_table(tmp_path / "a.parquet", schema=described)
    extra = table.append_column("note", pa.array(values, kind))
    pq.write_table(extra, tmp_path / "b.parquet")
    assert len(read_table(tmp_path / "b.parquet", schema=described)) == N


LABELS = {
    "ints": ([0, 1] * 6, ("0", "1")),
    "whole floats": ([0.0, 1.0] * 6, ("0", "1")),
    "float16": (np.float16([0, 1] * 6), ("0", "1")),
    "Int64": (pd.array([0, 1] * 6, "Int64"), ("0", "1")),
    "Float64": (pd.array([0, 1] * 6, "Float64"), ("0", "1")),
    "decimals": ([Decimal("0.0"), Decimal("1.00")] * 6, ("0", "1")),
    "category": (pd.Categorical([1.0, 0.0] * 6), ("0", "1")),
    "halves": ([0.5, -1] * 6, ("-1", "0.5")),
    "ten": ([10, 9] * 6, ("9", "10")),
    "truths": ([True, False] * 6, ("False", "True")),
    "nullable truths": (pd.array([True, False] * 6, "boolean"), ("False", "True")),
    "objects of truths": (pd.Series([True, False] * 6, dtype=object), ("False", "True")),
    "Arrow truths": (pd.Series([True, False] * 6, dtype="bool[pyarrow]"), ("False", "True")),
    "texts of digits": (["10", "9"] * 6, ("10", "9")),
}


@pytest.mark.parametrize(("values", "classes"), LABELS.values(), ids=LABELS)
def test_classes_are_called_the_same_whatever_type_held_them(values, classes):
    table = Table.from_frame(frame(ok=values), label="ok", sensitive=["sex"])
    assert table.schema.classes == classes
    assert rafair.infer_schema(frame(ok=values), label="ok").classes == classes
    named = [classes[code] for code in table.labels]
    assert named == [str(v).removesuffix(".0").removesuffix(".00") for v in pd.Series(values)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, np.inf] * 6, "row 1: expected a class, found inf"),
        ([0, None] * 6, "row 1: expected a class, found a missing value"),
        ([None] * N, "row 0: expected a class, found a missing value"),
        ([1, 1.0] * 6, "expected two or more classes, found 1"),
    ],
)
def test_labels_that_are_no_classes_are_refused(values, words):
    with pytest.raises(InputError, match=f"label 'ok'.*{words}"):
        Table.from_frame(frame(ok=pd.Series(values, dtype=object)), label="ok", sensitive=["sex"])
