"""The pytest plugin in a project of its own, run by pytest in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from junitparser import Failure, JUnitXml

import planted
import rafair
from closed_off import EVERY_PROCESS
from rafair import pytest_plugin

ROOT = Path(__file__).parents[1]
GROUP = "pytest11"

PYPROJECT = """\
[project]
name = "marriages"
version = "1"

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
addopts = ["--strict-config"]
filterwarnings = ["error"]
"""

MODEL = """\
from sklearn.linear_model import LogisticRegression

def train(table):
    return LogisticRegression(max_iter=1000).fit(table.rows, table.labels)
"""

POLICY = """\
version = 1

[[rule]]
rate = "clean.accuracy"
at_least = 0.5

[[rule]]
rate = "robust.accuracy"
attack = "noise"
at_least = 0.0
"""

TESTS = """\
import pytest
import rafair
from marriages.model import train
from rafair.pytest_plugin import assert_gate

@pytest.fixture(scope="session")
def audit(rafair_audit):
    data = rafair.load_dataset("affairs")
    model = train(data.train)
    return rafair_audit(
        model.predict_log_proba, data.test, attacks=["noise"], instances=60, steps=2
    )

def test_release(audit):
    assert_gate(audit, "policy.toml")

def test_too_strict(audit):
    rules = [
        {"rate": "clean.accuracy", "at_least": 0.999},
        {"rate": "clean.true_biased", "at_most": 1.0},
        {"rate": "robust.accuracy", "attack": "noise", "at_least": 0.998},
    ]
    rafair.assert_gate(audit.folder, {"version": 1, "rule": rules})

def test_against_itself(audit):
    rule = {"rate": "clean.accurate_fairness", "largest_drop": 0.0}
    assert_gate(audit, {"version": 1, "rule": [rule]}, baseline=audit.folder)

def test_misspelt(audit):
    with pytest.raises(rafair.InputError, match="did you mean 'clean.accuracy'"):
        assert_gate(audit, {"version": 1, "rule": [{"rate": "clean.acuracy", "at_least": 0.1}]})

def test_of_something_else():
    assert 1 + 1 == 3
"""


@dataclass(frozen=True)
class Session:
    """What a run of pytest left behind; its own JUnit file is read by another library."""

    code: int
    text: str
    cases: dict[str, list[Failure]]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("marriages")
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "policy.toml": POLICY,
        "src/marriages/__init__.py": "",
        "src/marriages/model.py": MODEL,
        "tests/test_model.py": TESTS,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def declared(tmp_path_factory) -> Path:
    """What an installer would write of this repository's entry points, for pytest to find."""
    site = tmp_path_factory.mktemp("site")
    folder = site / "rafair_of_this_repository-0.dist-info"
    folder.mkdir()
    lines = [f"{point.name} = {point.value}" for point in entry_points()]
    (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: rafair-of-this-repository\nVersion: 0\n"
    )
    return site


def entry_points() -> list[importlib.metadata.EntryPoint]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    return [
        importlib.metadata.EntryPoint(name, value, GROUP) for name, value in declared[GROUP].items()
    ]


def run_pytest(project: Path, site: Path, *arguments: str) -> Session:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join([EVERY_PROCESS, str(ROOT / "src"), str(site)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--junit-xml=junit.xml", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    suites = JUnitXml.fromfile(str(project / "junit.xml"))
    cases = {case.name: list(case.result) for suite in suites for case in suite}
    return Session(done.returncode, done.stdout + done.stderr, cases)


@pytest.fixture(scope="module")
def session(project, declared) -> Session:
    return run_pytest(project, declared, "--rafair-runs", "kept")


def test_pytest_finds_the_plugin_by_the_entry_point_that_is_declared():
    assert [point.load() for point in entry_points()] == [pytest_plugin]


def test_gates_pass_and_fail_as_tests(session):
    assert session.code == 1, session.text
    failed = {name for name, results in session.cases.items() if results}
    assert failed == {"test_too_strict", "test_of_something_else"}
    assert len(session.cases) == 5
    assert all(isinstance(one, Failure) for name in failed for one in session.cases[name])


def test_a_failing_gate_lists_the_rules_that_fail(session, project):
    (failure,) = session.cases["test_too_strict"]
    message = failure.message
    folder = project / "kept" / "affairs-1"
    assert message.startswith("AssertionError: rafair gate failed: 2 of 3 rules in ")
    assert f"'{folder}'" in message
    accuracy = json.loads((folder / "audit.json").read_text())["clean"]["accuracy"]["value"]
    lines = message.splitlines()[1:]
    assert [re.match(r"  rule (\d), ", line)[1] for line in lines] == ["1", "3"]
    assert f"{accuracy:.3f}"[:4] in lines[0]
    # pytest shows the line of the test, none of rafair's
    assert "rafair.assert_gate(audit.folder" in failure.text
    assert "rafair/gating" not in failure.text


def test_a_failing_test_says_where_its_run_folders_are(session, project):
    sections = session.text.split("rafair run folders")
    assert len(sections) == 2  # not for the failing test that audits nothing
    assert str(project / "kept" / "affairs-1") in sections[1].splitlines()[1]


def test_runs_take_the_place_of_those_of_the_last_session(session, project, declared):
    created = json.loads((project / "kept/affairs-1/audit.json").read_text())["created"]
    again = run_pytest(project, declared, "--rafair-runs", "kept", "-k", "release")
    assert again.code == 0, again.text
    assert [path.name for path in (project / "kept").iterdir()] == ["affairs-1"]
    assert json.loads((project / "kept/affairs-1/audit.json").read_text())["created"] > created


def test_runs_stay_with_pytest_s_temporary_folders_by_default(project, declared, tmp_path):
    base = tmp_path / "base"
    session = run_pytest(project, declared, "-k", "too_strict", f"--basetemp={base}")
    assert session.code == 1
    folder = base / "rafair0" / "affairs-1"
    assert str(folder) in session.cases["test_too_strict"][0].message
    assert (folder / "audit.json").is_file()


def test_audits_keep_their_folders_apart(tmp_path, monkeypatch):
    audits = pytest_plugin._Audits(tmp_path)
    table = planted.random_table(12, domains=(3,))
    named = rafair.Table(table.frame, table.labels, table.schema, "../a b/\x1b")
    options = {"attacks": (), "steps": 1}
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    for one in (table, table, named):
        audits(planted.network(4), one, **options)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    audits(planted.network(4), table, **options)
    audits(planted.network(4), table, out=tmp_path / "own", **options)
    assert [folder.relative_to(tmp_path).as_posix() for folder in audits.folders] == [
        "planted-1",
        "planted-2",
        "a-b-1",
        "planted-3-gw1",
        "own",
    ]
    with pytest.raises(rafair.InputError, match=r"table: expected a rafair\.Table"):
        audits(planted.network(4), [[1.0]])
