"""What a store survives: killed processes, a database that goes away, two writers, full disks."""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from made_windows import made_window
from postgres import Postgres
from rafair.errors import InputError, StorageError, StoreBusyError
from rafair.monitoring.store.monitor_store import Store
from rafair.monitoring.store.open_store import open_store
from small_disks import mounted
from tcp_relay import Relay

CHILD = str(Path(__file__).parents[1] / "committing_child.py")
DYING = str(Path(__file__).parents[1] / "dying_child.py")


def check_like_an_undisturbed_one(store: Store, tmp_path: Path, n: int) -> int:
    """Compares a store with one to which the same windows were committed in peace."""
    last = store.last_number()
    with open_store(tmp_path / "undisturbed.sqlite", "m", {}) as peaceful:
        for number in range(1, last + 1):
            assert peaceful.commit(made_window(number, n))
        assert store.windows() == peaceful.windows()
        assert store.totals() == peaceful.totals()
        assert store.positions() == peaceful.positions()
        assert store.quarantine() == peaceful.quarantine()
        now = made_window(last + 1).closed
        assert store.deliveries(now) == peaceful.deliveries(now)
        for name, steps in peaceful.history().items():
            assert (store.history()[name] == steps).all()
    return last


# processes that are killed ----------------------------------------------------------------------


def test_killed_while_it_commits(place, tmp_path):
    """After each kill all windows that were told are there, and the others whole or not at all."""
    draw, kills, n = random.Random(0), int(os.environ.get("RAFAIR_STORE_KILLS", "6")), 400
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, CHILD, place, str(n)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        first = child.stdout.readline()  # it is at work
        time.sleep(draw.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        told = int((first + child.communicate()[0]).split()[-1])
        with open_store(place, "m", {}, patience_s=20) as store:
            # one more may be there, whose commit had no time to return
            assert store.last_number() - told in (0, 1)
            assert store.totals().rows == n * store.last_number()
    with open_store(place, "m", {}, patience_s=20) as store:
        last = check_like_an_undisturbed_one(store, tmp_path, n)
        assert last > kills
        assert not store.commit(made_window(last, n))
        assert store.commit(made_window(last + 1, n))


def test_killed_before_each_statement_of_a_commit(place, tmp_path):
    """Until COMMIT nothing is there; after it, all."""
    done = subprocess.run(
        [sys.executable, DYING, place], stdout=subprocess.PIPE, text=True, check=True
    )
    tries = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    *died, (_, code, _, _) = tries
    assert code == 0
    assert {code for _, code, _, _ in died} == {-signal.SIGKILL}
    assert [rows for *_, rows in tries] == [20 * stored for _, _, stored, _ in tries]
    stored = [number for _, _, number, _ in tries]
    assert stored[:10] == [0] * 10
    assert {after - before for before, after in pairwise(stored)} == {0, 1}
    assert 1 in stored  # of one that died right after COMMIT
    with open_store(place, "m", {}, patience_s=20) as store:
        assert check_like_an_undisturbed_one(store, tmp_path, 20) == stored[-1]


# a database that goes away ----------------------------------------------------------------------


def test_a_server_that_stops_and_starts_while_windows_are_committed(
    postgres, new_database, tmp_path
):
    said: list[str] = []
    stopped = threading.Event()

    def disturb() -> None:
        for times in (1, 2, 3):
            time.sleep(0.4)
            postgres.stop("immediate")
            time.sleep(0.5)
            postgres.start()
            while len(said) < 2 * times:
                time.sleep(0.05)
        stopped.set()

    with (
        open_store(new_database, "m", {}, patience_s=60, say=said.append) as store,
        store.hold(),
    ):
        disturbing = threading.Thread(target=disturb)
        disturbing.start()
        number = 0
        while not stopped.is_set() or number < 10:
            number += 1
            assert store.commit(made_window(number, 200)), number
        disturbing.join()
        assert check_like_an_undisturbed_one(store, tmp_path, 200) == number
    assert len(said) == 6
    assert all("; trying again for 60 s" in line for line in said[::2])
    assert all("back after" in line for line in said[1::2])
    assert not any("\n" in line for line in said)


def test_a_server_that_stays_away(postgres, new_database):
    with open_store(new_database, "m", {}, patience_s=1, say=lambda _: None) as store:
        store.commit(made_window(1))
        with store.hold():
            postgres.stop("immediate")
            with pytest.raises(StorageError, match=r"refused.*, tried for 1 s; what was") as told:
                store.commit(made_window(2))
            assert "\n" not in str(told.value)
            postgres.start()
            assert store.commit(made_window(2))


@pytest.mark.parametrize("held", [False, True])
def test_cut_off_after_commit_was_sent(postgres, new_database, held):
    """The window is there by this commit: True, though it was tried twice."""
    with Relay(postgres.port, b"COMMIT") as relay:
        url = new_database.replace(f":{postgres.port}/", f":{relay.port}/")
        with (
            open_store(url, "m", {}, patience_s=20) as store,
            store.hold() if held else contextlib.nullcontext(),
        ):
            relay.armed = True
            assert store.commit(made_window(1))
            assert relay.cuts_left == 0
            assert not store.commit(made_window(1))
            assert store.totals().rows == 20


def test_a_session_out_of_step_is_given_up_for_another(new_database):
    """A query was begun whose answer nobody has read: all that is asked after it fails."""
    said = []
    with (
        open_store(new_database, "m", {}, patience_s=20, say=said.append) as store,
        store.hold(),
    ):
        assert store.commit(made_window(1))
        session = store._link._session
        session.connection.driver_connection.pgconn.send_query(b"SELECT 1")
        assert store.commit(made_window(2))
        assert store._link._session is not session
        with (
            open_store(new_database, "m", {}) as other,
            pytest.raises(StoreBusyError),
            other.hold(),
        ):
            pass
        assert store.last_number() == 2
    assert "another command is already in progress" in said[0]


def test_cut_off_before_the_work_is_done(postgres, new_database):
    with Relay(postgres.port, b"quarantine", times=2) as relay:
        url = new_database.replace(f":{postgres.port}/", f":{relay.port}/")
        with open_store(url, "m", {}, patience_s=30) as store:
            relay.armed = True
            assert store.commit(made_window(1))
            assert relay.cuts_left == 0
            assert store.totals().rows == 20


def test_a_file_that_is_locked_for_a_while(tmp_path):
    path, said = tmp_path / "watch.sqlite", []
    with open_store(path, "m", {}, patience_s=20, say=said.append) as store:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        assert store.totals().rows == 0  # readers do not wait
        with open_store(path, "m", {}, patience_s=0) as reader:
            assert reader.last_number() == 0
        threading.Timer(2, other.rollback).start()
        assert store.commit(made_window(1))
        other.close()
    assert "database is locked" in said[0]
    assert "back" in said[1]
    with open_store(path, "m", {}, patience_s=0.5) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"database is locked\), tried for"):
            store.commit(made_window(2))
        other.close()
        assert store.commit(made_window(2))


