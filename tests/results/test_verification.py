"""What verification sees: every way of altering a run that its files or columns contradict."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import planted
import rafair
from commands import document
from commands import rafair as command
from rafair.auditing.entry import repair_saved
from rafair.engine.digest_json import sealed
from rafair.engine.run_settings import RunSettings
from rafair.errors import RunFolderError
from rafair.results.verification import verified_run
from rafair.tabular.encoding import decode

Document = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    table = planted.random_table(60, n_free=3, domains=(4, 3), seed=8)
    folder = tmp_path_factory.mktemp("runs") / "run"
    rafair.audit(
        planted.network(5, seed=1),
        table,
        attacks=("rafair", "dice"),
        steps=4,
        step_size=0.05,
        out=folder,
    )
    return folder


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def edit(run: Path, change: Callable[[Document], object]) -> None:
    found = document(run)
    change(found)
    (run / "audit.json").write_text(json.dumps(sealed(found)), encoding="utf-8")


def rewrite(run: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Alters a Parquet file and, as a forger would, its hash as well."""
    pq.write_table(change(pq.read_table(run / name)), run / name)
    digest = hashlib.sha256((run / name).read_bytes()).hexdigest()
    edit(run, lambda found: found["files"].update({name: digest}))


def test_a_folder_may_be_called_by_a_point(run, tmp_path, monkeypatch):
    """It has no name that ".partial" could be added to."""
    monkeypatch.chdir(run)
    assert verified_run(".").document == verified_run(run).document
    monkeypatch.chdir(tmp_path)
    for nowhere in ("", ".", "/"):
        with pytest.raises(RunFolderError, match="expected a finished run folder"):
            verified_run(nowhere)


def with_column(name: str, change: Callable[[np.ndarray], np.ndarray]):
    def altered(table: pa.Table) -> pa.Table:
        column = table.schema.get_field_index(name)
        old = table[name]
        values = change(old.to_numpy().copy())
        return table.set_column(column, name, pa.array(values, old.type))

    return altered


def set_at(row: int, value: object):
    def change(values: np.ndarray) -> np.ndarray:
        values[row] = value
        return values

    return change


def flip(row: int):
    def change(values: np.ndarray) -> np.ndarray:
        values[row] = not values[row]
        return values

    return change


def test_a_run_as_it_was_written_is_verified(run):
    assert verified_run(run).document == document(run)


