"""The GitHub Action: every one of its scripts run by bash, with what GitHub would set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml

import planted
import rafair
from closed_off import EVERY_PROCESS
from forked import program

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, GATE = ACTION["runs"]["steps"]
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]
"""How GitHub starts a script whose shell is bash."""

PASSES = 'version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.01\n'
FAILS = PASSES + '[[rule]]\nrate = "clean.accurate_fairness"\nat_least = 0.99\n'
COMPARES = PASSES + '[[rule]]\nrate = "clean.accuracy"\nlargest_drop = 0.0\n'

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this system")


@dataclass(frozen=True)
class Step:
    """What a step left behind."""

    code: int
    log: str
    error: str
    outputs: dict[str, str]
    summary: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    table = planted.random_table(40, domains=(3, 2))
    rafair.audit(planted.network(5), table, attacks=("pgd",), steps=2, step_size=0.05, out=folder)
    return folder


@pytest.fixture
def workspace(tmp_path, finished):
    """A checked-out repository: a run, policies, and the program on the path."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    shutil.copytree(finished, folder / "run")
    for name, text in (("passes", PASSES), ("fails", FAILS), ("compares", COMPARES)):
        (folder / f"{name}.toml").write_text(text)
    (tmp_path / "bin").mkdir()
    with program(tmp_path / "bin"):
        yield folder


def environment_of(step, given, path):
    """The step's variables, as GitHub fills them in from the inputs."""
    values = {f"inputs.{name}": one.get("default", "") for name, one in ACTION["inputs"].items()}
    values |= {f"inputs.{name}": value for name, value in given.items()}
    values["github.action_path"] = str(path)
    return {
        name: re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: values[found[1]], text)
        for name, text in step["env"].items()
    }


