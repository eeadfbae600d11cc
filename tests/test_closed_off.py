"""No test reaches what is outside of this machine, nor data files that it is not marked for."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import requests

from closed_off import EVERY_PROCESS
from commands import call
from every_process.sitecustomize import OutsideError
from rafair.datasets import DATASETS, load_dataset
from rafair.datasets.dataset_files import store
from rafair.datasets.info import SourceFile
from rafair.errors import InputError

ELSEWHERE = ("198.51.100.7", 80)  # of a network that is reserved for documentation
NAME = "nobody.invalid"


def by_datagram(way: str, *arguments: object) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        getattr(one, way)(*arguments)


def by_asyncio() -> None:
    asyncio.run(asyncio.open_connection(*ELSEWHERE))


def in_a_thread(way: Callable[[], None]) -> None:
    """A browser that another test has open keeps the main thread's event loop running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(way).result()


WAYS = {
    "connect": lambda: by_datagram("connect", ELSEWHERE),
    "connect_ex": lambda: by_datagram("connect_ex", ELSEWHERE),
    "sendto": lambda: by_datagram("sendto", b"x", ELSEWHERE),
    "sendmsg": lambda: by_datagram("sendmsg", [b"x"], [], 0, ELSEWHERE),
    "create_connection": lambda: socket.create_connection(ELSEWHERE),
    "gethostbyaddr": lambda: socket.gethostbyaddr(ELSEWHERE[0]),
    "getnameinfo": lambda: socket.getnameinfo(ELSEWHERE, 0),
    "asyncio": lambda: in_a_thread(by_asyncio),
    "requests": lambda: requests.get(f"http://{ELSEWHERE[0]}/"),
}
NAMED_WAYS = {
    "connect": lambda: by_datagram("connect", (NAME, 80)),
    "getaddrinfo": lambda: socket.getaddrinfo(NAME, 80),
    "as bytes": lambda: socket.getaddrinfo(NAME.encode(), 80),
    "gethostbyname": lambda: socket.gethostbyname(NAME),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex(NAME),
    "httpx": lambda: httpx.get(f"http://{NAME}/"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_another_address_is_refused(way):
    with pytest.raises(OutsideError, match=rf"a test asks for '{ELSEWHERE[0]}'"):
        way()


@pytest.mark.parametrize("way", NAMED_WAYS.values(), ids=NAMED_WAYS)
def test_another_machine_s_name_is_not_looked_up(way):
    with pytest.raises(OutsideError, match=f"a test asks for '{NAME}'"):
        way()


def test_this_machine_is_reached(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, port)).close()
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as asking:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        asking.connect(str(tmp_path / "s"))


ASKING = f"import socket; socket.create_connection({ELSEWHERE})"


@pytest.mark.parametrize(
    "command", [[sys.executable, "-c", ASKING], ["sh", "-c", f'"{sys.executable}" -c "{ASKING}"']]
)
def test_a_process_that_a_test_starts_is_closed_off_as_well(command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"OutsideError: a test asks for '{ELSEWHERE[0]}'" in done.stderr


def test_no_process_is_started_that_is_not():
    with pytest.raises(AssertionError, match=r"needs closed_off.EVERY_PROCESS on its PYTHONPATH"):
        subprocess.run([sys.executable, "-c", ""], env={})


# the papers' data -----------------------------------------------------------------------------

PAPERS = [name for name, info in DATASETS.items() if not info.bundled]


@pytest.mark.parametrize("name", PAPERS)
def test_a_test_that_lacks_the_mark_is_told_so(name):
    """Also where RAFAIR_DATA was set when the tests were started."""
    with pytest.raises(OutsideError, match=r"asks for '\S+\.(edu|com)'.*@pytest\.mark\.data$"):
        load_dataset(name)


def test_no_command_hides_it():
    with pytest.raises(OutsideError, match=r"@pytest\.mark\.data"):
        call("audit", "--dataset", "adult")


def test_the_user_s_cache_is_neither_read_nor_written():
    data = b"1,2,3\n"
    with pytest.raises(InputError, match=f"'{os.devnull}/datasets"):
        store(SourceFile("rows.csv", hashlib.sha256(data).hexdigest()), data)


TESTS = """
import os, pytest
assert "RAFAIR_DATA" not in os.environ  # while tests are collected

@pytest.fixture(scope="module")
def shared():
    return os.environ.get("RAFAIR_DATA")

@pytest.mark.data
def test_marked(shared, data_folder):
    assert shared is None
    assert os.environ["RAFAIR_DATA"] == str(data_folder)

def test_without(shared):
    assert shared is None
    assert "RAFAIR_DATA" not in os.environ

def test_that_lacks_the_mark(data_folder):
    pass
"""


@pytest.mark.parametrize(
    ("named", "line"),
    [
        ("a/folder", "2 passed, 1 error"),
        ("", "1 passed, 1 skipped, 1 error"),
        (None, "1 passed, 1 skipped, 1 error"),
    ],
)
def test_data_are_shown_to_marked_tests_alone(named, line, tmp_path):
    (tmp_path / "test_data.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = data: needs files\n")
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([EVERY_PROCESS, str(Path(__file__).parent)])
    if named is not None:
        environment["RAFAIR_DATA"] = named
    environment.pop("PYTEST_ADDOPTS", None)  # what these tests are run with
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "closed_off", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f" {line} in " in done.stdout
    assert "a test that asks for `data_folder` is marked with @pytest.mark.data" in done.stdout
    reason = "RAFAIR_DATA does not name a folder with the papers' data files"
    assert (reason in done.stdout) == (not named)
