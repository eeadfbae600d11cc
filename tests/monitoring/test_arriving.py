"""Standard input: lines are records as they come, and nobody waits longer than allowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from rafair.errors import DataFileError
from rafair.monitoring.incoming.pipe_reader import Arriving
from rafair.monitoring.incoming.text_lines import LONGEST_LINE

WATCHER = """
import signal, sys
from rafair.monitoring.incoming.pipe_reader import Arriving
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
stream = Arriving(sys.stdin.fileno())
print("ready", flush=True)
n = 0
while not stop and not stream.ended:
    n += len(stream.take(1000, timeout_s=0.1))
print(n, "ended" if stream.ended else "stopped")
"""


@pytest.fixture
def pipe():
    here, there = os.pipe()
    open_ends = {here, there}

    def close(end: int) -> None:
        os.close(end)
        open_ends.discard(end)

    yield here, there, close
    for end in open_ends:
        os.close(end)


def test_waiting_ends_in_time_and_lines_are_whole(pipe):
    here, there, close = pipe
    stream = Arriving(here)
    start = time.monotonic()
    assert stream.take(5, timeout_s=0.2) == []
    assert 0.15 < time.monotonic() - start < 5
    os.write(there, '\ufeff{"a": 1}\r\n\n{"a": "é'.encode()[:-1])
    assert [(r.number, r.values) for r in stream.take(5, timeout_s=0)] == [(1, {"a": 1})]
    os.write(there, 'é"}\n{'.encode()[1:])
    assert [(r.number, r.values) for r in stream.take(5, timeout_s=0)] == [(3, {"a": "é"})]
    close(there)
    [last] = stream.take(5, timeout_s=5)
    assert (last.number, last.values, last.after.records) == (4, None, 3)
    assert last.problem.startswith("expected JSON: ")
    assert stream.ended
    assert stream.take(5, timeout_s=5) == []


def test_no_more_is_taken_than_asked_for_and_the_writer_waits(pipe):
    here, there, close = pipe
    stream = Arriving(here)
    n_lines = 40_000  # more than a pipe holds
    written = []

    def write() -> None:
        for n in range(n_lines):
            os.write(there, b'{"number": %d}\n' % n)
            written.append(n)
        close(there)

    writer = threading.Thread(target=write)
    writer.start()
    found = [record.values["number"] for record in stream.take(10, timeout_s=5)]
    assert found == list(range(10))
    time.sleep(0.2)
    assert len(written) < n_lines
    while not stream.ended:
        batch = stream.take(700, timeout_s=5)
        assert len(batch) <= 700
        found += [record.values["number"] for record in batch]
    writer.join()
    assert found == list(range(n_lines))


def test_a_line_that_is_too_long_is_refused_and_not_held(pipe):
    here, there, close = pipe
    stream = Arriving(here)

    def write() -> None:
        for piece in (b'{"a": 1}\n', b"x" * (3 * LONGEST_LINE), b'\n{"a": 2}\n'):
            os.write(there, piece)
        close(there)

    writer = threading.Thread(target=write)
    writer.start()
    records = []
    while not stream.ended:
        records += stream.take(9, timeout_s=1)
        assert len(stream._line) <= LONGEST_LINE + 1
    writer.join()
    assert [record.values for record in records] == [{"a": 1}, None, {"a": 2}]
    assert records[1].problem == "expected a line of at most 1,048,576 bytes, found a longer one"


def test_a_descriptor_that_is_closed_is_one_line(pipe):
    here, _, close = pipe
    close(here)
    with pytest.raises(DataFileError, match=r"^standard input: cannot be read: "):
        Arriving(here).take(1, timeout_s=0)


def watcher(stdin) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHER],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=stdin is not subprocess.PIPE,
    )
    process.stdout.readline()
    return process


def test_sigterm_is_heard_while_nothing_comes():
    process = watcher(subprocess.PIPE)
    process.stdin.write(b'{"a": 1}\n')
    process.stdin.flush()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)  # while the writer still holds the pipe open
    out, err = process.communicate()
    assert (out, err, process.returncode) == (b"1 stopped\n", b"", 0)


def test_a_file_as_standard_input_ends(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' * 25_000)
    with path.open() as file:
        out, err = watcher(file).communicate(timeout=20)
    assert (out, err) == ("25000 ended\n", "")
