"""Tables of one's own that are read block by block: the same figures as if they were read whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io

import own_models
from commands import MAY_DIFFER, call, document, rafair, without
from rafair.tabular import large_tables
from rafair.tabular.column_roles import Roles
from rafair.tabular.large_tables import is_large, open_own
from rafair.tabular.table_from_file import read_table

ROWS = 60
OWN = ("--label", "affair", "--sensitive", "religious")
AUDIT = ("--model", "pipeline.skops", "--steps", "2", "--attack", "rafair")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    people().to_parquet("people.parquet", row_group_size=17)
    skops.io.dump(own_models.pipeline(), "pipeline.skops")
    return tmp_path


def people() -> pd.DataFrame:
    return own_models.people().iloc[:: own_models.ROWS // ROWS].reset_index(drop=True)


def figures(folder: Path) -> dict[str, object]:
    found = document(folder)
    parts = {key: found[key] for key in ("clean", "attacks", "repairs", "groups", "gaps")}
    return without(MAY_DIFFER, {**parts, "schema": found["dataset"]["schema"]})


def test_a_streamed_table_has_the_figures_of_one_read_whole(here):
    data = ("--data", "people.parquet", *OWN)
    rafair("audit", *data, *AUDIT, "--instances", str(ROWS), "--out", "whole")
    streamed = ("--stream", "--instances", str(ROWS), "--out", "streamed")
    done = rafair("audit", *data, *AUDIT, *streamed)
    assert f"'people.parquet': {ROWS} rows are read block by block" in done.err
    assert figures(here / "streamed") == figures(here / "whole")
    found = document(here / "streamed")
    assert (found["dataset"]["streamed"], found["dataset"]["own"]) == (True, True)
    assert found["whole"]["rows"] == ROWS
    assert found["whole"]["accurate_fairness"] == found["clean"]["accurate_fairness"]
    verdicts = pq.read_table("streamed/verdicts.parquet").to_pandas()
    predicted = own_models.pipeline().predict(people().drop(columns="affair"))
    assert (np.array(["no", "yes"])[verdicts["prediction"]] == predicted).all()


def test_a_streamed_run_goes_on_from_where_it_was(here):
    data = ("--data", "people.parquet", *OWN)
    rafair("audit", *data, *AUDIT, "--stream", "--instances", "9", "--out", "run")
    again = ("--data", "people.parquet", "--model", "pipeline.skops")
    rafair("attack", "run", *again, "--attack", "noise", "--out", "more")
    rafair("repair", "run", *again, "--out", "repaired")
    first, more = document(here / "run"), document(here / "more")
    assert without(MAY_DIFFER, more["whole"]) == without(MAY_DIFFER, first["whole"])
    assert more["clean"] == first["clean"]
    rafair("monitor", "init", "run", *again, "--probes", "none", "--json", "frozen.json")
    frozen = json.loads(Path("frozen.json").read_text())["rates"]["clean"]
    assert frozen["accurate_fairness"]["count"] == first["whole"]["accurate_fairness"]["count"]
    people().iloc[::-1].to_parquet("people.parquet")
    done = call("attack", "run", *again, "--attack", "noise", "--out", "other")
    assert "expected the file that was audited" in done.err


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"age": 400}, "column 'age', row 33: expected a number from"),
        ({"occupation": "king"}, "column 'occupation', row 33: expected one of"),
        ({"affair": "perhaps"}, "label 'affair', row 33: expected one of no, yes"),
        ({"children": None}, "column 'children', row 33"),
    ],
)
def test_each_row_must_be_as_the_schema_says(here, changed, words, monkeypatch):
    monkeypatch.setattr("rafair.sources.stream_scan.BATCH_ROWS", 16)
    monkeypatch.setattr("rafair.sources.row_sources.BLOCK_ROWS", 4)
    Path("schema.toml").write_text(rafair("schema", "infer", "people.parquet", *OWN).out)
    frame = people().astype(dict.fromkeys(changed, object))
    for name, value in changed.items():
        frame.loc[33, name] = value
    if "children" in changed:
        frame = frame.astype({"children": float})
    frame.to_parquet("people.parquet")
    schema = ("--data", "people.parquet", "--schema", "schema.toml", "--stream")
    done = call("audit", *schema, *AUDIT, "--instances", "9", "--out", "run")
    assert (done.code, words in done.err) == (2, True), done.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "afair", "--sensitive", "age"), "did you mean 'affair'?"),
        (("--label", "affair", "--sensitive", "ages"), "unknown column 'ages'"),
        (("--label", "affair"), "--sensitive: expected the columns"),
    ],
)
def test_what_is_not_there_is_refused(here, options, words):
    done = call("audit", "--data", "people.parquet", *options, *AUDIT, "--stream")
    assert (done.code, words in done.err, done.err.count("\n")) == (2, True, 1), done.err


def test_only_some_files_can_be_streamed(here):
    people().to_feather("people.feather")
    done = call("audit", "--data", "people.feather", *OWN, *AUDIT, "--stream")
    assert "stream: expected with a file of Parquet, CSV or TSV, got 'people.feather'" in done.err
    done = call("audit", "--stream", "--instances", "5")
    assert "stream: expected with --data" in done.err


def test_the_schema_of_a_stream_is_that_of_the_whole(here):
    frame = people().assign(
        when=pd.Series(range(ROWS)) / 8,
        few=[1, 2] * (ROWS // 2),
        member=[True, False] * (ROWS // 2),
        pay=np.float32(1.5),
    )
    frame.to_parquet("more.parquet", row_group_size=7)
    for sensitive in (["religious"], ["age", "few"], ["member"]):
        whole = read_table("more.parquet", label="affair", sensitive=sensitive).schema
        assert (
            open_own(Path("more.parquet"), None, Roles(label="affair", sensitive=sensitive)).schema
            == whole
        )
        stated = whole.model_copy(
            update={
                "features": tuple(
                    feature.model_copy(update={"domain": None}) for feature in whole.features
                )
            }
        )
        read = read_table("more.parquet", schema=stated).schema
        assert open_own(Path("more.parquet"), stated, Roles()).schema == read


def test_large_is_what_has_many_values_or_bytes(here, monkeypatch):
    assert not is_large(Path("people.parquet"))
    monkeypatch.setattr(large_tables, "LARGE_VALUES", ROWS * 9)
    assert is_large(Path("people.parquet"))
    monkeypatch.setattr(large_tables, "LARGE_TEXT", 80)
    Path("people.csv").write_text("a,b\n" + "1,2\n" * 20)
    Path("people.csv.gz").write_bytes(b"\0" * 10)
    Path("people.jsonl").write_text("{}\n" * 100)
    assert [is_large(Path(f"people.{end}")) for end in ("csv", "csv.gz", "jsonl", "none")] == [
        True,
        True,
        False,
        False,
    ]
