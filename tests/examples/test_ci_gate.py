"""The example of a gate in CI, run as a pipeline runs it: every exit code, and JUnit read back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import junitparser
import pytest

from commands import document
from forked import program

EXAMPLE = Path(__file__).parents[2] / "examples" / "ci_gate"
SMALL = {"EPOCHS": "3", "INSTANCES": "80", "STEPS": "5"}


@pytest.fixture(scope="module", autouse=True)
def on_the_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The program `rafair`, first on the path."""
    with program(tmp_path_factory.mktemp("bin")) as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(path.parent), prepend=os.pathsep)
        yield


def check(
    folder: Path, *arguments: str | Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs check.sh as a pipeline would."""
    outside = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    return subprocess.run(
        [EXAMPLE / "check.sh", folder, *arguments],
        env=outside | SMALL | variables,
        capture_output=True,
        text=True,
    )


def policy(path: Path, *rules: str) -> Path:
    path.write_text("version = 1\n" + "".join(f"[[rule]]\n{rule}\n" for rule in rules))
    return path


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first network, gated with the example's own policy."""
    folder = tmp_path_factory.mktemp("released")
    done = check(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "passed: 3 rules"
    return folder


def test_the_examples_policy_passes_and_junit_says_so(released):
    suites = junitparser.JUnitXml.fromfile(str(released / "gate.xml"))
    assert (suites.tests, suites.failures, suites.errors, suites.skipped) == (3, 0, 0, 0)
    decision = json.loads((released / "gate.json").read_text())
    assert decision["passed"]
    found = {p.name: p.value for suite in suites for p in suite.properties()}
    assert found["run.sha256"] == decision["run"]["sha256"]


def test_a_policy_fails_on_the_value(released, tmp_path):
    value = document(released / "run")["clean"]["accuracy"]["value"]
    high = policy(
        tmp_path / "policy.toml",
        f'rate = "clean.accuracy"\nat_least = {value + 0.01:.6f}',
        f'rate = "clean.accuracy"\nat_least = {value}',
    )
    done = check(released, high)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "failed: 1 of 2 rules"
    assert done.stderr == "" or "rafair:" not in done.stderr
    suites = junitparser.JUnitXml.fromfile(str(released / "gate.xml"))
    cases = [case for suite in suites for case in suite]
    assert (suites.tests, suites.failures) == (2, 1) == (len(cases), suites.failures)
    failed = [case for case in cases if case.result]
    assert [case.name.split(".")[0] for case in failed] == ["1"]
    assert "below" in failed[0].result[0].message


def test_a_policy_that_passes_on_the_value_fails_on_the_intervals_bound(released, tmp_path):
    rate = document(released / "run")["attacks"]["rafair"]["robust"]["accurate_fairness"]
    between = (rate["low"] + rate["value"]) / 2
    rule = f'rate = "robust.accurate_fairness"\nattack = "rafair"\nat_least = {between}\n'
    by_value = policy(tmp_path / "value.toml", rule)
    by_interval = policy(tmp_path / "interval.toml", rule + 'by = "interval"')
    assert check(released, by_value).returncode == 0
    done = check(released, by_interval)
    assert done.returncode == 1
    assert "lower bound" in done.stdout


def test_another_network_is_held_against_the_released_one(released, tmp_path):
    worse = tmp_path / "worse"
    same = 'rate = "clean.accuracy"\nlargest_drop = 0.5'
    never = 'rate = "exposed.true_biased"\nattack = "rafair"\nlargest_rise = 0.0'
    rules = policy(tmp_path / "policy.toml", same, never)
    done = check(worse, rules, released / "run", MODEL_SEED="3", EPOCHS="1")
    before, after = document(released / "run"), document(worse / "run")
    assert before["model"]["sha256"] != after["model"]["sha256"]

    def exposed(one):
        return one["attacks"]["rafair"]["exposed"]["true_biased"]["value"]

    assert exposed(before) != exposed(after)
    rose = exposed(after) > exposed(before)
    assert done.returncode == (1 if rose else 0), done.stdout + done.stderr
    findings = json.loads((worse / "gate.json").read_text())["findings"]
    drop = before["clean"]["accuracy"]["value"] - after["clean"]["accuracy"]["value"]
    assert findings[0]["measured"]["value"] == pytest.approx(drop)
    assert findings[1]["measured"]["value"] == pytest.approx(exposed(after) - exposed(before))
    assert findings[1]["status"] == ("failed" if rose else "passed")
    # the other way round, the same change has the other sign
    other = check(released, rules, worse / "run")
    assert other.returncode == (0 if rose else 1)


def test_wrong_input_and_unfinished_audits_have_exit_codes_of_their_own(released, tmp_path):
    done = check(released, tmp_path / "none.toml")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("expected a policy file, found no such file")
    begun = tmp_path / "begun"
    shutil.copytree(released / "model", begun / "model")
    (begun / "run.partial").mkdir()
    (begun / "run.partial" / "plan.json").write_text("{}")
    gate = ["rafair", "gate", begun / "run", "--policy", EXAMPLE / "policy.toml"]
    assert subprocess.run(gate, capture_output=True).returncode == 3


def test_on_github_each_rule_is_an_annotation(released):
    done = check(released, GITHUB_ACTIONS="true")
    assert done.returncode == 0
    assert done.stdout.count("::notice title=") == 4
