"""Files of one's own as tables, and the one line for each that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import rafair as package
from rafair.errors import DataFileError, InputError
from rafair.models.paper_network import fcnn
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema
from rafair.tabular.table_from_file import read_table

GOOD = "pay,job,sex,paid\n1.5,cook,f,no\n2.5,smith,m,yes\n9.5,cook,m,no\n"


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Reads a file that must be refused; returns the line it says."""
    monkeypatch.chdir(tmp_path)

    def check(content: str | bytes, name: str = "people.csv", **options) -> str:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        options = {"label": "paid", "sensitive": ["sex"]} | options
        with pytest.raises(DataFileError) as caught:
            read_table(name, **options)
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"'{name}'")
        return str(caught.value)

    return check


FILES = {
    "empty": ("", "expected a line with the columns' names, found none"),
    "no rows": ("pay,job,sex,paid\n", "expected at least one row, found none"),
    "semicolons": (GOOD.replace(",", ";"), "found one column; is the separator ';'?"),
    "tabs": (GOOD.replace(",", "\t"), "found one column; is the separator a tab?"),
    "one column": ("paid\nno\nyes\n", "expected columns separated by ',', found one column"),
    "Latin 1": (
        GOOD.replace("smith", "façonneur").encode("latin1"),
        "line 3: expected UTF-8 text, found the byte 0xe7",
    ),
    "UTF-16 cut short": (
        GOOD.encode("utf-16")[:-1],
        "line 4: expected UTF-16-LE text, found its end",
    ),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "line 1: expected text, found a zero byte"),
    "zero bytes": (GOOD.replace("cook", "\0"), "line 2: expected text, found a zero byte"),
    "a column twice": (GOOD.replace("job", "pay", 1), "column 'pay': expected once, found more"),
    "a column without name": (GOOD.replace("pay", "", 1), "column 1: expected a name, found none"),
    "a name in two lines": (
        GOOD.replace("pay", '"pay\nday"', 1),
        "column 1: expected a name in one line of printable characters, got",
    ),
    "too few fields": (GOOD + "1,cook\n", "line 5: expected 4 fields, as in the first line, found"),
    "too many fields": (GOOD + "1,cook,f,no,\n", "line 5: expected 4 fields, as in the first line"),
    "an open quote": (GOOD + '1,"cook,f,no\n', "line 5: expected 4 fields"),
    "a field without end": (GOOD + "1," + "x" * 200_000 + ",f,no\n", "line 5: cannot be read: fie"),
    "Parquet inside": (b"PAR1" + bytes(20), "expected a CSV file, found Parquet"),
    "mixed types": (GOOD.replace("9.5", "lots"), "column 'pay', row 2: expected a number"),
    "infinity": (GOOD.replace("2.5", "inf"), "column 'pay', row 1: .* found inf"),
    "one class": (GOOD.replace("yes", "no"), "label 'paid': expected two or more classes, found 1"),
    "no label in a row": (GOOD.replace("yes", ""), "label 'paid', row 1: expected a class"),
    "one sensitive value": (
        GOOD.replace(",f,", ",m,"),
        r"sensitive column 'sex': expected two or more values, .* found 1 \('m'\)",
    ),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_files_that_are_no_table(refused, case):
    content, words = case
    line = refused(content)
    assert pd.Series([line]).str.contains(words, regex=True).all(), line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "pad"}, "unknown column 'pad': did you mean 'paid'?"),
        ({"sensitive": ["gender"]}, "unknown column 'gender'"),
        ({"sensitive": ["paid"]}, "expected as label or as sensitive, not as both"),
    ],
)
def test_columns_that_are_not_there(refused, options, words):
    assert words in refused(GOOD, **options)


def test_parquet_cut_short(refused, tmp_path):
    frame = pd.DataFrame({"pay": np.arange(500) / 7, "sex": ["f", "m"] * 250, "paid": 1})
    frame.to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    assert "expected a whole Parquet file" in refused(content[:-200], "cut.parquet")
    assert "expected a whole Parquet file" in refused(GOOD, "text.parquet")


def test_other_files(refused, tmp_path):
    assert "expected a name that ends in .csv, .tsv, .parquet" in refused(GOOD, "people.ods")
    with pytest.raises(DataFileError, match="found no such file"):
        read_table(tmp_path / "none.csv", label="paid", sensitive=["sex"])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataFileError, match="found a folder"):
        read_table(tmp_path / "folder.csv", label="paid", sensitive=["sex"])


