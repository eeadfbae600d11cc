"""Several budgets in one audit: nested boxes, one curve, and everything that reads it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import commands
import rafair
import rederive
from rafair.engine.digest_json import sealed
from rafair.errors import InputError, RunFolderError
from rafair.results.verification import verified_run

EPSILONS = (0.02, 0.05, 0.2)
METRICS = ("accuracy", "individual_fairness", "accurate_fairness")


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    out = tmp_path_factory.mktemp("curve") / "run"
    words = ["--epochs", "3", "--epsilons", ".2,0.02,.05", "--instances", "40", "--steps", "4"]
    for attack in ("rafair", "pgd", "strongest"):
        words += ["--attack", attack]
    done = commands.call("audit", *words, "--perturbation", "both", "--out", out)
    assert done.code == 0, done.err
    return rafair.Audit.load(out)


def rates(audit, attack):
    """Counts of each metric, by ascending budget."""
    points = [*audit.document["curve"].values()]
    robust = [point["robust"][attack] for point in points]
    robust.append(audit.document["attacks"][attack]["robust"])
    return {metric: [one[metric]["count"] for one in robust] for metric in METRICS}


def test_rates_never_rise_with_epsilon_nor_above_those_of_others(audited):
    assert list(audited.document["curve"]) == ["0.02", "0.05"]
    for attack in audited.document["attacks"]:
        for metric, counts in rates(audited, attack).items():
            assert counts == sorted(counts, reverse=True), (attack, metric)
            prefix = "feasible/" if attack.startswith("feasible/") else ""
            strongest = rates(audited, f"{prefix}strongest")[metric]
            assert np.all(np.array(strongest) <= counts), (attack, metric)
    assert rates(audited, "strongest")["accurate_fairness"][0] > 0


def test_rates_follow_from_the_rows_alone(audited):
    """Counted with pandas: no witness leaves its box, and no rate counts anything else."""
    rows = pd.read_parquet(audited.folder / "curve.parquet")
    every = pd.read_parquet(audited.folder / "adversarial.parquet")
    assert set(every["epsilon"]) == {0.2}
    features = [name for name in rows if name.startswith("encoded.")]
    for (attack, epsilon), found in rows.groupby(["attack", "epsilon"], observed=True):
        paths = found[features].to_numpy(np.float64).reshape(40, 3, -1)
        assert np.abs(paths - paths[:, :1]).max() <= epsilon + 1e-6 or "feasible" in attack
        held = found.groupby("instance")[["accurate", "fair"]].all()
        told = audited.document["curve"][f"{epsilon:g}"]["robust"][attack]
        assert held["accurate"].sum() == told["accuracy"]["count"]
        assert held.all(axis=1).sum() == told["accurate_fairness"]["count"]
    largest = every.groupby(["attack", "instance"], observed=True)[["accurate", "fair"]].all()
    before = rows.groupby(["attack", "instance"], observed=True)[["accurate", "fair"]].all()
    both = (largest & before).all(axis=1).groupby("attack", observed=True).sum()
    for attack, count in both.items():
        robust = audited.document["attacks"][attack]["robust"]
        assert robust["accurate_fairness"]["count"] == count


def test_an_auditor_that_shares_no_code_agrees(audited):
    findings = rederive.check(audited.folder)
    assert findings.agrees, findings.summary()


def test_each_person_has_the_smallest_budget_that_broke_it(audited):
    every = pd.read_parquet(audited.folder / "adversarial.parquet")
    smaller = pd.read_parquet(audited.folder / "curve.parquet")
    told = every.groupby("instance")["smallest_epsilon"].agg(["first", "nunique"])
    assert told["nunique"].max() == 1
    bad = pd.concat([every, smaller])
    bad = bad[~(bad["accurate"] & bad["fair"])]
    clean = every[(every["step"] == 0) & ~(every["accurate"] & every["fair"])]["instance"]
    expected = bad.groupby("instance")["epsilon"].min().reindex(told.index)
    expected[expected.index.isin(clean)] = 0
    pd.testing.assert_series_equal(told["first"], expected, check_names=False)


def test_groups_are_told_at_every_budget(audited):
    point = audited.document["curve"]["0.05"]
    groups = point["groups"]["religious"]
    whole = point["robust"]["strongest"]["accuracy"]["count"]
    counts = [g["robust"]["strongest"]["accuracy"] for g in groups.values()]
    assert sum(rate["count"] for rate in counts if rate) == whole


def test_the_run_is_verified_and_what_was_edited_is_named(audited, tmp_path):
    verified_run(audited.folder)
    copy = shutil.copytree(audited.folder, tmp_path / "run")
    document = json.loads((copy / "audit.json").read_text())
    document["curve"]["0.05"]["robust"]["pgd"]["accuracy"]["count"] -= 1
    (copy / "audit.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(RunFolderError, match=r"curve\.0\.05\.robust\.pgd\.accuracy"):
        verified_run(copy)
    del document["curve"]
    (copy / "audit.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(RunFolderError, match="curve"):
        verified_run(copy)


def test_a_rule_may_name_a_budget(audited, tmp_path):
    left = rates(audited, "strongest")["accurate_fairness"]
    text = "version = 1\n"
    for epsilon, count in zip(EPSILONS, left, strict=True):
        text += f'[[rule]]\nrate = "robust.accurate_fairness"\nepsilon = {epsilon}\n'
        text += f"at_least = {count / 40}\n"
    text += '[[rule]]\nrate = "robust.accuracy"\nattack = "*"\nepsilon = 0.02\nat_least = 0\n'
    text += '[[rule]]\nrate = "robust.accuracy"\nepsilon = 0.05\ngroup = "religious"\n'
    text += "min_n = 1\nat_least = 0\n"
    (tmp_path / "policy.toml").write_text(text)
    decision = rafair.gate(audited.folder, tmp_path / "policy.toml")
    assert decision.passed
    titles = [finding.title for finding in decision.findings]
    assert titles[0].startswith("robust.accurate_fairness of strongest at epsilon 0.02:")
    assert titles[2].startswith("robust.accurate_fairness of strongest:")
    assert sum(f.rule == 4 for f in decision.findings) == len(audited.document["attacks"])
    assert decision.findings[0].to_dict()["epsilon"] == 0.02


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('rate = "robust.accuracy"\nepsilon = 0.03', "audited (0.02, 0.05, 0.2), got 0.03"),
        ('rate = "outcome.accuracy"\nattack = "pgd"\nepsilon = 0.02', "expected a robust rate"),
        ('rate = "clean.accuracy"\nepsilon = 0.02', "epsilon: expected none for 'clean.accuracy'"),
        ('rate = "robust.accuracy"\nepsilon = 2', "epsilon: expected a number above 0 up to 1"),
    ],
)
def test_a_rule_about_another_budget_is_refused(audited, tmp_path, rule, words):
    (tmp_path / "policy.toml").write_text(f"version = 1\n[[rule]]\n{rule}\nat_least = 0\n")
    with pytest.raises(InputError) as caught:
        rafair.gate(audited.folder, tmp_path / "policy.toml")
    assert words in str(caught.value)


def test_reports_and_diff_show_the_curve(audited, tmp_path):
    for name in ("report.html", "report.md"):
        done = commands.call("report", audited.folder, "--out", tmp_path / name)
        assert done.code == 0, done.err
        text = (tmp_path / name).read_text()
        assert "Over epsilon" in text
        assert "epsilon 0.05" in text
    assert "\nup to 0.02 " in str(audited)
    compared = rafair.diff(audited.folder, audited.folder)
    budgets = {change.name.epsilon for change in compared.changes}
    assert budgets == {None, 0.02, 0.05}
    assert set(audited.to_frame()["epsilon"].dropna()) == {0.02, 0.05}


def test_a_repaired_run_keeps_the_curve(audited, tmp_path):
    done = commands.call("repair", audited.folder, "--out", tmp_path / "again", "--steps", "2")
    assert done.code == 0, done.err
    again = verified_run(tmp_path / "again")
    assert again.document["curve"] == audited.document["curve"]
    assert rederive.check(tmp_path / "again").agrees
    words = ["--attack", "pgd", "--epsilon", "0.1", "--steps", "3", "--out", tmp_path / "two"]
    done = commands.call("attack", audited.folder, *words)
    assert done.code == 0, done.err
    other = rafair.Audit.load(tmp_path / "two").options
    assert (other.epsilons, other.epsilon) == (None, 0.1)
    assert other.step_size == pytest.approx(2.5 * 0.1 / 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilons": ()}, "epsilons: expected numbers above 0"),
        ({"epsilons": (0.1, 0.1)}, "epsilons: expected each once"),
        ({"epsilons": (0.1, 2)}, "epsilons: expected a number above 0 up to 1, got 2"),
        ({"epsilons": (0.1, 0.2), "epsilon": 0.1}, "epsilon: expected not beside epsilons"),
        ({"epsilons": "0.1"}, "epsilons: expected numbers"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(options, words):
    table = rafair.load_dataset("affairs").test
    with pytest.raises(InputError) as caught:
        rafair.audit(lambda rows: rows[:, :2], table, **options)
    assert words in str(caught.value)


def test_own_tables_get_feasible_rows_at_three_budgets_from_python_too():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"pay": draw.normal(30, 5, 80), "age": draw.integers(20, 60, 80)})
    frame["ok"] = (frame["pay"] + draw.normal(0, 3, 80) > 30).astype(int)
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["age"])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(frame[["pay", "age"]], frame["ok"])
    audit = rafair.audit(model, table, attacks=("noise",), steps=3, labels=None)
    assert audit.options.perturbation == "feasible"
    assert audit.options.epsilons == (0.01, 0.02, 0.05)
    assert audit.options.step_size == pytest.approx(0.05 * 2.5 / 3)
    assert "usual spread" in " ".join(str(audit).split())
    one = rafair.audit(model, table, attacks=("noise",), steps=3, labels=None, epsilon=0.05)
    assert one.options.epsilons is None
    assert "curve" not in one.document
