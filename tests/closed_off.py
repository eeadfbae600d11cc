"""What tests can reach: this machine, and of the papers' data files what they are marked for.

The folder that `RAFAIR_DATA` names is taken out of the environment before a test module is read. It
comes back for each test that is marked `data`, after all that several tests share has been made.
So a test that lacks its mark fails wherever the files are at hand as well.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import every_process.sitecustomize  # noqa: F401 - closes this process off

EVERY_PROCESS = str(Path(__file__).parent / "every_process")
"""The folder on `PYTHONPATH` that closes off a process that a test starts."""

DATA = pytest.StashKey[str | None]()


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as under nohup, and of what is started
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # what hands the tests out runs none of them, and the processes that do have its environment
    hands_out = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    take = os.environ.get if hands_out else os.environ.pop
    config.stash[DATA] = take("RAFAIR_DATA", None)
    os.environ.pop("COLUMNS", None)  # of whoever runs the tests, or of what runs them side by side
    # no cache at all: neither is the user's read, nor does a test find what another has left
    os.environ["RAFAIR_CACHE"] = os.devnull
    # the one way to have a Ray cluster of this machine at 127.0.0.1 instead of its own address
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    kept = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([EVERY_PROCESS, kept] if kept else [EVERY_PROCESS])
    start = subprocess.Popen.__init__

    @functools.wraps(start)
    def start_closed_off(self: Any, *arguments: Any, **options: Any) -> None:
        given = options.get("env")
        paths = (os.environ if given is None else given).get("PYTHONPATH", "")
        assert EVERY_PROCESS in paths.split(os.pathsep), (
            "a process that a test starts needs closed_off.EVERY_PROCESS on its PYTHONPATH"
        )
        start(self, *arguments, **options)

    subprocess.Popen.__init__ = start_closed_off


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("data") and not item.config.stash[DATA]:
        pytest.skip("RAFAIR_DATA does not name a folder with the papers' data files")


@pytest.fixture(autouse=True)
def _data_where_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs after the fixtures that tests share, as its scope is a single test's."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("data"):
            patch.setenv("RAFAIR_DATA", request.config.stash[DATA])
        yield


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host has a name, and none is asked for: what a lookup comes to that finds nothing."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.fixture
def data_folder(request: pytest.FixtureRequest) -> Path:
    """The folder with the papers' files."""
    marked = request.node.get_closest_marker("data")
    assert marked, "a test that asks for `data_folder` is marked with @pytest.mark.data"
    return Path(request.config.stash[DATA])
