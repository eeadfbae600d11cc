"""A machine that lacks something, or loses a file, is told from a bug."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from commands import call
from rafair.cli import main
from rafair.engine.checkpoints import Checkpoints

ERRORS = {
    "memory": MemoryError(),
    "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate "
                          "memory: you tried to allocate 68719476736 bytes"),
    "a library": ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    "threads": RuntimeError("can't start new thread"),
    "Python": SystemError(
        "<function _find_and_load at 0x7f> returned NULL without setting an exception"
    ),
    "the system": OSError(12, "Cannot allocate memory"),
}  # fmt: skip


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_too_little_memory_is_told_as_such(error, monkeypatch):
    def lacks(*_: object, **__: object) -> None:
        raise ValueError("something else") from error

    monkeypatch.setattr(main, "app", lacks)
    done = call("audit")
    assert done.code == 3
    assert done.err.startswith("rafair: too little memory; what was done before is kept")
    assert done.err.count("\n") == 1


def test_a_bug_stays_a_bug(monkeypatch):
    def wrong(*_: object, **__: object) -> None:
        raise ValueError("something else")

    monkeypatch.setattr(main, "app", wrong)
    assert call("audit").code == 70


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({0}, {0})); "
    "from rafair.cli.main import main; main(sys.argv[1:])"
)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_libraries_that_cannot_be_loaded_for_want_of_memory(tmp_path):
    command = [sys.executable, "-c", LIMITED.format(800 * 2**20)]
    command += ["audit", "--epochs", "1", "--instances", "20", "--steps", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("rafair: too little memory")


@pytest.mark.parametrize("number", [1, 2])
def test_a_folder_that_is_deleted_in_mid_run(number, tmp_path, monkeypatch):
    store, stored = Checkpoints.store, []

    def and_delete(self, shard, files):
        store(self, shard, files)
        stored.append(shard)
        if len(stored) == number:
            shutil.rmtree(tmp_path / "run.partial")

    monkeypatch.setattr(Checkpoints, "store", and_delete)
    done = call("audit", "--epochs", "1", "--instances", "200", "--steps", "1",
                "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 3, done.err
    assert "a bug" not in done.err
