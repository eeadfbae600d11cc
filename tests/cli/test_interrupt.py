"""What an interruption leaves, and that the same command carries on from there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rafair.cli.main import run

PROGRAM = (sys.executable, "-c", "from rafair.cli.main import main; main()")
SOME_SECONDS = ("--epochs", "1", "--instances", "500", "--steps", "25")
MAY_DIFFER = ("created", "command", "environment", "seconds")
PATIENCE = 60


def same(value: Any) -> Any:
    """What must not differ between two runs of one command."""
    if not isinstance(value, dict):
        return value
    return {key: same(item) for key, item in value.items() if key not in MAY_DIFFER}


def document(folder: Path) -> dict[str, Any]:
    return same(json.loads((folder / "audit.json").read_text(encoding="utf-8")))


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def here(*arguments: str | Path) -> tuple[int, str]:
    """Runs a command in this process; returns its code and what it says on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        return run([str(argument) for argument in arguments]), said.getvalue()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the others must equal."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert here("audit", *SOME_SECONDS, "--out", folder)[0] == 0
    return folder


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts commands of their own; none of them outlives the test."""
    begun: list[subprocess.Popen[str]] = []

    def popen(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield popen
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Waits until something has happened while the process is at work."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    assert process.poll() is None, "the process was too quick for this test"


def interrupt(process: subprocess.Popen[str]) -> list[str]:
    """Presses Ctrl-C; returns the lines on stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()


def check_taken_up(out: Path, undisturbed: Path) -> None:
    """The same command again gives what it would have given at once."""
    code, said = here("audit", *SOME_SECONDS, "--out", out)
    assert code == 0
    assert "carrying on where it was left" in said
    assert document(out) == document(undisturbed)
    ours, theirs = hashes(out), hashes(undisturbed)
    assert ours.keys() == theirs.keys()
    assert {k: v for k, v in ours.items() if k != "audit.json"} == {
        k: v for k, v in theirs.items() if k != "audit.json"
    }
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.fixture
def shard_done(tmp_path: Path) -> Callable[[], bool]:
    return lambda: (tmp_path / "run.partial" / "shards" / "00000").exists()


def test_ctrl_c_while_attacking(start, tmp_path, undisturbed, shard_done):
    out = tmp_path / "run"
    process = start("audit", *SOME_SECONDS, "--out", out)
    wait_for(process, shard_done)
    *before, last = interrupt(process)
    assert last.startswith("rafair: interrupted")
    assert not [line for line in before if "rows to compute" not in line]
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]

    code, said = here("audit", *SOME_SECONDS, "--seed", "1", "--out", out)
    assert code == 2
    assert said.startswith(f"rafair: '{out}.partial' holds unfinished work of another command")
    assert said.count("\n") == 1
    assert shard_done()

    check_taken_up(out, undisturbed)


def test_killed_while_attacking(start, tmp_path, undisturbed, shard_done):
    process = start("audit", *SOME_SECONDS, "--out", tmp_path / "run")
    wait_for(process, shard_done)
    process.kill()
    process.communicate()
    # a kill in the middle of a file leaves a piece of it
    (tmp_path / "run.partial" / ".adversarial.parquet.1.tmp").write_bytes(b"PAR1")
    check_taken_up(tmp_path / "run", undisturbed)


def test_killed_when_all_but_done(tmp_path, undisturbed, monkeypatch):
    """Everything is written but the last name: nothing of it may leak into the document."""

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rafair.engine.run_folder.RunFolder.finish", die)
        assert here("audit", *SOME_SECONDS, "--out", tmp_path / "run")[0] == 130
    assert (tmp_path / "run.partial" / "audit.json").exists()
    check_taken_up(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("left", [[], [".plan.json.1.tmp"]], ids=["nothing", "half a plan"])
def test_killed_at_the_very_start(tmp_path, left):
    (tmp_path / "run.partial").mkdir()
    for name in left:
        (tmp_path / "run.partial" / name).write_text("{")
    assert here("train", "--epochs", "1", "--out", tmp_path / "run")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert len(list((tmp_path / "run").iterdir())) == 3


@pytest.mark.parametrize("command", ["audit", "train"])
def test_ctrl_c_while_training(start, tmp_path, command):
    process = start(command, "--epochs", "500", "--out", tmp_path / "run")
    wait_for(process, (tmp_path / "run.partial" / "plan.json").exists)
    time.sleep(0.5)
    assert interrupt(process)[-1].startswith("rafair: interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    assert [path.name for path in (tmp_path / "run.partial").iterdir()] == ["plan.json"]


def test_ctrl_c_before_anything_was_done(start, tmp_path):
    process = start("audit", "--out", tmp_path / "run")
    time.sleep(1)  # libraries are being loaded
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()
