"""Text files that others saved: with a byte order mark, in UTF-16, cut short, in Latin 1."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import foreign_names
from commands import call, rafair
from foreign_names import LABEL, MODEL, SEX
from rafair.errors import ModelError
from rafair.models.model_folder import load_model

MARKED = {
    "UTF-8": (codecs.BOM_UTF8, "utf-8"),
    "UTF-16-LE": (codecs.BOM_UTF16_LE, "utf-16-le"),
}
CHECK = ("schema", "check", "schema.toml", "people.csv")
INFER = ("schema", "infer", "people.csv", "--label", LABEL, "--sensitive", SEX)
GATE = ("gate", "run", "--policy", "policy.toml")
WATCH = ("monitor", "check", "run", "--store", "other.sqlite", *MODEL, "--data")
AUDIT = (*foreign_names.AUDIT[:-1], "other")
READERS = {
    "schema": ("schema.toml", CHECK),
    "table": ("people.csv", CHECK),
    "table without a schema": ("people.csv", INFER),
    "policy": ("policy.toml", GATE),
    "audit": ("run/audit.json", GATE),
    "audit for a report": ("run/audit.json", ("report", "run", "--format", "markdown")),
    "audit to compare with": ("run/audit.json", ("diff", "run", "run")),
    "reference": ("run/monitor/reference.json", (*WATCH, "people.csv")),
}
BY_BYTES = {
    "feed of CSV": ("people.csv", (*WATCH, "people.csv")),
    "feed of JSON": ("people.jsonl", (*WATCH, "people.jsonl")),
    "piped feed": ("people.jsonl", (*WATCH, "-")),
    "model in Python": ("modèle.py", AUDIT),
}
"""Read line by line, or by Python itself, which knows UTF-8 alone of the marked encodings."""


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brought")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        foreign_names.bring(folder)
        rafair("monitor", "init", "run", "--data", "people.csv", *MODEL, "--probes", "none")
        rafair("train", "--epochs", "1", "--out", "model")
    rows = foreign_names.people().to_dict("records")
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "people.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def here(brought, tmp_path, monkeypatch):
    """A copy of what was brought, in the folder where commands run."""
    shutil.copytree(brought, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def run(here, monkeypatch):
    """Runs a command; "-" reads what stands in `people.jsonl`."""

    def run(command):
        with Path("people.jsonl").open(encoding="utf-8", errors="replace") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return call(*command)

    return run


def mark(path: Path, name: str) -> None:
    """Saves a file as an editor does that marks what it writes."""
    bom, encoding = MARKED[name]
    path.write_bytes(bom + path.read_bytes().decode("utf-8").encode(encoding))


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("reader", READERS)
def test_a_marked_file_is_read_as_one_without_a_mark(run, reader, encoding):
    name, command = READERS[reader]
    before = run(command)
    assert before.code == 0, before.err
    Path("other.sqlite").unlink(missing_ok=True)
    mark(Path(name), encoding)
    done = run(command)
    assert (done.code, without_time(done.out)) == (0, without_time(before.out)), done.err


def without_time(shown: str) -> list[str]:
    """Lines but for those that tell when, or how many or which bytes."""
    differ = ("UTC", "bytes", "audit.json")
    return [line for line in shown.splitlines() if not any(word in line for word in differ)]


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("reader", BY_BYTES)
def test_what_is_read_by_bytes_has_utf8s_mark_or_none(run, reader, encoding):
    name, command = BY_BYTES[reader]
    mark(Path(name), encoding)
    done = run(command)
    if encoding == "UTF-8":
        assert done.code == 0, done.err
        return
    assert done.code == 2
    assert f"expected UTF-8 text, found {encoding}; convert it" in done.err
    assert len([line for line in done.err.splitlines() if line.startswith("rafair: ")]) == 1
    where = "standard input: " if reader == "piped feed" else f"rafair: '{name}': "
    assert where in done.err


@pytest.mark.parametrize("spoil", ["Latin 1", "cut short"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_utf8_is_refused_in_one_line(run, reader, spoil):
    name, command = READERS[reader]
    path = Path(name)
    content = path.read_bytes()
    path.write_bytes(b"\xe9" + content if spoil == "Latin 1" else content + b"\xc3")
    done = run(command)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert path.name in done.err


@pytest.mark.parametrize("encoding", MARKED)
def test_a_saved_network_is_read_with_a_marked_description(here, encoding):
    expected = load_model(here / "model")[1]
    mark(here / "model" / "model.json", encoding)
    assert load_model(here / "model")[1] == expected
    (here / "model" / "model.json").write_bytes(b"{\xe9}")
    with pytest.raises(ModelError, match=r"model\.json': .* found the byte 0xe9"):
        load_model(here / "model")


def test_a_watched_folder_refuses_a_file_in_utf16_and_reads_the_others(run):
    Path("inbox").mkdir()
    for name in ("a.csv", "b.csv", "c.csv"):
        shutil.copy("people.csv", Path("inbox", name))
    mark(Path("inbox", "a.csv"), "UTF-8")
    mark(Path("inbox", "b.csv"), "UTF-16-LE")
    command = ("monitor", "watch", "run", "inbox", "--once", "--store", "other.sqlite", *MODEL)
    done = run((*command, "--json", "-"))
    assert done.code == 0, done.err
    assert "b.csv: refused: " in done.err
    assert "expected UTF-8 text, found UTF-16-LE" in done.err
    assert sum(json.loads(line)["n"] for line in done.out.splitlines()) == 120


def test_a_pipe_in_utf16_ends_the_watch_in_one_line(here, monkeypatch):
    there, write = os.pipe()
    os.write(write, '{"a": 1}\n'.encode("utf-16"))
    os.close(write)
    with os.fdopen(there, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        done = call("monitor", "watch", "run", "-", "--once", *MODEL)
    assert done.code == 2
    assert "rafair: standard input: expected UTF-8 text, found UTF-16-LE; convert it" in done.err
