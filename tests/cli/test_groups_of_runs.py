"""Rates by group of commands: which bands they take, and of runs on files and repairs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import rederive
from commands import document, rafair
from rafair import load_dataset
from rafair.engine.digest_json import sealed
from rafair.results.verification import verified_run

QUICK = ("--epochs", "1", "--instances", "60", "--steps", "2")
EDGES = [20.0, 30.0]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("banded") / "run"
    rafair("audit", *QUICK, "--bands", "age=20,30", "--out", folder)
    return folder


def test_bands_are_those_that_are_given(run):
    said = document(run)
    assert said["config"]["bands"] == {"age": EDGES}
    assert list(said["groups"]["age"]) == ["below 20", "20 up to 30", "30 and over"]
    assert list(said["groups"]) == ["age", "religious", "age × religious"]
    assert rafair("audit", *QUICK, "--bands", "age=20,30", "--out", run).err.startswith("done bef")
    plain = rafair("audit", *QUICK, "--json", "-", "--out", run.parent / "plain")
    assert json.loads(plain.out)["config"]["bands"] == {}
    assert "17.5" in json.loads(plain.out)["groups"]["age"]


def test_other_bands_are_another_audit(run):
    done = rafair("audit", *QUICK, "--bands", "age=25", "--out", run.parent / "other")
    assert "done before" not in done.err
    assert list(document(run.parent / "other")["groups"]["age"]) == ["below 25", "25 and over"]


@pytest.mark.parametrize("command", ["attack", "repair"])
def test_a_saved_runs_bands_are_kept_unless_there_are_new_ones(run, command, tmp_path):
    rafair(command, run, "--out", tmp_path / "same")
    assert document(tmp_path / "same")["config"]["bands"] == {"age": EDGES}
    rafair(command, run, "--bands", "age=25", "--out", tmp_path / "new")
    assert document(tmp_path / "new")["config"]["bands"] == {"age": [25.0]}
    for name in ("same", "new"):
        verified_run(tmp_path / name)
        assert rederive.check(tmp_path / name).lines() == []


def test_a_repair_has_the_groups_of_what_it_repairs(run, tmp_path):
    rafair("repair", run, "--labels", "consensus", "--out", tmp_path / "repair")
    before, after = document(run), document(tmp_path / "repair")
    assert (after["groups"], after["gaps"]) == (before["groups"], before["gaps"])


def test_the_repair_of_an_older_run_has_groups_as_well(run, tmp_path):
    older = Path(shutil.copytree(run, tmp_path / "older"))
    content = document(older)
    del content["groups"], content["gaps"], content["config"]["bands"]
    (older / "audit.json").write_text(json.dumps(sealed(content)))
    rafair("repair", older, "--out", tmp_path / "repair")
    assert document(tmp_path / "repair")["config"]["bands"] == {}
    assert "17.5" in document(tmp_path / "repair")["groups"]["age"]
    assert rederive.check(tmp_path / "repair").lines() == []


def test_a_file_has_the_groups_of_its_sample(run, tmp_path):
    table = load_dataset("affairs").table
    rows = table.frame.assign(affairs=table.labels).iloc[:400]
    assert isinstance(rows, pd.DataFrame)
    rows.to_parquet(tmp_path / "rows.parquet")
    options = ("--instances", "50", "--steps", "2", "--bands", "age=20,30")
    asked = ("audit", "--model", run, "--data", tmp_path / "rows.parquet")
    rafair(*asked, *options, "--out", tmp_path / "o")
    said = document(tmp_path / "o")
    assert said["whole"]["rows"] == 400
    assert sum(group["n"] for group in said["groups"]["age"].values()) == 50
    assert said["config"]["bands"] == {"age": EDGES}
    verified_run(tmp_path / "o")
