"""The example of a scikit-learn pipeline on a raw table, by the very commands of its README."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from commands import call, document, rafair

EXAMPLE = Path(__file__).parents[2] / "examples" / "scikit_learn_pipeline"
SENSITIVE = ("age", "religious")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What train.py and the README's audit write."""
    made = tmp_path_factory.mktemp("pipeline")
    for words in commands(made):
        if words[0] == "python":
            done = subprocess.run(
                [sys.executable, *words[1:]], check=True, capture_output=True, text=True
            )
            assert re.search(r"right for [67]\d\.\d% of 1,274 others", done.stdout)
        elif words[0] == "rafair":
            rafair(*words[1:])
    return made


def commands(folder: Path) -> list[list[str]]:
    """The README's commands, with the test's own folder."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL))
    lines = blocks.replace("\\\n", " ").replace("runs/pipeline", str(folder))
    lines = lines.replace("examples/scikit_learn_pipeline", str(EXAMPLE))
    return [shlex.split(line) for line in lines.splitlines()]


def test_the_table_has_words_and_gaps(folder):
    people = pd.read_csv(folder / "people.csv")
    assert people["children"].isna().sum() == 75
    assert people["occupation_husb"].isna().sum() == 56
    assert "strongly" in set(people["religious"])


def test_clean_verdicts_are_the_pipelines_own(folder):
    people = pd.read_csv(folder / "people.csv")
    trusted = skops.io.get_untrusted_types(file=folder / "pipeline.skops")
    pipeline = skops.io.load(folder / "pipeline.skops", trusted=trusted)
    rows = pd.read_parquet(folder / "audit" / "adversarial.parquet")
    clean = rows[(rows["step"] == 0) & (rows["attack"] == "rafair-tb")]
    assert len(clean) == 40
    domains = [np.unique(people[column]) for column in SENSITIVE]
    features = people.drop(columns="affair")
    for _, row in clean.iterrows():
        person = features.iloc[[row["instance"]]]
        own = pipeline.predict(person)[0]
        others = pd.concat(
            person.assign(**dict(zip(SENSITIVE, values, strict=True)))
            for values in itertools.product(*domains)
        )
        assert row["accurate"] == (own == people["affair"][row["instance"]])
        assert row["fair"] == (pipeline.predict(others) == own).all()
    right = (pipeline.predict(features) == people["affair"]).sum()
    assert document(folder / "audit")["model"]["test_accuracy"]["count"] == right


def test_every_stored_row_could_really_happen(folder):
    people = pd.read_csv(folder / "people.csv")
    rows = pd.read_parquet(folder / "audit" / "adversarial.parquet")
    before = people.iloc[rows["instance"]].reset_index(drop=True)
    after = rows[[f"raw.{column}" for column in people.columns[:-1]]]
    after.columns = people.columns[:-1]
    for column in ("age", "religious", "occupation_husb"):
        assert ((after[column] == before[column]) | before[column].isna()).all()
    assert (after["children"].isna() == before["children"].isna()).all()
    for column, most in (("children", 1), ("yrs_married", 2)):
        moved = (after[column].astype(float) - before[column]).dropna()
        assert moved.between(0, most + 1e-6).all()
        assert np.allclose(moved * 2, np.rint(moved * 2))
    assert (after["occupation"] != before["occupation"]).any()
    assert (rows["verdict"] != "true fair").any()


def test_the_commands_of_the_front_page(folder, tmp_path, monkeypatch):
    """Those of the section on one's own data, from the proposed schema to the gate."""
    monkeypatch.chdir(tmp_path)
    page = (EXAMPLE.parents[1] / "README.md").read_text(encoding="utf-8")
    section = page.partition("## Your own table and model")[2].partition("\n## ")[0]
    lines = re.findall(r"^    (rafair .*)$", section, flags=re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        command, _, file = line.replace("runs/pipeline", str(folder)).partition(" > ")
        done = call(*shlex.split(command, comments=True)[1:])
        assert done.code == 0 or (done.code == 1 and "rafair gate" in command), done.err
        if file:
            Path(file).write_text(done.out, encoding="utf-8")
    assert (tmp_path / "gate.xml").is_file()
    (policy,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    Path("shown.toml").write_text(policy, encoding="utf-8")
    assert call("gate", "runs/mine", "--policy", "shown.toml").code in (0, 1)
    found = document(tmp_path / "runs" / "mine")
    assert found["certified"]["0.05"]["accurate_fairness"]["certified"]["n"] == 20
    assert found["clean"]["n"] == 20
    assert found["config"]["perturbation"] == "feasible"
    assert found["model"]["kind"] == "scikit-learn"
