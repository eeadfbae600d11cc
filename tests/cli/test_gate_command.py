"""`rafair gate`: what it prints, writes and ends with."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import junitparser
import pytest

from commands import call, document, rafair
from rafair.gating.policy_file import as_policy

ROOT = Path(__file__).parents[2]
RULE = '[[rule]]\nrate = "clean.accuracy"\n'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run on affairs."""
    folder = tmp_path_factory.mktemp("runs")
    few = ("--epochs", "2", "--instances", "60", "--steps", "3")
    rafair("audit", *few, "--certify", "--out", folder / "run")
    return folder


@pytest.fixture
def policy(tmp_path: Path):
    def write(*rules: str) -> Path:
        path = tmp_path / "policy.toml"
        path.write_text("version = 1\n" + "\n".join(RULE + rule for rule in rules))
        return path

    return write


def test_init_prints_a_policy_that_is_valid_as_it_is(runs, tmp_path):
    done = rafair("gate", "--init")
    (tmp_path / "policy.toml").write_text(done.out)
    judged = call("gate", runs / "run", "--policy", tmp_path / "policy.toml")
    assert judged.code in (0, 1), judged.err
    assert judged.out.splitlines()[-1].strip().endswith("4 rules")


def test_the_commented_rules_of_init_are_valid_too(runs, tmp_path):
    """Of a run with a curve, since one of them is about a smaller budget than the largest."""
    few = ("--epochs", "1", "--instances", "40", "--steps", "3")
    few = (*few, "--epsilons", "0.02,0.1", "--certify", "--boxes", "40")
    rafair("audit", *few, "--out", tmp_path / "curve")
    shown = rafair("gate", "--init").out
    text = re.sub(r"^# (\[.*\]|\w+ = \S+)$", r"\1", shown, flags=re.MULTILINE)
    assert text.count("[[rule]]") == 9 > shown.count("\n[[rule]]") == 4
    text = text.replace('"gender"', '"religious"')
    text = text.replace("runs/last-release", str(tmp_path / "curve"))
    (tmp_path / "policy.toml").write_text(text)
    done = call("gate", tmp_path / "curve", "--policy", tmp_path / "policy.toml", "--json", "-")
    assert done.code in (0, 1), done.err
    findings = json.loads(done.out)["findings"]
    (small,) = [one for one in findings if one["epsilon"] == 0.02]
    robust = document(tmp_path / "curve")["curve"]["0.02"]["robust"]["strongest"]
    assert small["rate"] == "robust.accurate_fairness"
    assert small["measured"]["value"] == robust["accurate_fairness"]["value"]
    head, tail = text.partition("[baseline]")[0], text.partition("# The same at a smaller")[2]
    (tmp_path / "policy.toml").write_text(f"{head}\n#{tail}")
    other = call("gate", runs / "run", "--policy", tmp_path / "policy.toml")
    assert other.code == 2
    assert "rule 1: epsilon: " in other.err


def test_the_exit_code_says_whether_it_passed(runs, policy):
    value = document(runs / "run")["clean"]["accuracy"]["value"]
    assert call("gate", runs / "run", "--policy", policy(f"at_least = {value}")).code == 0
    done = call("gate", runs / "run", "--policy", policy(f"at_most = {value - 0.01:.4f}"))
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[-1].strip() == "failed: 1 of 1 rule"


def test_json_goes_to_stdout_or_a_file_and_is_the_same(runs, policy, tmp_path):
    arguments = ("gate", runs / "run", "--policy", policy("at_least = 0", "at_most = 0"))
    by_format = call(*arguments, "--format", "json")
    by_option = call(*arguments, "--json", "-")
    both = call(*arguments, "--format", "json", "--json", "-")
    assert by_format.out == by_option.out == both.out
    assert by_format.code == by_option.code == 1
    to_file = call(*arguments, "--format", "markdown", "--json", tmp_path / "out.json")
    assert to_file.out.startswith("## rafair gate failed: 1 of 2 rules")
    assert (tmp_path / "out.json").read_text() == by_format.out
    again = call(*arguments, "--format", "json", "--json", tmp_path / "again.json")
    assert again.out == by_format.out == (tmp_path / "again.json").read_text()
    found = json.loads(by_format.out)
    assert found["passed"] is False
    assert found["failed_rules"] == [2]
    assert [finding["status"] for finding in found["findings"]] == ["passed", "failed"]


def test_junit_is_written_beside_any_format(runs, policy, tmp_path):
    for format in ("text", "json", "markdown", "github"):
        junit = tmp_path / f"{format}.xml"
        arguments = ("--policy", policy("at_least = 0", "at_most = 0"), "--junit", junit)
        done = call("gate", runs / "run", *arguments, "--format", format)
        assert done.code == 1
        suites = junitparser.JUnitXml.fromfile(str(junit))
        assert (suites.tests, suites.failures) == (2, 1)


def test_groups_are_judged(runs, policy):
    path = policy('group = "religious"\nmin_n = 5\nat_least = 0.0')
    done = call("gate", runs / "run", "--policy", path)
    assert done.code == 0, done.err
    # a long path of the run makes lines break elsewhere
    assert "religious = fairly" in " ".join(done.out.split())


def test_help_shows_an_example():
    assert "rafair gate runs/affairs-1 --policy policy.toml" in rafair("gate", "--help").out


def test_no_format_speaks_of_a_fair_model(runs, policy):
    for format in ("text", "markdown", "github"):
        done = call("gate", runs / "run", "--policy", policy("at_least = 0"), "--format", format)
        assert " fair" not in done.out


@pytest.mark.parametrize("page", ["README.md", "docs/gate.md", "examples/ci_gate/policy.toml"])
def test_policies_that_are_shown_are_valid(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL) or [text]
    policies = [as_policy(tomllib.loads(block)) for block in blocks if "[[rule]]" in block]
    assert policies
