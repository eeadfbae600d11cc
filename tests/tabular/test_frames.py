"""Frames of several libraries, and the one line for what is none."""

from __future__ import annotations

import warnings
from typing import Any

import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rafair
from rafair.errors import InputError, RafairWarning
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import propose
from rafair.tabular.table import Table


def people(n: int = 40) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        "age": generator.integers(18, 80, n).tolist(),
        "pay": np.round(generator.uniform(1, 9, n), 2).tolist(),
        "job": generator.choice(["cook", "smith"], n).tolist(),
        "old": generator.choice([True, False], n).tolist(),
        "sex": generator.choice(["f", "m"], n).tolist(),
        "ok": generator.choice(["no", "yes"], n).tolist(),
    }


FRAMES = {
    "pandas": pd.DataFrame(people()),
    "pandas with an index": pd.DataFrame(people(), index=range(100, 140)),
    "pandas backed by Arrow": pd.DataFrame(people()).convert_dtypes(dtype_backend="pyarrow"),
    "pandas' own types": pd.DataFrame(people()).convert_dtypes(),
    "polars": pl.DataFrame(people()),
    "an Arrow table": pa.table(people()),
    "an Arrow table with an index of pandas'": pa.Table.from_pandas(
        pd.DataFrame(people(), index=[f"row {k}" for k in range(40)])
    ),
    "a frame of narwhals'": narwhals.from_native(pl.DataFrame(people())),
    "a batch of Arrow's": pa.RecordBatch.from_pydict(people()),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_of_all_libraries_give_the_same_table_and_schema(frame):
    table = Table.from_frame(frame, label="ok", sensitive=["sex"])
    known = Table.from_frame(pd.DataFrame(people()), label="ok", sensitive=["sex"])
    assert (table.schema, table.sha256) == (known.schema, known.sha256)
    assert table.frame.equals(known.frame)
    schema = rafair.infer_schema(frame, label="ok", sensitive=["sex"])
    assert schema == rafair.infer_schema(pd.DataFrame(people()), label="ok", sensitive=["sex"])


def test_the_callers_frame_is_left_as_it_was():
    frame = pd.DataFrame(people()).astype({"age": float, "job": "category"})
    before = frame.copy(deep=True)
    made = Table.from_frame(frame, label="ok", sensitive=["sex"]).frame
    made.loc[0, "age"] = 99
    assert frame.equals(before)
    assert frame.dtypes.equals(before.dtypes)


def test_missing_values_of_polars_stay_missing():
    frame = pl.DataFrame(people() | {"pay": [None, *people()["pay"][1:]]})
    table = Table.from_frame(frame, label="ok", sensitive=["sex"])
    assert table.schema["pay"].missing
    assert table.rows[0, table.schema.column("pay")] == -1
    assert rafair.infer_schema(frame, label="ok")["pay"].missing
    nothing = pl.DataFrame(people()).with_columns(pl.lit(None).alias("pay"))
    with pytest.raises(InputError, match="column 'pay': expected values, found none"):
        Table.from_frame(nothing, label="ok", sensitive=["sex"])
    with pytest.warns(RafairWarning, match="'pay' is left out: no value was seen in it"):
        assert "pay" not in rafair.infer_schema(nothing, label="ok").names


def without(name: str) -> dict[str, Any]:
    return {key: values for key, values in people().items() if key != name}


NO_FRAMES = {
    "a dictionary": (people(), "expected a frame of pandas, polars or pyarrow, got dict"),
    "an array": (np.zeros((3, 3)), "expected a frame of pandas, polars or pyarrow, got ndarray"),
    "a path": ("people.csv", "expected a frame of pandas, polars or pyarrow, got str"),
    "nothing": (None, "expected a frame of pandas, polars or pyarrow, got NoneType"),
    "a column": (pl.Series([1]), "expected a frame of pandas, polars or pyarrow, got Series"),
    "pandas' column": (pd.Series([1]), "expected a frame of pandas, polars or pyarrow, got Series"),
    "a lazy frame": (pl.LazyFrame(people()), "with its rows in memory, got a LazyFrame; collect"),
    "no row": (pd.DataFrame(people())[:0], "expected at least one row, found none"),
    "no row of polars": (pl.DataFrame(people())[:0], "expected at least one row, found none"),
    "no row of Arrow": (pa.table(people())[:0], "expected at least one row, found none"),
    "no column": (pd.DataFrame(index=[1, 2]), "expected at least one column, found none"),
    "no column of polars": (pl.DataFrame(), "expected at least one column, found none"),
    "a number as a name": (
        pd.DataFrame(people()).rename(columns={"age": 7}),
        "column 7: expected a text as its name",
    ),
    "several names for a column": (
        pd.DataFrame({(name, 1): values for name, values in people().items()}),
        r"column \('age', 1\): expected a text as its name",
    ),
    "a column twice": (
        pd.DataFrame(people()).rename(columns={"age": "pay"}),
        "column 'pay': expected once, found more than once",
    ),
    "a column of Arrow twice": (
        pa.table(people()).rename_columns(["pay", "pay", "job", "old", "sex", "ok"]),
        "column 'pay': expected once, found more than once",
    ),
    "no label": (pd.DataFrame(without("ok")), "unknown column 'ok'"),
    "no sensitive column": (pl.DataFrame(without("sex")), "unknown column 'sex'"),
}


@pytest.mark.parametrize(("frame", "words"), NO_FRAMES.values(), ids=NO_FRAMES)
@pytest.mark.parametrize("make", [Table.from_frame, rafair.infer_schema])
def test_what_is_no_frame_is_refused_in_a_line(make, frame, words):
    with pytest.raises(InputError, match=words) as caught:
        make(frame, label="ok", sensitive=["sex"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sensitive": "sex"}, r"sensitive: expected a list of columns, such as \['sex'\]"),
        ({"sensitive": ["ok"]}, "column 'ok': expected as label or as sensitive, not as both"),
        ({"sensitive": ["six"]}, "unknown column 'six': did you mean 'sex'"),
        ({"sensitive": [3]}, "expected the name of a column, got 3"),
        ({"label": "oh"}, "unknown column 'oh'"),
        ({"label": None}, "expected the name of a column, got None"),
    ],
)
@pytest.mark.parametrize("make", [Table.from_frame, rafair.infer_schema])
def test_columns_that_do_not_go_together_are_refused_in_a_line(make, options, words):
    with pytest.raises(InputError, match=words):
        make(pl.DataFrame(people()), **({"label": "ok", "sensitive": ["sex"]} | options))


def test_the_schema_of_a_frame_is_that_of_schema_infer(tmp_path):
    frame = pd.DataFrame(people() | {"rating": [1.0, 2.0] * 20, "gap": [None, "x"] * 20})
    path = tmp_path / "schema.toml"
    path.write_text(propose(frame, "ok", ["sex"]).text(), encoding="utf-8")
    schema = rafair.infer_schema(frame, label="ok", sensitive=["sex"])
    assert read_schema(path) == schema
    assert read_schema(path).model_dump_json() == schema.model_dump_json()


def test_a_schema_tells_of_columns_that_it_leaves_out():
    frame = pl.DataFrame(people()).with_columns(
        pl.lit([1]).alias("list"), pl.lit("x").alias("same")
    )
    with pytest.warns(
        RafairWarning, match="column 'list' is left out: it holds values of the type"
    ):
        schema = rafair.infer_schema(frame, label="ok")
    assert schema.names == ("age", "pay", "job", "old", "sex", "same")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rafair.infer_schema(frame.drop("list"), label="ok")
