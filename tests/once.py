"""Folders that one process of a test session makes, and all its workers look at."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

DONE = ".done"


def made_once(request: pytest.FixtureRequest, name: str, make: Callable[[Path], object]) -> Path:
    """What `make` has written into a new folder; copy it before anything is changed.

    The first worker that asks makes it, and others wait. What one that was stopped has left
    half-made is made again.

    Args:
        request: Of a fixture whose scope is the session.
        name: What it is called, once in all tests.
        make: Writes to a path at which nothing is yet.
    """
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    own = factory.getbasetemp()  # of a worker, a folder in that of the session
    place = (own.parent if hasattr(request.config, "workerinput") else own) / "once" / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / DONE).exists():
            shutil.rmtree(place / "run", ignore_errors=True)
            make(place / "run")
            (place / DONE).touch()
    return place / "run"
