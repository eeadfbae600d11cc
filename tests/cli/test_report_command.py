from __future__ import annotations

import json
import re
import shutil

import pytest

import planted
import rafair
from commands import call, hashes, names
from rafair.engine.digest_json import sealed
from rafair.errors import InputError, RunFolderError, UnfinishedRunError, UnknownNameError
from rafair.reports.report_formats import FORMATS


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    table = planted.random_table(60, seed=1)
    rafair.audit(planted.network(5), table, steps=3, out=folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def shown(*arguments):
    return call("report", *arguments)


@pytest.mark.parametrize(
    ("format", "name", "begins"),
    [
        ("markdown", "report.md", "# Audit of Sequential on planted\n"),
        ("csv", "cases.csv", "\ufeffcase,instance,attack,step,"),
        ("model-card", "model-card.md", "## Robust accurate fairness\n"),
    ],
)
def test_each_format_is_written_into_the_run_folder(folder, format, name, begins):
    done = shown(folder, "--format", format)
    path = folder / name
    content = path.read_bytes()
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"The run's figures follow from its files. Report: {path} ({len(content):,} bytes)\n"
    )
    assert content.decode().startswith(begins)
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
    again = shown(folder, "--format", format)
    assert (again.code, path.read_bytes()) == (0, content)


def test_to_stdout_and_as_json(folder, tmp_path):
    done = shown(folder, "--format", "csv", "--out", "-", "--json", tmp_path / "done.json")
    written = rafair.report(folder, "csv", tmp_path / "cases.csv")
    assert done.out == written.read_bytes().decode()
    assert json.loads((tmp_path / "done.json").read_text()) == {
        "run": str(folder),
        "format": "csv",
        "path": "-",
        "bytes": written.stat().st_size,
    }
    told = shown(folder, "--out", tmp_path / "here.md", "--json", "-")
    assert json.loads(told.out) == {
        "run": str(folder),
        "format": "markdown",
        "path": str(tmp_path / "here.md"),
        "bytes": (tmp_path / "here.md").stat().st_size,
    }
    assert names(folder) == {"audit.json", "adversarial.parquet", "repaired.parquet"}


def test_from_python_a_folder_an_audit_and_a_suffix(folder, tmp_path):
    path = rafair.report(folder, path=tmp_path / "cases.csv")
    assert path.read_text("utf-8-sig").startswith("case,instance,attack,step")
    audit = rafair.Audit.load(folder)
    assert rafair.report(audit, "model-card") == folder / "model-card.md"
    assert rafair.report(str(folder), "markdown", tmp_path / "named.txt").name == "named.txt"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--format", "mardown"],
            "unknown format 'mardown': did you mean 'markdown'? (known: html, markdown, csv, "
            "model-card)",
        ),
        (
            ["--format", "csv", "--out", "x.md"],
            "'x.md': expected a name that ends in .csv for format csv",
        ),
        (
            ["--format", "markdown", "--out", "x.HTML"],
            "'x.HTML': expected a name that ends in .md for format markdown",
        ),
        (
            ["--out", "nowhere/x.md"],
            "'nowhere/x.md': cannot be written: there is no folder 'nowhere'",
        ),
        (
            ["--format", "csv", "--out", "-", "--json", "-"],
            "--json: expected a file where --out is -, as stdout carries the report",
        ),
    ],
)
def test_wrong_input_is_one_line(folder, tmp_path, monkeypatch, arguments, error):
    monkeypatch.chdir(tmp_path)
    before = names(folder)
    done = shown(folder, *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"rafair: {error}\n")
    assert names(folder) == before
    assert names(tmp_path) == {"run"}


def test_a_report_is_not_written_over_the_run_itself(folder):
    before = hashes(folder)
    for name in ("audit.json", "adversarial.parquet"):
        done = shown(folder, "--format", "csv", "--out", folder / name)
        assert done.code == 2
        assert done.err == (
            f"rafair: '{folder / name}': expected another file than those of the run\n"
        )
    with pytest.raises(InputError, match="expected another file than those of the run"):
        rafair.report(folder, "csv", folder / ".." / "run" / "audit.json")
    assert hashes(folder) == before


def test_no_run_and_an_unfinished_one(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = shown(empty, "--format", "csv")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "expected a finished run folder with audit.json" in done.err
    partial = folder.rename(tmp_path / "other.partial")
    (partial / "audit.json").unlink()
    (partial / "plan.json").write_text("{}")
    done = shown(tmp_path / "other", "--format", "csv")
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "expected a finished audit, found one that is not" in done.err
    with pytest.raises(UnfinishedRunError):
        rafair.report(tmp_path / "other", "csv")


def test_an_altered_run_is_refused(folder):
    path = folder / "audit.json"
    text = path.read_text()
    document = json.loads(text)
    document["attacks"]["rafair"]["robust"]["accuracy"]["count"] += 1
    path.write_text(json.dumps(sealed(document)))
    done = shown(folder, "--format", "markdown")
    assert done.code == 2
    assert re.fullmatch(
        r"rafair: '.*audit\.json': edited: attacks\.rafair\.robust\.accuracy\.count says \d+, its "
        r"files give \d+\n",
        done.err,
    )
    path.write_text(text)
    rows = folder / "repaired.parquet"
    rows.write_bytes(rows.read_bytes()[:-1])
    done = shown(folder, "--format", "markdown")
    assert (done.code, "altered or cut short" in done.err) == (2, True)
    assert not (folder / "report.md").exists()


def test_unknown_formats_in_python(folder):
    with pytest.raises(UnknownNameError, match="did you mean 'model-card'"):
        rafair.report(folder, "modelcard")
    with pytest.raises(RunFolderError):
        rafair.report(folder / "nowhere", "csv")


def test_help_names_every_format_and_an_example():
    done = shown("--help")
    assert done.code == 0
    assert all(name in done.out for name in FORMATS)
    assert "Example:  rafair report runs/affairs-1 --format markdown --out report.md" in done.out