@pytest.mark.parametrize("n", [10**6, 1_000_001])
def test_a_million_sensitive_values(refused, n):
    frame = pd.DataFrame({"pay": np.arange(n) // 2, "sex": np.arange(n), "paid": np.arange(n) % 2})
    buffer = frame.to_parquet()
    line = refused(buffer, "people.parquet")
    assert f"found {n:,} (sex has {n:,} values); put numbers into bands, or state" in line


def test_a_million_combinations(refused):
    frame = pd.DataFrame(
        {"pay": np.arange(1001), "sex": np.arange(1001), "paid": np.arange(1001) % 2}
    )
    line = refused(frame.to_parquet(), "people.parquet", sensitive=["sex", "pay"])
    assert "found 1,002,001 (pay has 1,001 values, sex has 1,001 values)" in line


@pytest.mark.parametrize("options", [{"label": "paid"}, {"sensitive": ["sex"]}])
def test_what_must_be_said_without_a_schema(tmp_path, options):
    with pytest.raises(InputError, match="expected with data of one's own and no schema"):
        read_table(tmp_path / "people.csv", **options)


def test_both_kinds_of_file_give_the_same_table(tmp_path):
    (tmp_path / "people.csv").write_text(GOOD)
    pd.read_csv(tmp_path / "people.csv").to_parquet(tmp_path / "people.parquet")
    tables = [
        read_table(tmp_path / f"people.{ending}", label="paid", sensitive=["sex"])
        for ending in ("csv", "parquet")
    ]
    assert tables[0].sha256 == tables[1].sha256
    assert tables[0].schema == tables[1].schema
    assert tables[0].row_numbers.tolist() == [0, 1, 2]


def schema(**changes) -> Schema:
    fields = {
        "features": (
            Feature(name="sex", kind="categorical", levels=("f", "m"), sensitive=True),
            Feature(name="pay", kind="numeric", minimum=0, maximum=10, step=0.5, missing=True),
            Feature(name="zip", kind="categorical", levels=("01", "02", "NA"), missing=True),
            Feature(name="old", kind="boolean", levels=(False, True), missing=True),
            Feature(name="rank", kind="ordinal", levels=(1, 2, 3), missing=True),
        ),
        "label": "paid",
        "classes": ("no", "yes"),
    }
    return Schema(**fields | changes)


TYPED = (
    "zip,pay,old,rank,sex,paid,note\n"
    "01,1.5,true,1,f,no,x\n02,,,2,m,yes,y\nNA,0.5,False,,m,yes,z\n,10,true,3,f,no,\n"
)


def test_a_schema_says_what_texts_are(tmp_path):
    (tmp_path / "people.csv").write_text(TYPED)
    table = read_table(tmp_path / "people.csv", schema=schema())
    assert table.rows.tolist() == [
        [0, np.float32(0.15), 0, 1, 0],
        [1, -1, 0.5, -1, 0.5],
        [1, np.float32(0.05), 1, 0, -1],
        [0, 1, -1, 1, 1],
    ]
    assert table.labels.tolist() == [0, 1, 1, 0]
    assert table.schema["sex"].domain == ("f", "m")
    pd.read_csv(
        tmp_path / "people.csv", dtype={"zip": str}, keep_default_na=False, na_values=[""]
    ).to_parquet(tmp_path / "people.parquet")
    assert read_table(tmp_path / "people.parquet", schema=schema()).sha256 == table.sha256


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1.5", "11", "column 'pay', row 0: expected a number from 0 to 10, found 11.0"),
        ("1.5", "1.7", "column 'pay', row 0: expected 0 plus a multiple of 0.5, found 1.7"),
        ("02,", "2,", "column 'zip', row 1: expected one of 01, 02, NA, found '2'"),
        (
            "true,3",
            "perhaps,3",
            "column 'old', row 3: expected one of False, True, found 'perhaps'",
        ),
        ("m,yes,z", ",yes,z", "column 'sex', row 2: expected one of f, m, found a missing value"),
        ("yes,z", "maybe,z", "label 'paid', row 2: expected one of no, yes, found 'maybe'"),
        ("rank", "tank", "column 'rank': expected it in the table, found none"),
        ("2,m,yes", "7,w,yes", "expected one of f, m, found 'w'; and 1 more; see rafair schema"),
    ],
)
def test_rows_that_a_schema_does_not_allow(refused, old, new, words):
    assert words in refused(TYPED.replace(old, new), schema=schema(), sensitive=[], label=None)


def test_other_sensitive_features_than_the_schemas(tmp_path):
    (tmp_path / "people.csv").write_text(TYPED)
    table = read_table(tmp_path / "people.csv", schema=schema(), sensitive=["rank"])
    assert table.schema.sensitive == ("rank",)
    assert table.schema["rank"].domain == (1, 2, 3)
    with pytest.raises(InputError, match="label: expected 'paid', as the schema says, got 'zip'"):
        read_table(tmp_path / "people.csv", schema=schema(), label="zip")
    with pytest.raises(InputError, match="unknown feature 'tank': did you mean 'rank'"):
        read_table(tmp_path / "people.csv", schema=schema(), sensitive=["tank"])


