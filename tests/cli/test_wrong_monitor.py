"""Wrong input of `rafair monitor`: an exit code, one line, and nothing counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from commands import call
from streams import frame_of, write_stream


@pytest.fixture
def here(watched: Path, affairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a watched run and some new rows."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copytree(watched, folder / "run")
    rows = frame_of(affairs.test).iloc[:60]
    write_stream(rows, folder / "new.csv")
    write_stream(rows, folder / "new.jsonl")
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("id,age\n")
    (folder / "new.txt").write_text("id\n")
    (folder / "inbox").mkdir()
    monkeypatch.chdir(folder)
    return folder


CHECK = ("monitor", "check", "run", "--data")
WATCH = ("monitor", "watch", "run")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("monitor", "init", "nowhere"), "nowhere"),
        (
            ("monitor", "init", "run", "--alpha", "2"),
            "--alpha: expected a number above 0 up to 0.5",
        ),
        (("monitor", "init", "run", "--tolerance", "-1"), "--tolerance: expected"),
        (("monitor", "init", "run", "--probes", "luck"), "unknown probe 'luck'"),
        (("monitor", "init", "run", "--epsilon", "x"), "--epsilon: expected a number"),
        (("monitor", "init", "run", "--steps", "0"), "--steps: expected"),
        (
            ("monitor", "init", "run", "--probes", "none", "--steps", "9"),
            "--steps: expected not to",
        ),
        (("monitor", "init", "run", "--force", "--instances", "99999"), "expected at most 1,274"),
        (("monitor", "init", "run", "--alpha", "0.1"), "expected no reference, or one with these"),
        (("monitor", "init", "run", "--weights", "w"), "--weights: expected with --model"),
        (("monitor", "check", "nowhere", "--data", "new.csv"), "expected a run folder, found none"),
        (("monitor", "check", "inbox", "--data", "new.csv"), "expected a frozen reference"),
        ((*CHECK, "nowhere.csv"), "'nowhere.csv': expected a data file, found no such file"),
        ((*CHECK, "inbox"), "'inbox': expected a name that ends in"),
        ((*CHECK, "new.txt"), "expected a name that ends in .csv, .jsonl"),
        ((*CHECK, "empty.csv"), "expected"),
        ((*CHECK, "header.csv"), "expected at least one row or label, found none"),
        ((*CHECK, "new.csv", "--store", "inbox"), "expected a file, found a folder"),
        ((*CHECK, "new.csv", "--store", "new.jsonl"), "cannot be opened"),
        ((*CHECK, "new.csv", "--store", "mysql://a:b@c/d"), "expected the path of a file, or post"),
        ((*CHECK, "new.csv", "--id-column", "age"), "--id-column: expected one that is no feature"),
        ((*CHECK, "new.csv", "--label-column", "id"), "--label-column: expected another one"),
        ((*CHECK, "new.csv", "--patience", "soon"), "--patience: expected a time above 0"),
        ((*CHECK, "new.csv", "--webhook", "ftp://a"), "--webhook: expected an address such as"),
        ((*CHECK, "new.csv", "--json", "new.csv"), "--json: expected"),
        ((*CHECK, "new.csv", "--json", "run/monitor/reference.json"), "--json: expected another"),
        ((*CHECK, "new.csv", "--threads", "0"), "--threads: expected"),
        ((*CHECK, "new.csv", "--timeout", "3"), "--timeout: expected with --model"),
        ((*WATCH, "nowhere"), "'nowhere': expected a folder, or - for standard input, found none"),
        ((*WATCH, "new.csv"), "found a file; `rafair monitor check --data` takes one"),
        ((*WATCH, "inbox", "--window-rows", "0"), "--window-rows: expected"),
        ((*WATCH, "inbox", "--window-time", "abc"), "--window-time: expected a time above 0"),
        ((*WATCH, "inbox", "--poll", "0s"), "--poll: expected a time"),
        ((*WATCH, "inbox", "--number-rows"), "--number-rows: expected with '-' alone"),
        ((*WATCH, "inbox", "--metrics-port", "99999"), "--metrics-port: expected"),
        ((*WATCH, "inbox", "--metrics-address", "::1"), "--metrics-address: expected with"),
        ((*WATCH, "inbox", "--json", "inbox/out.jsonl"), "expected a file outside the folder"),
        (("monitor", "report", "nowhere"), "expected a run folder, found none"),
        (("monitor", "report", "run"), "expected the store of a watch, found none"),
        (("monitor", "report", "run", "--out", "-"), "--out: expected a file, got '-'"),
        (("monitor", "report", "run", "--out", "new.csv"), "--out: expected a new file"),
    ],
)
def test_one_line_says_what_is_wrong(here, arguments, line):
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    done = call(*arguments)
    assert done.code == 2, done.err
    assert done.out == ""
    said = [one for one in done.err.splitlines() if one.startswith("rafair: ")]
    assert len(said) == 1, done.err
    assert line in said[0]
    for path, content in before.items():
        assert path.read_bytes() == content, path


def test_an_edited_reference_is_refused(here):
    path = here / "run" / "monitor" / "reference.json"
    document = json.loads(path.read_text())
    document["alpha"] = 0.5
    path.write_text(json.dumps(document))
    done = call(*CHECK, "new.csv")
    assert done.code == 2
    assert "altered" in done.err


def test_a_run_that_is_another_one_now_is_refused(here):
    path = here / "run" / "audit.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1', 1))
    done = call(*CHECK, "new.csv")
    assert done.code == 2
    assert "expected the audit that the reference was frozen from" in done.err


def test_hostile_values_are_spelt_out_and_never_executed(here):
    row = json.loads((here / "new.jsonl").read_text().splitlines()[0])
    row["id"], row["age"] = "[bold]x", "\u202e<script>"
    (here / "bad.jsonl").write_text(json.dumps(row) + "\n" + "\x1b[31m{}\n")
    done = call(*CHECK, "bad.jsonl", "--json", "out.json")
    assert done.code == 1, done.err  # nothing could be judged
    assert json.loads((here / "out.json").read_text())["quarantined"] == 2
    assert "\x1b" not in done.out + done.err
    assert "Refused: " in done.out
    report = call("monitor", "report", "run")
    assert report.code == 0
    page = (here / "run" / "monitor" / "monitor.html").read_text()
    assert "<script>" not in page
    assert "\u202e" not in page


def test_a_file_that_was_checked_is_not_counted_again(here):
    first = call(*CHECK, "new.csv", "--json", "-")
    again = call(*CHECK, "new.csv", "--json", "-")
    copy = shutil.copy(here / "new.csv", here / "copy.csv")
    copied = call(*CHECK, copy, "--json", "-")
    assert first.out == again.out == copied.out
    assert "window 1: this very input was counted before" in again.err
    other = call(*CHECK, "new.jsonl", "--json", "-")
    found = json.loads(other.out)
    assert (found["window"], found["n"], found["duplicates"]) == (2, 0, 60)
