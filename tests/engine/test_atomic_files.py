from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rafair.engine.atomic_files import writing, writing_folder
from rafair.errors import InputError


def test_what_a_killed_process_left_of_a_file_goes_when_it_is_written(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".report.html.{gone.pid}.tmp"
    others = [
        tmp_path / f".report.html.{os.getppid()}.tmp",  # may be writing just now
        tmp_path / f".audit.json.{gone.pid}.tmp",
        tmp_path / ".report.html.notes.tmp",
        tmp_path / ".report.html.99999999999999999999999.tmp",
    ]
    for path in (left, *others):
        path.write_text("half")
    with writing(tmp_path / "report.html") as temporary:
        temporary.write_text("whole")
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", *(p.name for p in others)}


def test_a_folder_is_whole_or_not_there(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".monitor.{gone.pid}.tmp"
    left.mkdir()
    (left / "half").write_text("half")

    def fail() -> None:
        with writing_folder(tmp_path / "monitor") as place:
            (place / "one").write_text("1")
            raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        fail()
    assert list(tmp_path.iterdir()) == []
    with writing_folder(tmp_path / "monitor") as place:
        (place / "one").write_text("1")
        assert not (tmp_path / "monitor").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["monitor"]
    with pytest.raises(InputError, match="cannot be written"), writing_folder(tmp_path / "monitor"):
        pass
    assert (tmp_path / "monitor" / "one").read_text() == "1"
