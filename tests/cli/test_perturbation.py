"""`--perturbation` on audit, attack and repair, and what they leave behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from commands import call, document, rafair, without
from rafair.engine.digest_json import sealed
from rederive import check

QUICK = ("--epochs", "3", "--instances", "20", "--steps", "12", "--step-size", "0.02")
QUICK += ("--attack", "rafair")
MEMBERS = ["rafair-tb", "rafair-ff", "rafair-fb"]
SPENT = ("seconds", "gradient_rows", "prediction_rows")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("perturbations")
    for kind in ("paper", "feasible", "both"):
        rafair("audit", *QUICK, "--perturbation", kind, "--out", folder / kind)
    return folder


def twins(names: list[str]) -> list[str]:
    return [f"feasible/{name}" for name in names]


def test_both_holds_what_either_gives(base):
    paper, feasible, both = (document(base / kind) for kind in ("paper", "feasible", "both"))
    assert list(both["attacks"]) == [*MEMBERS, *twins(MEMBERS), "rafair", "feasible/rafair"]
    for section in ("attacks", "repairs"):
        of_both = without(SPENT, both[section])
        for name in paper[section]:
            assert of_both[name] == without(SPENT, paper[section])[name]
            assert of_both[f"feasible/{name}"] == without(SPENT, feasible[section])[name]
    assert both["config"]["perturbation"] == "both"
    assert paper["config"]["max_category_changes"] == 1
    assert "feasible" not in paper
    assert both["feasible"]["too_coarse"] == ["rate_marriage"]


def test_the_files_name_the_twins_and_hold_values_that_could_be(base):
    rows = pd.read_parquet(base / "both" / "adversarial.parquet")
    names = rows["attack"].astype(str)
    assert list(names.unique()) == [*MEMBERS, *twins(MEMBERS)]
    repaired = pd.read_parquet(base / "both" / "repaired.parquet")
    assert set(repaired["attack"].astype(str)) == set(document(base / "both")["repairs"])
    own = names.str.startswith("feasible/")
    for column, step in (("raw.children", 0.5), ("raw.yrs_married", 0.5)):
        assert (rows.loc[own, column] % step == 0).all()
        assert (rows.loc[~own, column] % step != 0).any()


def test_both_rates_stand_side_by_side(base, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    done = rafair("audit", *QUICK, "--perturbation", "both", "--out", base / "both")
    assert "feasible perturbations never move rate_marriage" in " ".join(done.out.split())
    lines = rafair("show", base / "both").out.splitlines()
    title = "Under the paper's perturbations and under feasible ones"
    start = next(number for number, line in enumerate(lines) if line.strip() == title)
    attacks = document(base / "both")["attacks"]
    pair = attacks["rafair"]["robust"], attacks["feasible/rafair"]["robust"]
    line = next(line for line in lines[start:] if line.startswith("rafair "))
    shown = [
        f"{robust[rate]['value']:.3f}"
        for rate in ("accuracy", "individual_fairness", "accurate_fairness")
        for robust in pair
    ]
    assert line.split()[1:] == shown
    assert max(map(len, lines)) <= 100
    rafair("audit", *QUICK, "--perturbation", "paper", "--out", base / "paper")
    assert title not in rafair("show", base / "paper").out


def test_attack_takes_the_run_s_perturbation_or_another(base, tmp_path):
    rafair("attack", base / "both", "--attack", "pgd", "--out", tmp_path / "same")
    assert list(document(tmp_path / "same")["attacks"]) == ["pgd", "feasible/pgd"]
    rafair("attack", base / "both", "--perturbation", "feasible", "--out", tmp_path / "other")
    again = document(tmp_path / "other")
    assert list(again["attacks"]) == [*MEMBERS, "rafair"]
    expected = without(SPENT, document(base / "feasible")["attacks"])
    assert without(SPENT, again["attacks"]) == expected


@pytest.mark.parametrize("kind", ["paper", "feasible", "both"])
def test_repair_alone_gives_what_the_audit_gave(base, tmp_path, kind):
    rafair("repair", base / kind, "--out", tmp_path / "repaired")
    again, first = document(tmp_path / "repaired"), document(base / kind)
    assert without(SPENT, again["repairs"]) == without(SPENT, first["repairs"])
    assert without(SPENT, again["attacks"]) == without(SPENT, first["attacks"])


def test_rows_of_the_paper_s_attacks_can_be_repaired_feasibly(base, tmp_path):
    rafair("repair", base / "paper", "--perturbation", "feasible", "--out", tmp_path / "repaired")
    attacked = pd.read_parquet(tmp_path / "repaired" / "adversarial.parquet")
    repaired = pd.read_parquet(tmp_path / "repaired" / "repaired.parquet")
    assert document(tmp_path / "repaired")["config"]["repair"]["perturbation"] == "feasible"
    own = repaired[repaired["attack"].astype(str) == "rafair-ff"].set_index("instance")
    before = attacked[attacked["attack"].astype(str) == "rafair-ff"]
    # where a value is not the attack's own any more, it is one that could be
    for column in ("children", "yrs_married"):
        known = before.groupby("instance")[f"encoded.{column}"].agg(set)
        moved = [value not in known[n] for n, value in own[f"encoded.{column}"].items()]
        assert any(moved)
        assert (own[f"raw.{column}"][moved] % 0.5 == 0).all()


def test_a_run_of_a_version_without_the_option_is_the_paper_s(base, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(base / "paper", old)
    content = json.loads((old / "audit.json").read_text())
    del content["config"]["perturbation"], content["config"]["max_category_changes"]
    (old / "audit.json").write_text(json.dumps(sealed(content)))
    rafair("attack", old, "--out", tmp_path / "again")
    again = document(tmp_path / "again")
    assert again["config"]["perturbation"] == "paper"
    expected = without(SPENT, document(base / "paper")["attacks"])
    assert without(SPENT, again["attacks"]) == expected


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--perturbation", "feasable"), "did you mean 'feasible'?"),
        (
            ("--max-category-changes", "-1"),
            "--max-category-changes: expected a whole number from 0",
        ),
        (
            ("--perturbation", "feasible", "--epsilon", "rate_marriage=0.1"),
            "less than a step of 'rate_marriage'",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    done = call("audit", *QUICK, *options, "--out", "run")
    assert (done.code, done.out) == (2, "")
    assert line in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["feasible", "both"])
def test_an_auditor_of_its_own_derives_every_rate_again(base, kind):
    findings = check(base / kind)
    assert findings.agrees, "\n".join(findings.lines())