def run_step(step, workspace, given, *, path=ROOT, **extra):
    files = {name: workspace.parent / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    script = workspace.parent / "script.sh"
    script.write_text(step["run"])
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(workspace.parent / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([EVERY_PROCESS, str(ROOT / "src")]),
        **{name: str(file) for name, file in files.items()},
        **environment_of(step, given, path),
        **extra,
    }
    done = subprocess.run(
        [*SHELL, str(script)], cwd=workspace, env=environment, capture_output=True, text=True
    )
    lines = files["GITHUB_OUTPUT"].read_text().splitlines()
    return Step(
        done.returncode,
        done.stdout,
        done.stderr,
        dict(line.split("=", 1) for line in lines),
        files["GITHUB_STEP_SUMMARY"].read_text(),
    )


def test_no_input_is_part_of_a_script():
    assert ACTION["runs"]["using"] == "composite"
    for step in (INSTALL, GATE):
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    asked = {name for step in (INSTALL, GATE) for name in re.findall(r"inputs\.(\w+)", str(step))}
    assert asked == set(ACTION["inputs"])
    assert {name for name, one in ACTION["inputs"].items() if one["required"]} == {"run", "policy"}
    assert {one["value"] for one in ACTION["outputs"].values()} == {
        f"${{{{ steps.{GATE['id']}.outputs.{name} }}}}" for name in ACTION["outputs"]
    }


@pytest.mark.parametrize("page", ["docs/ci.md"])
def test_the_workflows_that_are_shown_name_inputs_that_there_are(page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    shown = [step for block in blocks for step in steps_of(yaml.safe_load(block))]
    ours = [step["with"] for step in shown if "/rafair@" in step.get("uses", "")]
    assert len(ours) == 1
    assert {"run", "policy"} <= set(ours[0]) <= set(ACTION["inputs"])


def steps_of(block):
    """The steps of a workflow, or of a list of them."""
    if isinstance(block, list):
        return block
    return [step for job in block.get("jobs", {}).values() for step in job["steps"]]


def test_a_policy_that_is_met(workspace):
    done = run_step(GATE, workspace, {"run": "run", "policy": "passes.toml", "junit": "gate.xml"})
    assert (done.code, done.error) == (0, "")
    assert done.outputs == {"passed": "true", "exit-code": "0"}
    assert done.log.splitlines()[-1].startswith("::notice title=rafair gate::passed")
    assert "rafair gate passed" in done.summary
    suites = JUnitXml.fromfile(str(workspace / "gate.xml"))
    assert (suites.tests, suites.failures, suites.errors) == (1, 0, 0)


def test_a_policy_that_is_missed(workspace):
    done = run_step(GATE, workspace, {"run": "run", "policy": "fails.toml", "junit": "gate.xml"})
    assert (done.code, done.error) == (1, "")
    assert done.outputs == {"passed": "false", "exit-code": "1"}
    assert done.log.count("::error ") == 2  # the rule, and the verdict
    assert "rafair gate failed" in done.summary
    assert "clean" in done.summary
    suites = JUnitXml.fromfile(str(workspace / "gate.xml"))
    assert (suites.tests, suites.failures, suites.errors) == (2, 1, 0)


def test_a_baseline(workspace):
    given = {"run": "run", "policy": "compares.toml", "baseline": "run"}
    done = run_step(GATE, workspace, given)
    assert (done.code, done.error) == (0, "")
    assert "Baseline" in done.summary
    assert not list(workspace.glob("*.xml"))
    without = run_step(GATE, workspace, given | {"baseline": ""})
    assert without.code == 2
    assert "baseline" in without.error


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"run": "nowhere"}, 2, "expected a finished run folder"),
        ({"policy": "nowhere.toml"}, 2, "nowhere.toml"),
        ({"policy": ""}, 2, "policy"),
        ({"run": ""}, 2, "run"),
        ({"run": "unfinished"}, 3, "expected a finished audit"),
    ],
)
def test_what_cannot_be_decided_is_said_and_stops_the_job(workspace, given, code, words):
    (workspace / "unfinished.partial").mkdir()
    (workspace / "unfinished.partial" / "plan.json").write_text("{}")
    done = run_step(GATE, workspace, {"run": "run", "policy": "passes.toml"} | given)
    assert done.code == code
    assert done.error.count("\n") == 1
    assert words in done.error
    assert done.outputs == {"passed": "false", "exit-code": str(code)}
    assert f"could not decide (exit code {code})" in done.summary


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "two" words',
        "$(touch hurt) `touch hurt` ${HOME}",
        "a\n::error::no\ntouch hurt",
        "*[a-z]? ~ !! && touch hurt; touch hurt #\\",
        "--help",
    ],
)
def test_inputs_are_names_and_nothing_else(workspace, name):
    shutil.copytree(workspace / "run", workspace / f"{name} before")
    (workspace / "run").rename(workspace / name)
    (workspace / "compares.toml").rename(workspace / f"{name}.toml")
    before = {path.name for path in workspace.iterdir()}
    given = {
        "run": name,
        "policy": f"{name}.toml",
        "baseline": f"{name} before",
        "junit": f"{name}.xml",
    }
    done = run_step(GATE, workspace, given)
    assert (done.code, done.error) == (0, "")
    assert done.outputs == {"passed": "true", "exit-code": "0"}
    assert not any(line.startswith("::error") for line in done.log.splitlines())
    assert {path.name for path in workspace.iterdir()} == before | {f"{name}.xml"}
    assert JUnitXml.fromfile(str(workspace / f"{name}.xml")).failures == 0


def test_the_install_step_installs_this_repository(tmp_path):
    """Into an environment that finds all libraries of this one, so that none is fetched."""
    pytest.importorskip("hatchling", reason="the build backend, hatchling, is not installed")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    purelib = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    (purelib / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    source = tmp_path / "action's own $(touch hurt) checkout"
    source.mkdir()
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    own = {
        "PATH": os.pathsep.join([str(venv / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": EVERY_PROCESS,
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the value as that of `build_isolation`
    }
    done = run_step(INSTALL, workspace, {}, path=source, **own)
    assert done.code == 0, done.error
    assert not list(tmp_path.rglob("hurt"))
    assert (venv / "bin" / "rafair").is_file()
    program = """
import importlib.metadata as metadata, pathlib, rafair, sys
assert pathlib.Path(rafair.__file__).is_relative_to(sys.prefix), rafair.__file__
points = metadata.distribution('rafair').entry_points
print({point.name: point.value for point in points if point.group == 'pytest11'})
"""
    options = {"capture_output": True, "text": True, "check": True, "cwd": workspace}
    options["env"] = os.environ | own
    found = subprocess.run([python, "-c", program], **options)
    assert found.stdout.strip() == "{'rafair': 'rafair.pytest_plugin'}"
    options["env"].pop("PYTEST_ADDOPTS", None)  # what these tests are run with
    fixtures = subprocess.run([python, "-m", "pytest", "-W", "error", "--fixtures"], **options)
    assert "rafair_audit [session scope]" in fixtures.stdout
