"""What an interruption leaves, and that the same command carries on from there."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from commands import MAY_DIFFER, call, document, hashes, names, rafair, without
from forked import Forked

PROGRAM = "from rafair.cli.main import main; print('ready', flush=True); main()"
SOME_SECONDS = ("--epochs", "1", "--instances", "250", "--steps", "10")  # three shards
PATIENCE = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the others must equal."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    rafair("audit", *SOME_SECONDS, "--out", folder)
    return folder


@pytest.fixture
def start() -> Iterator[Callable[..., Forked]]:
    """Starts commands of their own; none of them outlives the test."""
    begun: list[Forked] = []

    def forked(*arguments: str | Path) -> Forked:
        begun.append(Forked(*arguments))
        return begun[-1]

    yield forked
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(process: Forked, happened: Callable[[], bool]) -> None:
    """Waits until something has happened while the process is at work."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    assert process.poll() is None, "the process was too quick for this test"


def interrupt(process: Forked | subprocess.Popen[str]) -> list[str]:
    """Presses Ctrl-C; returns the lines on stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out in ("", "ready\n")
    assert "Traceback" not in err
    return err.splitlines()


def check_taken_up(out: Path, undisturbed: Path, options: Sequence[str] = SOME_SECONDS) -> None:
    """The same command again gives what it would have given at once."""
    assert "carrying on where it was left" in rafair("audit", *options, "--out", out).err
    ours, theirs = document(out), document(undisturbed)
    assert without(MAY_DIFFER, ours) == without(MAY_DIFFER, theirs)
    assert hashes(out) == hashes(undisturbed)
    assert names(out.parent) == {out.name}


@pytest.fixture
def shard_done(tmp_path: Path) -> Callable[[], bool]:
    return lambda: (tmp_path / "run.partial" / "shards" / "00000").exists()


def test_ctrl_c_while_attacking(start, tmp_path, undisturbed, shard_done):
    out = tmp_path / "run"
    process = start("audit", *SOME_SECONDS, "--out", out)
    wait_for(process, shard_done)
    *before, kept, last = interrupt(process)
    assert last == "rafair: interrupted; run the same command again to do the rest"
    assert not [line for line in before if "rows to compute" not in line]
    assert re.fullmatch(r"[1-9] of \d parts \(of up to 100 instances\) (is|are) kept", kept)
    assert names(tmp_path) == {"run.partial"}

    other = call("audit", *SOME_SECONDS, "--seed", "1", "--out", out)
    assert other.code == 2
    assert other.err.startswith(f"rafair: '{out}.partial' holds unfinished work of another command")
    assert other.err.count("\n") == 1
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


def test_stopped_when_all_but_done(tmp_path, monkeypatch):
    """Everything is written but the last name: nothing of it may leak into the document."""
    quick = ("--epochs", "1", "--instances", "10", "--steps", "2")
    (tmp_path / "undisturbed").mkdir()
    (tmp_path / "stopped").mkdir()
    rafair("audit", *quick, "--out", tmp_path / "undisturbed" / "run")

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "stopped" / "run"
    with monkeypatch.context() as patch:
        patch.setattr("rafair.engine.run_folder.RunFolder.finish", stop)
        assert call("audit", *quick, "--out", out).code == 130
    assert (tmp_path / "stopped" / "run.partial" / "audit.json").exists()
    check_taken_up(out, tmp_path / "undisturbed" / "run", quick)


def test_ctrl_c_while_a_class_is_made(tmp_path, monkeypatch):
    class Interrupted:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    def stop(_: object) -> None:
        type("Made", (), {"attribute": Interrupted()})

    monkeypatch.setattr("rafair.engine.run_folder.RunFolder.finish", stop)
    quick = ("--epochs", "1", "--instances", "10", "--steps", "2")
    called = call("audit", *quick, "--out", tmp_path / "run")
    assert called.code == 130
    assert called.err.splitlines()[-1].startswith("rafair: interrupted")


@pytest.mark.parametrize("left", [[], [".plan.json.1.tmp"]], ids=["nothing", "half a plan"])
def test_killed_at_the_very_start(tmp_path, left):
    (tmp_path / "run.partial").mkdir()
    for name in left:
        (tmp_path / "run.partial" / name).write_text("{")
    rafair("train", "--epochs", "1", "--out", tmp_path / "run")
    assert names(tmp_path) == {"run"}
    assert names(tmp_path / "run") == {"model.safetensors", "model.json", "model.onnx"}


@pytest.mark.parametrize("command", ["audit", "train"])
def test_ctrl_c_while_training(start, tmp_path, command):
    process = start(command, "--epochs", "500", "--out", tmp_path / "run")
    wait_for(process, (tmp_path / "run.partial" / "plan.json").exists)
    time.sleep(0.5)
    assert interrupt(process)[-1].startswith("rafair: interrupted")
    assert names(tmp_path) == {"run.partial"}
    assert names(tmp_path / "run.partial") == {"plan.json"}


def test_ctrl_c_while_libraries_are_loaded(tmp_path):
    command = [sys.executable, "-c", PROGRAM, "audit", "--out", str(tmp_path / "run")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        assert interrupt(process)[-1].startswith("rafair: interrupted")
    assert not list(tmp_path.iterdir())