def test_a_table_with_missing_values_is_audited(tmp_path):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sex": generator.choice(["f", "m", None], 60, p=[0.5, 0.4, 0.1]),
            "pay": np.where(generator.random(60) < 0.2, np.nan, generator.integers(0, 20, 60) / 2),
            "zip": generator.choice(["01", "02", None], 60),
            "old": generator.choice([True, False, None], 60),
            "rank": generator.choice([1, 2, 3], 60),
            "paid": generator.choice(["no", "yes"], 60),
        }
    )
    frame.to_parquet(tmp_path / "people.parquet")
    features = [f.model_copy(update={"missing": True}) for f in schema().features]
    table = read_table(tmp_path / "people.parquet", schema=schema(features=tuple(features)))
    absent = frame.drop(columns="paid").isna().to_numpy()
    assert np.array_equal(table.rows < 0, absent)
    torch.manual_seed(0)
    audit = package.audit(
        fcnn(5, 2), table, steps=3, out=tmp_path / "run", model_classes=table.schema.classes
    )
    found = pd.read_parquet(tmp_path / "run" / "adversarial.parquet")
    rows = frame.iloc[found["instance"]].reset_index(drop=True)
    for name in table.schema.names:
        assert np.array_equal(found[f"raw.{name}"].isna(), rows[name].isna()), name
        assert np.array_equal(found[f"encoded.{name}"] == -1, rows[name].isna()), name
    assert audit.document["clean"]["n"] == 60


def test_a_schema_file_and_a_table_go_together(tmp_path):
    (tmp_path / "people.csv").write_text("age,sex,paid\n20,f,0\n30,m,1\n")
    (tmp_path / "schema.toml").write_text(
        'label = "paid"\nclasses = ["0", "1"]\n'
        '[[feature]]\nname = "age"\nkind = "integer"\nminimum = 18\nmaximum = 38\n'
        '[[feature]]\nname = "sex"\nkind = "categorical"\nlevels = ["m", "f"]\nsensitive = true\n'
    )
    table = read_table(tmp_path / "people.csv", schema=read_schema(tmp_path / "schema.toml"))
    assert table.rows.tolist() == [[np.float32(0.1), 1], [np.float32(0.6), 0]]
    assert table.labels.tolist() == [0, 1]


def test_codes_keep_their_zeros(tmp_path):
    (tmp_path / "people.csv").write_text("zip,pay,paid\n01,0.5,0\n2,0,1\n12,10,0\n")
    table = read_table(tmp_path / "people.csv", label="paid", sensitive=["zip"])
    assert table.schema["zip"].levels == ("01", "12", "2")
    assert table.schema["pay"].kind == "numeric"


def test_a_class_may_be_called_as_what_is_missing(tmp_path):
    (tmp_path / "people.csv").write_text("zip,sex,paid\n01,f,NA\n02,m,null\n")
    named = schema(features=schema().features[::2][:2], classes=("NA", "null"))
    assert read_table(tmp_path / "people.csv", schema=named).labels.tolist() == [0, 1]


@pytest.mark.parametrize("classes", [("true", "false"), ("False", "True"), ("TRUE", "FALSE")])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_classes_that_are_truth_values_are_taken_by_name(tmp_path, classes, ending):
    frame = pd.DataFrame({"zip": ["01", "02"], "sex": ["f", "m"], "paid": [True, False]})
    frame.to_csv(tmp_path / "people.csv", index=False)
    frame.to_parquet(tmp_path / "people.parquet")
    named = schema(features=schema().features[::2][:2], classes=classes)
    table = read_table(tmp_path / f"people.{ending}", schema=named)
    assert [classes[label].lower() for label in table.labels] == ["true", "false"]


@pytest.mark.parametrize("line", ["\r\n", "\n\n", "\r"])
def test_ends_of_lines(tmp_path, line):
    (tmp_path / "plain.csv").write_text(GOOD, newline="")
    (tmp_path / "other.csv").write_text(GOOD.replace("\n", line), newline="")
    tables = [
        read_table(tmp_path / f"{name}.csv", label="paid", sensitive=["sex"])
        for name in ("plain", "other")
    ]
    assert tables[0].frame.equals(tables[1].frame)


def test_fields_in_quotes(tmp_path):
    quoted = GOOD.replace("smith", '"smith, ""the""\nelder"').replace("pay,", "\ufeffpay, ", 1)
    (tmp_path / "people.csv").write_text(quoted, encoding="utf-8")
    table = read_table(tmp_path / "people.csv", label="paid", sensitive=["sex"])
    assert table.frame["job"].tolist() == ["cook", 'smith, "the"\nelder', "cook"]
    assert table.schema.names == ("pay", "job", "sex")
