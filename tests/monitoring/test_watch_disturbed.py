"""A watch whose store goes away, whose place another wants, and that is told to stop."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import rafair.monitoring.entry
from commands import call
from streams import frame_of, write_folder, write_stream
from watch_commands import Running, figures_of, history_of, run, the_line

ROWS, WINDOW = 12_000, 300
WINDOWS = ROWS // WINDOW


@dataclass(frozen=True)
class Peace:
    """A run folder, a stream in files, and what an undisturbed watch made of it."""

    run: Path
    files: Path
    figures: dict

    def watch(self, store, *more):
        """The arguments of a watch of it."""
        return [
            "watch",
            self.run,
            self.files,
            *f"--window-rows {WINDOW} --store".split(),
            store,
            *more,
        ]

    def check(self, store):
        """Another command carries on, and comes to the same."""
        done = run(*self.watch(store, "--once"))
        assert done.returncode == 0, done.stderr
        assert figures_of(self.run, store) == self.figures


@pytest.fixture(scope="module")
def peace(watched_plainly, affairs, tmp_path_factory) -> Peace:
    folder = tmp_path_factory.mktemp("peace")
    table = affairs.table
    frame = frame_of(table, np.random.default_rng(0).integers(0, len(table), ROWS))
    files = write_folder(frame, folder / "in", 6)
    found = Peace(shutil.copytree(watched_plainly, folder / "run"), files, {})
    store = str(folder / "undisturbed.sqlite")
    assert run(*found.watch(store, "--once")).returncode == 0
    found.figures.update(figures_of(found.run, store))
    assert found.figures["totals"]["windows"] == WINDOWS
    return found


def lines_of(peace, first, end):
    """Rows as JSON lines."""
    content = (peace.files / "day1.jsonl").read_text().splitlines(keepends=True)
    return "".join(content[first:end])


# a store that goes away -------------------------------------------------------------------------


def test_a_database_that_is_away_for_a_while(peace, postgres, new_database):
    with Running(*peace.watch(new_database, "--once")) as watch:
        watch.until_windows(1)
        postgres.stop("immediate")
        watch.until_said("away")
        n_before = len(watch.out)
        time.sleep(1)
        postgres.start()
        assert watch.end() == 0
    assert 1 <= n_before < WINDOWS == len(watch.out)
    assert len(watch.err) == 3, watch.err  # what it watches, away, and back
    begun, away, back = watch.err
    assert begun.startswith("watching ")
    assert "; trying again for 60 s" in away
    assert "back after" in back
    assert figures_of(peace.run, new_database) == peace.figures


def test_a_database_that_stays_away(peace, postgres, new_database):
    with Running(*peace.watch(new_database, "--once", "--patience", "2s")) as watch:
        watch.until_windows(1)
        postgres.stop("immediate")
        assert watch.end() == 3
    assert "tried for 2 s; what was stored before is kept" in the_line("\n".join(watch.err))
    assert len(watch.err) == 3  # what it watches, that the store is away, and that it stays so
    postgres.start()
    assert 1 <= history_of(peace.run, new_database)["totals"]["windows"] < WINDOWS
    peace.check(new_database)


# two at once ------------------------------------------------------------------------------------


def test_a_second_watcher_is_refused_and_a_check_waits(peace, place, affairs, tmp_path):
    new = write_stream(
        frame_of(affairs.test).assign(id=lambda rows: "c" + rows.id), tmp_path / "new.csv"
    )
    piped = ["watch", peace.run, "-", "--window-rows", 50, "--store", place]
    with Running(*piped, stdin=subprocess.PIPE) as first:
        first.send(lines_of(peace, 0, 60))
        first.until_windows(1)
        done = run(*piped)
        assert done.returncode == 3
        assert f"another process (pid {first.process.pid} on " in the_line(done.stderr)
        with Running("check", peace.run, "--data", new, "--store", place) as check:
            time.sleep(6)
            assert check.process.poll() is None
            assert history_of(peace.run, place)["totals"]["windows"] == 1
            first.kill()
            with Running(*piped, stdin=subprocess.PIPE) as third:
                third.send(lines_of(peace, 0, 100))
                third.process.stdin.close()
                # either may come first; the other one waits, or is refused
                codes = third.end(), check.end()
    assert codes in ((0, 0), (3, 0))
    if codes[0] == 3:
        assert run(*piped, given=None).returncode == 0
    totals = history_of(peace.run, place)["totals"]
    assert totals["rows"] in (len(affairs.test) + 50, len(affairs.test) + 100)


def test_a_check_whose_turn_does_not_come(peace, affairs, tmp_path, monkeypatch):
    monkeypatch.setattr(rafair.monitoring.entry, "TURN_S", 0.5)
    new = write_stream(frame_of(affairs.test), tmp_path / "new.csv")
    store = tmp_path / "store"
    with Running("watch", peace.run, "-", "--store", store, stdin=subprocess.PIPE) as watch:
        watch.until(lambda: list(tmp_path.glob("store.*.lock")))
        time.sleep(0.5)
        done = call("monitor", "check", peace.run, "--data", new, "--store", store)
        assert done.code == 3
        assert f"(pid {watch.process.pid} on " in the_line(done.err)
        watch.signal(signal.SIGTERM)
        assert watch.end() == 0
    assert history_of(peace.run, str(store))["totals"]["windows"] == 0


def test_checks_at_the_same_time_each_count_once(peace, place, affairs, tmp_path):
    frame = frame_of(affairs.test).sample(300, random_state=0)
    one = write_stream(frame.iloc[:200], tmp_path / "one.csv")
    other = write_stream(frame.iloc[200:], tmp_path / "other.jsonl")
    again = shutil.copy(one, tmp_path / "again.csv")
    with ExitStack() as stack:
        checks = [
            stack.enter_context(
                Running("check", peace.run, "--data", data, "--store", place, "--json", "-")
            )
            for data in (one, other, again)
        ]
        assert [check.end() for check in checks] == [0, 0, 0]
    first, second, third = ("\n".join(check.out) for check in checks)
    assert '"n": 200' in first
    assert '"n": 100' in second
    assert first == third
    assert any("counted before" in line for line in checks[0].err + checks[2].err)
    totals = history_of(peace.run, place)["totals"]
    assert (totals["windows"], totals["rows"], totals["duplicates"]) == (2, 300, 0)


# signals ----------------------------------------------------------------------------------------


def test_a_signal_in_the_midst_of_work(peace, tmp_path):
    store = str(tmp_path / "store")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        with Running(*peace.watch(store, "--once")) as watch:
            watch.until_windows(3)
            watch.signal(number)
            assert watch.end(10) == code
        last = int(watch.out[-1].split(":")[0].removeprefix("window "))
        assert history_of(peace.run, store)["totals"]["windows"] == last < WINDOWS
    peace.check(store)


def test_a_signal_while_it_waits_for_files(peace, tmp_path):
    """What is open is not stored: it is read again."""
    store, inbox = str(tmp_path / "store"), tmp_path / "in"
    inbox.mkdir()
    shutil.copy(peace.files / "day0.csv", inbox)
    arguments = [
        "watch",
        peace.run,
        inbox,
        "--window-rows",
        300,
        "--store",
        store,
        "--settle",
        "1s",
    ]
    n_whole = ROWS // 6 // 300
    with Running(*arguments) as watch:
        watch.until_windows(n_whole)
        time.sleep(1.5)
        watch.signal(signal.SIGINT)
        assert watch.end(5) == 130
    assert the_line("\n".join(watch.err)).endswith("run the same command again to carry on")
    totals = history_of(peace.run, store)["totals"]
    assert (totals["windows"], totals["rows"]) == (n_whole, WINDOW * n_whole)
    assert run(*arguments, "--once").returncode == 0
    assert history_of(peace.run, store)["totals"]["rows"] == ROWS // 6


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_while_it_waits_for_a_pipe(peace, tmp_path, number, code):
    """What is open is stored: nobody may send it again."""
    store = str(tmp_path / "store")
    arguments = ["watch", peace.run, "-", "--window-rows", 50, "--store", store]
    with Running(*arguments, stdin=subprocess.PIPE) as watch:
        watch.send(lines_of(peace, 0, 70))
        watch.until_windows(1)
        time.sleep(1.5)
        watch.signal(number)
        assert watch.end(5) == code
    assert [line.partition(",")[0] for line in watch.out] == [
        "window 1: 50 rows",
        "window 2: 20 rows",
    ]
    totals = history_of(peace.run, store)["totals"]
    assert (totals["windows"], totals["rows"]) == (2, 70)


def test_a_signal_while_the_store_is_away(peace, postgres, new_database):
    """The second Ctrl-C ends it at the latest."""
    with Running(*peace.watch(new_database, "--once", "--patience", "forever")) as watch:
        watch.until_windows(3)
        postgres.stop("immediate")
        watch.until_said("; trying again for ever")
        watch.signal(signal.SIGINT)
        time.sleep(1)
        if watch.process.poll() is None:
            watch.signal(signal.SIGINT)
        assert watch.end(5) == 130
    the_line("\n".join(watch.err))
    postgres.start()
    peace.check(new_database)
