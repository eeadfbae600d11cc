"""Which values are one level or class: by what they are, not by how they are written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rafair.errors import DataFileError, InputError
from rafair.tabular.encoding import encode_values
from rafair.tabular.labels import encode_labels
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema, write_schema
from rafair.tabular.table_from_file import read_table

NUMBERS, TRUTHS, TEXTS = (1, 2), (False, True), ("1", "2")


def feature(levels) -> Feature:
    kind = "boolean" if levels == TRUTHS else "categorical"
    return Feature(name="x", kind=kind, levels=levels)


@pytest.mark.parametrize("second", [2, 2.0, np.int8(2), np.float32(2), True, np.True_, "2"])
@pytest.mark.parametrize("levels", [NUMBERS, TRUTHS, TEXTS], ids=str)
def test_a_value_is_a_level_of_its_own_kind_only(levels, second):
    kinds = {bool: TRUTHS, np.bool_: TRUTHS, str: TEXTS}
    series = pd.Series([levels[0], second], dtype=object)
    if kinds.get(type(second), NUMBERS) == levels:
        assert encode_values(series, feature(levels)).tolist() == [0, 1]
    else:
        with pytest.raises(InputError, match=r"column 'x', row 1: expected one of .* got .*"):
            encode_values(series, feature(levels))


@pytest.mark.parametrize("value", [True, "5", None, np.nan, [5], b"5", 5j])
def test_only_a_number_is_a_number(value):
    number = Feature(name="x", kind="integer", minimum=0, maximum=9)
    with pytest.raises(InputError, match="column 'x', row 1: expected a number from 0 to 9, got"):
        encode_values(pd.Series([5, value], dtype=object), number)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ("[1, 1.0]", "expected a list of distinct levels"),
        ("[1, true]", "expected a list of distinct levels"),
        ("[1, '1']", "levels: expected values of one kind, found numbers and texts"),
        ("[0, true]", "levels: expected values of one kind, found numbers and truth values"),
        ("['x', true]", "levels: expected values of one kind, found texts and truth values"),
        ("[nan, 1.0]", "levels: expected a list of texts, numbers or .* found a missing value"),
        ("[1, [2]]", "levels: expected a list of texts, numbers or truth values, got"),
        ("[]", "levels: expected a list of texts, numbers or truth values, got"),
    ],
)
def test_levels_that_do_not_go_together_are_refused_in_a_line(tmp_path, levels, words):
    path = tmp_path / "schema.toml"
    path.write_text(
        'label = "ok"\nclasses = ["no", "yes"]\n[[feature]]\nname = "x"\nkind = "categorical"\n'
        f"levels = {levels}\n"
    )
    with pytest.raises(DataFileError, match=f"feature 'x': {words}") as caught:
        read_schema(path)
    assert "\n" not in str(caught.value)


FIELDS = {
    "1,2,1": (NUMBERS, [0, 1, 0]),
    "1.0,2.0,1": (NUMBERS, [0, 1, 0]),
    "true,False,TRUE": (TRUTHS, [1, 0, 1]),
    "1,2,1 ": (TEXTS, "expected one of 1, 2, found '1 '"),
    "1,2,1.0": (TEXTS, "expected one of 1, 2, found '1.0'"),
    "1,2,one": (NUMBERS, "expected one of 1, 2, found 'one'"),
    "1,2,true": (NUMBERS, "expected one of 1, 2, found 'true'"),
    "0,1,1": (TRUTHS, "expected one of False, True, found 0"),
    "true,0,true": (TRUTHS, "expected one of False, True, found '0'"),
}


@pytest.mark.parametrize("fields", FIELDS)
def test_fields_of_a_csv_file_are_what_the_schema_says(tmp_path, fields):
    levels, expected = FIELDS[fields]
    lines = [f'"{field}",{sex},{sex}' for field, sex in zip(fields.split(","), "fmf", strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(["x,sex,ok", *lines]) + "\n")
    sex = Feature(name="sex", kind="categorical", levels=("f", "m"), sensitive=True)
    schema = Schema(features=(feature(levels), sex), label="ok", classes=("f", "m"))
    if isinstance(expected, str):
        with pytest.raises(DataFileError, match=expected):
            read_table(tmp_path / "x.csv", schema=schema)
    else:
        assert read_table(tmp_path / "x.csv", schema=schema).rows[:, 0].tolist() == expected


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_texts_of_a_parquet_file_are_no_numbers_and_no_truth_values(tmp_path, dtype):
    frame = pd.DataFrame({"x": pd.Series(["1", "2"], dtype=dtype), "sex": ["f", "m"]})
    frame.assign(ok=["f", "m"]).to_parquet(tmp_path / "x.parquet")
    sex = Feature(name="sex", kind="categorical", levels=("f", "m"), sensitive=True)
    number = Feature(name="x", kind="integer", minimum=0, maximum=9)
    for x, good in ((feature(TEXTS), True), (feature(NUMBERS), False), (number, False)):
        schema = Schema(features=(x, sex), label="ok", classes=("f", "m"))
        if good:
            assert len(read_table(tmp_path / "x.parquet", schema=schema)) == 2
        else:
            with pytest.raises(DataFileError, match=r"column 'x', row 0: expected .* found '1'"):
                read_table(tmp_path / "x.parquet", schema=schema)


@pytest.mark.parametrize(
    ("classes", "labels", "codes"),
    [
        (("0", "1"), [1, 0.0], [1, 0]),
        (("1", "0"), [1.0, 0], [0, 1]),
        (("0.0", "1.0"), [1, 0], [1, 0]),
        (("0", "1"), ["1", "0"], [1, 0]),
        (("0", "1"), [True, False], [1, 0]),
        (("no", "yes"), [1, 0], [1, 0]),
        (("no", "yes"), [True, False], [1, 0]),
        (("False", "True"), [True, 0], [1, 0]),
        (("True", "False"), [True, False], [0, 1]),
        (("true", "false"), [1, 0], [0, 1]),
        (("0", "1"), ["1.0", 0], None),
        (("0", "1"), [b"1", 0], None),
        (("0", "1"), [[1], 0], None),
        (("no", "yes"), ["1", "no"], None),
        (("no", "yes"), [2, 0], None),
    ],
)
def test_labels_are_classes_by_written_rules(classes, labels, codes):
    schema = Schema(features=(), label="ok", classes=classes)
    series = pd.Series(labels, dtype=object)
    if codes is None:
        with pytest.raises(InputError, match="label 'ok', row 0: expected"):
            encode_labels(series, schema)
    else:
        assert encode_labels(series, schema).tolist() == codes


def test_levels_that_are_whole_floats_are_read_again(tmp_path):
    x = Feature(name="x", kind="ordinal", levels=(1.0, 2.5))
    schema = Schema(features=(x,), label="ok", classes=("no", "yes"))
    (tmp_path / "schema.toml").write_text(write_schema(schema))
    assert read_schema(tmp_path / "schema.toml") == schema
