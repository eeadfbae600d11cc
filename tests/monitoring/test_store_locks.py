"""One process watches a monitor at a time; others may read; the lock goes with the process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from made_windows import made_window
from rafair.errors import StoreBusyError
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.store.watch_lock import number_of

HOLDER = """
import sys
from rafair.monitoring.store.open_store import open_store
store = open_store(sys.argv[1], "m", {}, patience_s=30)
with store.hold():
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(place: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, place], stdin=pipe, stdout=pipe, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_second_watcher_is_refused_and_told_who_watches(place):
    with holder(place) as child, open_store(place, "m", {}, patience_s=10) as store:
        with pytest.raises(StoreBusyError) as told, store.hold():
            pass
        assert f"(pid {child.pid} on {socket.gethostname()})" in str(told.value)
        assert told.value.exit_code == 3
        assert store.last_number() == store.totals().rows == 0  # reading works all the same
        begun = time.monotonic()
        with pytest.raises(StoreBusyError), store.hold(wait_s=0.5):
            pass
        assert time.monotonic() - begun >= 0.5
        other = open_store(place, "another", {}, patience_s=10)
        with other.hold():
            assert other.commit(made_window(1))
        other.close()


def test_a_killed_watcher_leaves_its_place(place):
    with holder(place) as child, open_store(place, "m", {}, patience_s=10) as store:
        child.send_signal(signal.SIGKILL)
        with store.hold(wait_s=20):
            assert store.commit(made_window(1))


def test_one_waits_for_its_turn(place):
    with holder(place) as child, open_store(place, "m", {}, patience_s=10) as store:
        assert child.stdin is not None
        threading.Timer(0.5, child.stdin.write, ["\n"]).start()
        threading.Timer(0.6, child.stdin.flush).start()
        with store.hold(wait_s=20):
            assert store.commit(made_window(1))


def test_a_place_is_given_back(place):
    with open_store(place, "m", {}, patience_s=10) as store:
        for number in (1, 2):
            with store.hold():
                assert store.commit(made_window(number))
        with holder(place):
            pass


def sessions(postgres: object, action: str, number: int) -> list[tuple[object]]:
    return postgres.execute(  # type: ignore[attr-defined, no-any-return]
        f"SELECT {action} FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
        number & 0xFFFFFFFF,
    )


def test_a_lost_session_takes_its_lock_again(postgres, new_database):
    said: list[str] = []
    with (
        open_store(new_database, "m", {}, patience_s=20, say=said.append) as store,
        store.hold(),
    ):
        assert sessions(postgres, "pg_terminate_backend(pid)", number_of("m")) == [(True,)]
        assert store.commit(made_window(1))
        assert len(sessions(postgres, "pid", number_of("m"))) == 1
        with (
            open_store(new_database, "m", {}) as other,
            pytest.raises(StoreBusyError, match=f"pid {os.getpid()} on"),
            other.hold(),
        ):
            pass
    assert "away" in said[0]
    assert "back after" in said[1]
    assert len(said) == 2


def test_a_place_that_was_lost_to_another_is_not_written_to(postgres, new_database):
    with open_store(new_database, "m", {}, patience_s=20) as store, store.hold():
        store.commit(made_window(1))
        sessions(postgres, "pg_terminate_backend(pid)", number_of("m"))
        time.sleep(0.2)
        with holder(new_database), pytest.raises(StoreBusyError):
            store.commit(made_window(2))
        assert store.commit(made_window(2))
        assert store.totals().rows == 40


def test_a_session_whose_end_the_server_missed_is_ended(new_database):
    """As after a cut cable: the server still holds the lock for a session that nobody has."""
    with open_store(new_database, "m", {}, patience_s=20) as store, store.hold():
        lost, store._link._session = store._link._session, None
        assert store.commit(made_window(1))
        assert lost is not None
        lost.invalidate()
        lost.close()


def test_the_holder_is_found_whatever_the_locks_number(new_database):
    """Halves of 32 bits that no signed integer of 32 bits can hold, and such that it can."""
    halves = set()
    for name in map(str, range(12)):
        number = number_of(name)
        halves.add((number >> 63, number >> 31 & 1))
        with (
            open_store(new_database, name, {}) as one,
            one.hold(),
            open_store(new_database, name, {}) as other,
            pytest.raises(StoreBusyError, match=f"pid {os.getpid()} on"),
            other.hold(),
        ):
            pass
    assert len(halves) == 4