FORGED: dict[str, tuple[Callable[[Document], object], str]] = {
    "a rate": (
        lambda d: d["clean"]["accuracy"].update(value=0.99),
        r"edited: clean\.accuracy\.value says 0\.99, its files give",
    ),
    "n of a rate": (
        lambda d: d["attacks"]["rafair"]["robust"]["accuracy"].update(n=600),
        r"edited: attacks\.rafair\.robust\.accuracy\.n says 600, its files give 60",
    ),
    "n of all": (lambda d: d["clean"].update(n=61), r"edited: clean\.n says 61"),
    "a bound": (
        lambda d: d["attacks"]["rafair-tb"]["iterates"]["accuracy"].update(low=0.9),
        r"edited: attacks\.rafair-tb\.iterates\.accuracy\.low",
    ),
    "bits": (
        lambda d: d["attacks"]["dice"]["discrimination_bits"]["largest"]["min_entropy"].update(
            value=0.0
        ),
        r"discrimination_bits\.largest\.min_entropy\.value",
    ),
    "a repair": (
        lambda d: d["repairs"]["rafair"]["corrected"].update(value=1.0),
        r"edited: repairs\.rafair\.corrected\.value",
    ),
    "a rate that is no number": (
        lambda d: d["clean"]["accuracy"].update(value=float("nan")),
        "expected JSON: expected numbers as JSON writes them, found NaN",
    ),
    "a text for a number": (
        lambda d: d["clean"]["accuracy"].update(value="0.9"),
        r"edited: clean\.accuracy\.value says 0\.9",
    ),
    "a removed attack": (
        lambda d: d["attacks"].pop("rafair-ff"),
        r"edited: attacks\.rafair-ff says nothing, its files give a section",
    ),
    "a removed union": (lambda d: d["attacks"].pop("rafair"), r"edited: attacks\.rafair says"),
    "an added attack": (
        lambda d: d["attacks"].update(pgd=d["attacks"]["rafair-tb"]),
        r"edited: attacks\.pgd says a section, its files give nothing",
    ),
    "an attack that was not asked for": (
        lambda d: d["config"]["attacks"].remove("dice"),
        r"edited: config\.attacks says rafair-tb, rafair-ff, rafair-fb, its files give dice",
    ),
    "an attack that was asked for": (
        lambda d: d["config"]["attacks"].append("pgd"),
        r"edited: config\.attacks says .*pgd.*, its files give",
    ),
    "more steps": (
        lambda d: d["config"].update(steps=40),
        r"edited: config\.steps says 40, its files give 4",
    ),
    "another seed": (
        lambda d: d["config"].update(seed=7),
        r"edited: attacks\.[a-z-]+\.iterates\.\w+\.(low|high)",
    ),
    "a renamed metric": (
        lambda d: d["clean"].update(precision=d["clean"].pop("accuracy")),
        r"edited: clean\.precision says 0\.\d+, its files give nothing",
    ),
    "a removed hash": (
        lambda d: d["files"].pop("adversarial.parquet"),
        r"files: expected the hash of adversarial\.parquet, found none",
    ),
    "a removed hash of repairs, with them": (
        lambda d: (d["files"].pop("repaired.parquet"), d["repairs"].clear()),
        r"files: expected the hash of repaired\.parquet, found none",
    ),
    "another hash": (
        lambda d: d["files"].update({"adversarial.parquet": "0" * 64}),
        r"adversarial\.parquet': altered or cut short",
    ),
    "a file that was never there": (
        lambda d: d["files"].update({"extra.parquet": "0" * 64}),
        r"extra\.parquet': expected a file of the run, found no such file",
    ),
    "a file elsewhere": (
        lambda d: d["files"].update({"../plan.json": "0" * 64}),
        r"files: expected names, got '\.\./plan\.json'",
    ),
    "a list for a table": (
        lambda d: d.update(attacks=[]),
        r"edited: attacks: expected a table, found \[\]",
    ),
    "no table of files": (
        lambda d: d.update(files=None),
        "edited: files: expected a table, found None",
    ),
    "no schema": (lambda d: d["dataset"].pop("schema"), r"expected 'dataset\.schema', found"),
    "a broken schema": (
        lambda d: d["dataset"]["schema"].pop("features"),
        r"edited: expected 'dataset\.schema\.features', found nothing",
    ),
    "an option out of range": (
        lambda d: d["config"].update(steps=-1),
        r"audit\.json': steps: expected a whole number",
    ),
    "an attack that does not exist": (
        lambda d: d["config"].update(attacks=["rafairy"]),
        r"audit\.json': unknown attack 'rafairy': did you mean 'rafair'",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_an_edited_document_is_refused_in_one_line(run, what):
    change, expected = FORGED[what]
    edit(run, change)
    with pytest.raises(RunFolderError, match=expected) as refused:
        verified_run(run)
    assert "\n" not in str(refused.value)


REWRITTEN: dict[str, tuple[str, Callable[[pa.Table], pa.Table], str]] = {
    "accurate": (
        "adversarial.parquet",
        with_column("accurate", flip(7)),
        "row 7: accurate contradicts label and prediction",
    ),
    "prediction": (
        "adversarial.parquet",
        with_column("prediction", lambda v: 1 - v),
        "row 0: accurate contradicts label and prediction",
    ),
    "fair": (
        "adversarial.parquet",
        with_column("fair", flip(11)),
        "row 11: fair contradicts counterpart_prediction",
    ),
    "fair of a repair": (
        "repaired.parquet",
        with_column("fair", flip(2)),
        "row 2: fair contradicts counterpart_prediction",
    ),
    "verdict": (
        "adversarial.parquet",
        with_column("verdict", lambda v: np.full(len(v), "true fair", object)),
        "verdict contradicts accurate and fair",
    ),
    "fewer rows": (
        "adversarial.parquet",
        lambda table: table.slice(0, len(table) - 3),
        "attack 'dice': expected steps 0 to 4 of every instance",
    ),
    "an instance less": (
        "adversarial.parquet",
        lambda table: table.slice(0, len(table) - 5),
        "attack 'dice': expected the instances, labels and steps of the attack before it",
    ),
    "an instance twice": (
        "adversarial.parquet",
        lambda table: pa.concat_tables([table.slice(0, 5), table]),
        "attack 'rafair-tb': expected every instance once, found some twice",
    ),
    "another order of steps": (
        "adversarial.parquet",
        lambda table: table.take(np.r_[1, 0, 2 : len(table)]),
        "attack 'rafair-tb': expected steps 0 to 4 of every instance",
    ),
    "no rows": (
        "adversarial.parquet",
        lambda table: table.slice(0, 0),
        "expected at least one row, found none",
    ),
    "a column less": (
        "adversarial.parquet",
        lambda table: table.drop_columns(["verdict"]),
        "expected a column 'verdict', found none",
    ),
    "a column of another kind": (
        "adversarial.parquet",
        lambda table: table.set_column(
            table.schema.get_field_index("fair"), "fair", table["fair"].cast(pa.int8())
        ),
        "fair: expected truth values, found int8",
    ),
    "missing values": (
        "adversarial.parquet",
        lambda table: table.set_column(
            table.schema.get_field_index("label"),
            "label",
            pc.if_else(pc.equal(table["instance"], 3), pa.scalar(None), table["label"]),
        ),
        "label: expected no missing value, found some",
    ),
    "another instance's repair": (
        "repaired.parquet",
        with_column("instance", lambda v: v + 1),
        "expected the instances and labels of adversarial.parquet, found others",
    ),
}


@pytest.mark.parametrize("what", REWRITTEN)
def test_a_rewritten_table_with_a_new_hash_contradicts_itself(run, what):
    name, change, expected = REWRITTEN[what]
    rewrite(run, name, change)
    with pytest.raises(RunFolderError, match=expected) as refused:
        verified_run(run)
    assert "\n" not in str(refused.value)


def test_all_columns_rewritten_alike_still_contradict_the_figures(run):
    """A forger who makes a whole row right must also find every rate that follows from it."""

    def righted(table: pa.Table) -> pa.Table:
        frame = table.to_pandas().astype({"verdict": object})
        wrong = frame.index[(frame["attack"] == "rafair-tb") & ~frame["accurate"]]
        frame.loc[wrong, "prediction"] = frame.loc[wrong, "label"]
        frame.loc[wrong, "accurate"] = True
        frame.loc[wrong, "fair"] = True
        frame.loc[wrong, "verdict"] = "true fair"
        frame.loc[wrong, "counterpart_prediction"] = None
        return pa.Table.from_pandas(frame, table.schema, preserve_index=False)

    rewrite(run, "adversarial.parquet", righted)
    with pytest.raises(RunFolderError, match="step 0: expected the clean verdicts of the attack"):
        verified_run(run)


def test_a_file_that_is_no_parquet_is_told(run):
    (run / "repaired.parquet").write_bytes(b"PAR1 nothing")
    digest = hashlib.sha256((run / "repaired.parquet").read_bytes()).hexdigest()
    edit(run, lambda found: found["files"].update({"repaired.parquet": digest}))
    with pytest.raises(RunFolderError, match=r"repaired\.parquet': expected a whole Parquet file"):
        verified_run(run)


def test_clean_rows_alone_are_verified(tmp_path):
    table = planted.random_table(30, n_free=3, domains=(2,), seed=1)
    rafair.audit(planted.network(4, seed=1), table, attacks=(), out=tmp_path / "run")
    assert verified_run(tmp_path / "run").document["attacks"] == {}


@pytest.fixture(scope="module")
def repaired(tmp_path_factory):
    """A run on affairs, and its repair under another seed and other options."""
    folder = tmp_path_factory.mktemp("repaired")
    options = ("--epochs", "1", "--instances", "30", "--steps", "3", "--epsilon", "0.3")
    options += ("--perturbation", "both")
    command("audit", *options, "--out", folder / "run")
    command(
        "repair", folder / "run", "--steps", "2", "--epsilon", "0.3", "--out", folder / "repair"
    )
    means = RunSettings(out=folder / "seeded", threads=2, command="repair_saved(...)")
    repair_saved(folder / "run", {"seed": 5}, means)
    return folder


@pytest.mark.parametrize("name", ["run", "repair", "seeded"])
def test_repairs_of_a_saved_run_are_verified(repaired, name):
    assert verified_run(repaired / name)
    if name == "seeded":  # the attacks' bootstraps are those of the run that was repaired
        assert document(repaired / name)["seed"] == 5
        assert document(repaired / name)["config"]["seed"] == 0


@pytest.fixture(scope="module")
def of_file(tmp_path_factory):
    """An audit of all rows of a file, with a network that was saved."""
    folder = tmp_path_factory.mktemp("file")
    command("train", "--epochs", "1", "--out", folder / "model")
    some_rows(rafair.load_dataset("affairs").test).to_parquet(folder / "rows.parquet")
    command(
        *("audit", "--model", folder / "model", "--data", folder / "rows.parquet"),
        *("--instances", "20", "--steps", "2", "--out", folder / "run"),
    )
    return folder / "run"


def some_rows(table: rafair.Table) -> pd.DataFrame:
    frame = decode(table.rows[:300], table.schema)
    return frame.assign(affairs=np.array(table.schema.classes)[table.labels[:300]])


def test_the_verdicts_of_all_rows_are_counted_again(of_file, tmp_path):
    assert verified_run(of_file).document["whole"]["rows"] == 300
    run = shutil.copytree(of_file, tmp_path / "run")
    edit(run, lambda d: d["whole"]["accuracy"].update(value=0.99))
    with pytest.raises(RunFolderError, match=r"edited: whole\.accuracy\.value says 0\.99"):
        verified_run(run)
    edit(run, lambda d: d.pop("whole"))
    with pytest.raises(RunFolderError, match=r"whole says nothing|edited: whole"):
        verified_run(run)


def test_a_gate_may_ask_for_rates_of_all_rows(of_file):
    rule = {"rate": "whole.accuracy", "at_least": 0.0}
    (finding,) = rafair.gate(of_file, {"version": 1, "rule": [rule]}).findings
    assert finding.measured.n == 300


def test_a_rewritten_verdict_of_all_rows_contradicts_itself(of_file, tmp_path):
    run = shutil.copytree(of_file, tmp_path / "run")
    rewrite(run, "verdicts.parquet", with_column("fair", flip(150)))
    with pytest.raises(RunFolderError, match="row 150: fair contradicts counterpart_prediction"):
        verified_run(run)
