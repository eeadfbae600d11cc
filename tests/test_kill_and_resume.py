"""Audits that are killed and given again equal undisturbed ones; and the comparison can fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kill_and_resume

QUICK = ["audit", "--attack", "fgsm", "--instances", "120", "--steps", "1", "--epochs", "1"]


def assert_as_undisturbed(findings: kill_and_resume.Findings, least: int) -> None:
    assert findings.disagreements == []
    assert findings.landed >= least
    assert len(findings.undisturbed.by_checkpoint) == 2
    assert max(findings.repeated_rows) <= findings.most_allowed < findings.undisturbed.rows


def test_killed_at_random_moments(tmp_path):
    assert_as_undisturbed(kill_and_resume.kill_at_random(QUICK, 3, tmp_path), 2)


def test_killed_before_operations_on_the_run_folder(tmp_path):
    """Before every ninth, and before the last: the plan's removal, after the last rename."""
    findings = kill_and_resume.kill_before_operations(QUICK, tmp_path, every=9)
    assert_as_undisturbed(findings, 6)
    # some come before the shards and some after; which ones depends on what libraries open
    assert len(set(findings.found_checkpoints)) >= 2


@pytest.fixture
def place(tmp_path: Path) -> kill_and_resume.Place:
    """A finished run that did twice what the undisturbed one did."""
    place = kill_and_resume.Place(tmp_path / "kill", ["audit"])
    place.out.mkdir(parents=True)
    (place.out / "audit.json").write_text(json.dumps({"n": 1, "seconds": 2, "command": "x"}))
    (place.out / "rows.parquet").write_bytes(b"rows")
    work = "begun 1\nrows 5\nstored 1\nrows 7\nstored 1\n"
    place.log.write_text(work + work)
    return place


def judged(place: kill_and_resume.Place, expected: object, before: int) -> list[str]:
    findings = kill_and_resume.Findings(kill_and_resume.Log(12, [5, 7]))
    kill_and_resume.judge(place, expected, before, findings)
    return findings.disagreements


def test_work_done_twice_is_reported(place):
    place_same = kill_and_resume.same(place.out)
    assert judged(place, place_same, 0) == ["kill: repeated 12 rows, 0 checkpoints, 0 trainings"]
    place.log.write_text("begun 1\nrows 5\nstored 1\nbegun 1\nrows 7\nstored 1\n")
    assert judged(place, place_same, 1) == []
    place.log.write_text("begun 1\nrows 5\nstored 1\nbegun 1\nrows 5\nstored 1\nrows 7\nstored 1\n")
    assert judged(place, place_same, 1) == ["kill: repeated 5 rows, 1 checkpoints, 0 trainings"]


def test_other_results_are_reported(place):
    expected = kill_and_resume.same(place.out)
    place.log.write_text("begun 1\nrows 5\nstored 1\nrows 7\nstored 1\n")
    (place.out / "audit.json").write_text(json.dumps({"n": 1, "seconds": 3, "command": "y"}))
    assert judged(place, expected, 0) == []
    (place.out / "rows.parquet").write_bytes(b"Rows")
    assert judged(place, expected, 0) == ["kill: other results"]
    (place.out.parent / "run.partial").mkdir()
    assert len(judged(place, expected, 0)) == 2
