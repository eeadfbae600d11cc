"""Files that commands write: never over what they read, nor over what a run consists of."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from commands import call, rafair

POLICY = 'version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.01\n'


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    rafair("audit", "--epochs", "1", "--instances", "20", "--steps", "2", "--out", folder)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize("name", ["audit.json", "model.json", "adversarial.parquet", "model.onnx"])
@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_no_output_takes_the_place_of_a_file_of_a_run(run, name, option):
    before = (run / name).read_bytes()
    policy = run.parent / "policy.toml"
    done = call("gate", run, "--policy", policy, option, run / name)
    assert done.code == 2
    assert f"{option}: expected another file than those of the run, got '" in done.err
    assert (run / name).read_bytes() == before
    if option == "--json":
        for other in (("report", run), ("diff", run, run), ("attack", run)):
            assert call(*other, "--json", run / name).code == 2
            assert (run / name).read_bytes() == before


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_no_output_takes_the_place_of_the_policy(run, option):
    policy = run.parent / "policy.toml"
    done = call("gate", run, "--policy", policy, option, policy)
    assert done.code == 2
    assert done.err.startswith(f"rafair: {option}: expected ")
    assert policy.read_text() == POLICY


def test_no_json_takes_the_place_of_data_or_a_model(run, tmp_path):
    data, model = tmp_path / "people.csv", tmp_path / "trees.json"
    data.write_text("a,b\n1,2\n")
    model.write_text("{}")
    for path in (data, model):
        before = path.read_bytes()
        options = ("--data", data, "--label", "b", "--sensitive", "a", "--model", model)
        done = call("audit", *options, "--json", path)
        assert done.code == 2
        assert "--json: expected " in done.err
        assert path.read_bytes() == before


def test_an_output_of_the_same_kind_is_written_anew(run, tmp_path):
    options = ("--policy", run.parent / "policy.toml", "--junit", run / "gate.xml")
    for _ in range(2):
        rafair("gate", run, *options, "--json", tmp_path / "decision.json")
    assert (run / "gate.xml").read_text().lstrip().startswith("<")


@pytest.mark.parametrize(
    "arguments", [("gate", "--init"), ("report", "RUN", "--format", "csv", "--out", "-")]
)
def test_a_closed_stdout_is_told_in_one_line(run, arguments):
    command = [str(run) if word == "RUN" else word for word in arguments]
    program = "from rafair.cli.main import main; main()"
    done = subprocess.run(
        ["bash", "-c", 'exec "$@" >&-', "bash", sys.executable, "-c", program, *command],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr == "rafair: standard output: cannot be written: it is closed\n"


def test_lines_end_where_their_text_ends(run):
    shown = rafair("gate", run, "--policy", run.parent / "policy.toml").out
    shown += rafair("diff", run, run).out
    assert len(shown.splitlines()) > 20
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []


def test_a_report_of_an_unknown_kind_is_refused(run, tmp_path):
    done = call("report", run, "--out", tmp_path / "report.pdf")
    assert done.code == 2
    assert "expected a name that ends in .html, .md or .csv, or a format, got '.pdf'" in done.err
    assert not (tmp_path / "report.pdf").exists()
    rafair("report", run, "--format", "csv", "--out", tmp_path / "cases.txt")


def test_a_rule_that_cannot_be_judged_names_its_file(run):
    policy = run.parent / "policy.toml"
    policy.write_text(POLICY.replace("accuracy", "acuracy"))
    done = call("gate", run, "--policy", policy)
    assert done.code == 2
    assert f"'{policy}': rule 1: unknown rate 'clean.acuracy': did you mean 'clean.accuracy'?" in (
        done.err
    )
    assert len(done.err) < 900
