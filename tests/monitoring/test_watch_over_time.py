"""Watches over time: windows by time, clocks that jump, messages and metrics across restarts."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from test_metrics_port import scraped

from receivers import Receiver
from streams import frame_of
from watch_commands import Running, history_of, run

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
DAY = datetime.timedelta(days=1)


@pytest.fixture
def folder(watched_plainly, tmp_path) -> Path:
    return shutil.copytree(watched_plainly, tmp_path / "run")


@pytest.fixture
def lines(affairs) -> list[str]:
    """Rows as JSON lines, drawn from those of the reference: nothing has fallen."""
    frame = frame_of(affairs.test).sample(frac=1, random_state=0)
    return frame.to_json(orient="records", lines=True).splitlines(keepends=True)


def port_of(watch: Running) -> int:
    watch.until_said("metrics on")
    found = re.search(r":(\d+)/metrics", "\n".join(watch.err))
    assert found
    return int(found[1])


def counter(port: int, name: str) -> float:
    return scraped(port)[(f"rafair_monitor_{name}_total",)]


@pytest.mark.skipif(not LIBRARIES, reason="faketime is not installed")
def test_a_clock_that_jumps_while_windows_are_closed_by_time(folder, lines, tmp_path):
    clock, store = tmp_path / "clock", str(tmp_path / "store")
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    arguments = ["watch", folder, "-", "--window-time", "2s", "--store", store, "--json", "-"]
    with Running(
        *arguments, "--metrics-port", "0", stdin=subprocess.PIPE, environment=faked
    ) as watch:
        port = port_of(watch)
        for number, jump in enumerate(("+0", "+365d", "-2d", "+1d")):
            watch.send("".join(lines[10 * number : 10 * number + 5]))
            begun = time.monotonic()
            time.sleep(0.8)  # the window is open
            clock.write_text(jump)
            watch.send("".join(lines[10 * number + 5 : 10 * number + 10]))
            watch.until_windows(number + 1, 20)
            assert 1.8 <= time.monotonic() - begun <= 10
            assert counter(port, "windows") == number + 1
        watch.process.stdin.close()
        assert watch.end() == 0
    assert [one["window"] for one in watch.documents] == [1, 2, 3, 4]
    assert [one["n"] for one in watch.documents] == [10] * 4
    now = datetime.datetime.now(datetime.UTC)
    days = [
        round((datetime.datetime.fromisoformat(one["closed"]) - now) / DAY)
        for one in watch.documents
    ]
    assert days == [0, 365, -2, 1]  # the clock did jump
    found = history_of(folder, store)
    assert [one["window"] for one in found["windows"]] == [1, 2, 3, 4]
    done = run("report", folder, "--store", store, "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_rows_and_time_close_windows_and_metrics_go_on_after_a_restart(folder, lines, tmp_path):
    store = str(tmp_path / "store")
    arguments = ["watch", folder, "-", "--window-rows", 10, "--window-time", "2s"]
    arguments += ["--store", store, "--json", "-", "--metrics-port", "0"]
    with Running(*arguments, stdin=subprocess.PIPE) as watch:
        port = port_of(watch)
        assert counter(port, "rows") == 0
        watch.send("".join(lines[:25]))
        watch.until_windows(2)
        begun = time.monotonic()
        watch.until_windows(3)
        assert time.monotonic() - begun > 1
        time.sleep(2.5)  # nothing comes: no window is closed
        for line in lines[25:28]:  # slowly, and in pieces
            watch.send(line[:20])
            time.sleep(0.3)
            watch.send(line[20:])
        watch.until_windows(4)
        assert (counter(port, "windows"), counter(port, "rows")) == (4, 28)
        watch.kill()
    assert [one["n"] for one in watch.documents] == [10, 10, 5, 3]
    with Running(*arguments, stdin=subprocess.PIPE) as watch:
        port = port_of(watch)
        assert (counter(port, "windows"), counter(port, "rows")) == (4, 28)
        watch.send("".join(lines[20:40]))
        watch.until_windows(2)
        assert (counter(port, "windows"), counter(port, "rows")) == (6, 40)
        assert counter(port, "duplicates") == 8
        watch.process.stdin.close()
        assert watch.end() == 0


def test_an_alarm_is_posted_once_though_the_watch_is_killed_in_between(folder, lines, tmp_path):
    """The receiver is out of order at first; then another watch sends what was kept."""
    store = str(tmp_path / "store")
    other = {"affair": "no affair", "no affair": "affair"}
    rows = [json.loads(line) for line in lines]
    turned = [json.dumps(row | {"label": other[row["label"]]}) + "\n" for row in rows]
    with Receiver(lambda number: 503 if number == 1 else 204) as receiver:
        arguments = ["watch", folder, "-", "--window-rows", 100, "--store", store]
        arguments += ["--json", "-", "--webhook", receiver.url]
        with Running(*arguments, stdin=subprocess.PIPE) as watch:
            watch.send("".join(turned[:100]))
            watch.until(lambda: receiver.taken)
            watch.until_said("the alarm is kept and sent again later")
            watch.kill()
        (document,) = watch.documents
        assert [alarm["kind"] for alarm in document["alarms"]] == ["accuracy"]
        assert len(receiver.taken) == 1
        time.sleep(2)
        with Running(*arguments, stdin=subprocess.PIPE) as watch:
            watch.until(lambda: len(receiver.taken) == 2)
            watch.until_said("was taken at try 2")
            watch.send("".join(turned[100:200]))
            watch.until_windows(1)
            watch.signal(signal.SIGTERM)
            assert watch.end(10) == 1  # it still stands, which is no news
        assert run(*arguments, given="").returncode == 0  # no window of this run had one
        assert len(receiver.taken) == 2
    (first, body), (second, same) = receiver.taken
    assert first["webhook-id"] == second["webhook-id"]
    assert body == same
    assert "very-secret" not in "\n".join(watch.err)
