from __future__ import annotations

import subprocess
import sys

import pytest

from rafair.engine.run_folder import RunFolder, next_free, partial_of
from rafair.errors import RunFolderError

PLAN = {"seed": 0}


def test_work_in_progress_belongs_to_one_process(tmp_path):
    final = tmp_path / "runs" / "a-1"
    holder = f"""
import sys, time
from pathlib import Path
from rafair.engine.run_folder import RunFolder
folder = RunFolder(Path({str(final)!r}), {PLAN!r})
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match="in use by another process"):
            RunFolder(final, PLAN)
        with pytest.raises(RunFolderError, match="in use by another process"):
            RunFolder(final, PLAN, force=True)
        assert next_free("a", PLAN, tmp_path / "runs") == tmp_path / "runs" / "a-2"
        assert partial_of(final).exists()
        process.kill()
    with RunFolder(final, PLAN) as folder:  # the lock went with the process
        assert folder.resumed
    assert next_free("a", PLAN, tmp_path / "runs") == final


def test_a_run_is_replaced_and_what_is_not_a_run_is_moved_aside(tmp_path):
    final = tmp_path / "out"
    for name in ("audit.json", "thesis.txt"):
        final.mkdir()
        (final / name).write_text("{}")
        with RunFolder(final, PLAN, force=True) as folder:
            folder.finish()
        assert list(final.iterdir()) == []
        final.rmdir()
    assert [path.name for path in tmp_path.iterdir()] == ["out.before-1"]
    assert (tmp_path / "out.before-1" / "thesis.txt").read_text() == "{}"


def test_a_run_that_is_watched_is_moved_aside(tmp_path):
    final = tmp_path / "out"
    for number, kept in enumerate(("monitor", "monitor.before-1"), start=1):
        (final / kept).mkdir(parents=True)
        (final / "audit.json").write_text("{}")
        (final / kept / "watch.sqlite").write_text("seen")
        with RunFolder(final, PLAN, force=True) as folder:
            folder.finish()
        aside = tmp_path / f"out.before-{number}"
        assert (aside / kept / "watch.sqlite").read_text() == "seen"
        assert (aside / "audit.json").is_file()
        assert list(final.iterdir()) == []
        final.rmdir()


def test_what_is_finished_is_whole_and_nothing_else_is_left(tmp_path):
    with RunFolder(tmp_path / "deep" / "out", PLAN) as folder:
        (folder.partial / "result").write_text("1")
        folder.finish()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "deep" / "out").iterdir()] == ["result"]


def test_what_is_discarded_leaves_no_folder_that_was_made_for_it(tmp_path):
    with RunFolder(tmp_path / "deep" / "deeper" / "out", PLAN) as folder:
        folder.discard()
    assert list(tmp_path.iterdir()) == []