def test_a_file_that_goes_away_is_not_made_anew(tmp_path):
    folder, aside = tmp_path / "drive", tmp_path / "aside"
    folder.mkdir()
    with open_store(folder / "w", "m", {}, patience_s=20) as store:
        store.commit(made_window(1))
        folder.rename(aside)
        threading.Timer(1, aside.rename, [folder]).start()
        assert store.commit(made_window(2))
        assert store.totals().windows == 2
    with open_store(folder / "w", "m", {}, patience_s=0.3) as store:
        (folder / "w").unlink()
        with pytest.raises(StorageError, match="unable to open database file"):
            store.commit(made_window(3))
        assert not (folder / "w").exists()


# two writers ------------------------------------------------------------------------------------


def test_two_writers_never_count_twice(place, tmp_path):
    """Without the lock that keeps them apart, each number is one writer's."""
    stored: list[list[int]] = [[], []]

    def write(which: int) -> None:
        with open_store(place, "m", {}, patience_s=60) as store:
            for number in range(1, 16):
                if store.commit(made_window(number, 100)):
                    stored[which].append(number)

    threads = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored[0] + stored[1]) == list(range(1, 16))
    with open_store(place, "m", {}) as store:
        assert check_like_an_undisturbed_one(store, tmp_path, 100) == 15


def test_a_reader_beside_a_writer_sees_whole_windows(place):
    """Each question is answered of one moment, whatever is committed meanwhile."""
    done = threading.Event()

    def write() -> None:
        with open_store(place, "m", {}, patience_s=60) as store, store.hold():
            for number in range(1, 31):
                assert store.commit(made_window(number, 50))
        done.set()

    with open_store(place, "m", {}, patience_s=60) as reader:
        writing = threading.Thread(target=write)
        writing.start()
        seen = set()
        while not done.is_set():
            totals = reader.totals()
            assert totals.rows == 50 * totals.windows
            for window in reader.windows():
                assert window.counts["clean"]["individual_fairness"][1] == 50
            history = reader.history(["clean.accuracy"])["clean.accuracy"]
            assert history[:, 0].tolist() == list(range(1, len(history) + 1))
            seen.add(len(history))
        writing.join()
    assert len(seen) > 2


def before(store: Store, words: str, happens: Callable[[], object]) -> None:
    """Lets something happen once, right before a store's query that holds these words."""
    left = [happens]

    @event.listens_for(store._link.engine, "before_cursor_execute")
    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if words in statement and left:
            left.pop()()


def test_a_question_of_two_queries_is_answered_of_one_moment(place):
    with open_store(place, "m", {}) as reader, open_store(place, "m", {}) as writer:
        writer.commit(made_window(1))
        before(reader, "FROM counts", lambda: writer.commit(made_window(2)))
        assert reader.history()["clean.accuracy"].shape == (1, 2)
        windows = reader.windows()
        before(reader, "FROM rows", lambda: writer.commit(made_window(3)))
        assert reader.windows() == windows
        assert reader.last_number() == 3


@pytest.mark.parametrize("words", ["windows.token", "INSERT INTO windows", "INSERT INTO rows"])
def test_a_writer_that_is_overtaken_at_any_moment(new_database, words):
    with open_store(new_database, "m", {}) as first, open_store(new_database, "m", {}) as second:
        stored: list[bool] = []
        other = threading.Thread(target=lambda: stored.append(second.commit(made_window(1))))

        def overtake() -> None:
            other.start()
            other.join(1)  # it waits for the first one's end if that has the number already

        before(first, words, overtake)
        stored.append(first.commit(made_window(1)))
        other.join()
        assert sorted(stored) == [False, True]
        assert first.totals().rows == 20


def test_of_two_writers_at_one_window_one_is_told(new_database):
    """The second waits for the first at the primary key, inside its transaction."""
    with open_store(new_database, "m", {}) as store:
        with psycopg.connect(new_database) as other:
            other.execute(
                "INSERT INTO windows SELECT id, 1, 'other', '', now(), now(), 0, 0, 0, 0, 0, '{}', "
                "'token' FROM monitors"
            )
            threading.Timer(0.5, other.commit).start()
            assert not store.commit(made_window(1))
            time.sleep(0.2)
        assert store.totals().rows == 0
        assert store.window("other") == {}


# full disks -------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    yield from mounted(tmp_path / "disk", "1m")


def fill(store: Store, n: int) -> int:
    """Commits windows until the store refuses; returns the number that was refused."""
    for number in range(store.last_number() + 1, 200):
        try:
            assert store.commit(made_window(number, n))
        except StorageError as error:
            said = str(error)
            break
    assert re.search("full|disk I/O error|No space left", said)
    assert "what was stored before is kept" in said
    assert "\n" not in said
    return number


def check_intact(store: Store, refused: int, n: int, tmp_path: Path) -> None:
    assert store.last_number() == refused - 1 > 0
    assert store.totals().rows == n * (refused - 1)
    check_like_an_undisturbed_one(store, tmp_path, n)


def test_a_full_disk_under_sqlite(disk, tmp_path):
    with open_store(disk / "watch.sqlite", "m", {}, patience_s=5) as store:
        refused = fill(store, 500)
        check_intact(store, refused, 500, tmp_path)
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert store.commit(made_window(refused, 500))
        assert store.last_number() == refused
    connection = sqlite3.connect(disk / "watch.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_an_archive_that_nobody_can_write_to_is_read(disk):
    with open_store(disk / "watch.sqlite", "m", {}) as store:
        store.commit(made_window(1))
        windows = store.windows()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with open_store(disk / "watch.sqlite", "m", {}, patience_s=1) as store:
        assert store.windows() == windows
        with pytest.raises(StorageError, match="attempt to write a readonly database"):
            store.commit(made_window(2))
    with pytest.raises(InputError, match="cannot be opened: attempt to write a readonly"):
        open_store(disk / "watch.sqlite", "another", {}, patience_s=1)


def test_a_limit_on_the_size_of_files_under_sqlite(tmp_path):
    with open_store(tmp_path / "watch.sqlite", "m", {}, patience_s=5) as store:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
        try:
            refused = fill(store, 500)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        check_intact(store, refused, 500, tmp_path)
        assert store.commit(made_window(refused, 500))


@pytest.fixture
def small_tablespace(postgres: Postgres) -> Iterator[Path]:
    """A folder of 12 MiB that the server may write to."""
    for folder in mounted(postgres.folder / "small", "12m"):
        owner = postgres.folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)
        yield folder
        folder.chmod(0o755)


def test_a_full_disk_under_postgresql(postgres, small_tablespace, tmp_path):
    postgres.execute(f"CREATE TABLESPACE small LOCATION '{small_tablespace}'")
    postgres.execute("CREATE DATABASE cramped TABLESPACE small")
    try:
        with open_store(postgres.url("cramped"), "m", {}, patience_s=5) as store, store.hold():
            refused = fill(store, 1000)
            check_intact(store, refused, 1000, tmp_path)
            subprocess.run(["mount", "-o", "remount,size=40m", str(small_tablespace)], check=True)
            assert store.commit(made_window(refused, 1000))
    finally:
        postgres.execute("DROP DATABASE cramped WITH (FORCE)")
        postgres.execute("DROP TABLESPACE small")
