"""What was stored outlives its process; what is no store is told in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from rafair.engine.disk_cache import Answers
from rafair.errors import StorageError


def numbered(first: int, last: int) -> list[tuple[bytes, bytes]]:
    return [(b"key %d" % i, b"answer %d" % i) for i in range(first, last)]


def test_answers_come_back_in_the_order_asked(tmp_path):
    answers = Answers(tmp_path / "deep" / "answers.sqlite", "a")
    answers.put(numbered(0, 3000))
    keys = [b"key %d" % i for i in (2999, 5, 7000, 5)]
    assert answers.get(keys) == [b"answer 2999", b"answer 5", None, b"answer 5"]
    assert answers.get([]) == []
    many = numbered(0, 3000)
    assert answers.get([key for key, _ in many]) == [answer for _, answer in many]
    answers.close()


def test_answers_of_another_owner_are_not_used(tmp_path):
    path = tmp_path / "answers.sqlite"
    for owner, expected in (("a", 0), ("a", 2), ("b", 0), ("a", 0)):
        answers = Answers(path, owner)
        assert len(answers) == expected
        answers.put(numbered(0, 2))
        answers.close()


def test_several_threads_write_and_read(tmp_path):
    answers = Answers(tmp_path / "answers.sqlite", "a")
    failed = []

    def work(number: int) -> None:
        for i in range(number * 100, number * 100 + 100, 10):
            answers.put(numbered(i, i + 10))
            if answers.get([b"key %d" % i]) != [b"answer %d" % i]:
                failed.append(i)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(answers) == 800
    answers.close()


WRITER = """
import sys
from pathlib import Path
from rafair.engine.disk_cache import Answers
answers = Answers(Path(sys.argv[1]), "a")
for start in range(0, 10**9, 50):
    answers.put([(b"key %d" % i, b"answer %d" % i) for i in range(start, start + 50)])
    print(start + 50, flush=True)
"""


def test_what_was_put_outlives_a_kill(tmp_path):
    """Killed while it writes, again and again: all that it said was put is there, and whole."""
    path = tmp_path / "answers.sqlite"
    for lines in (1, 40, 150):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            said = [int(process.stdout.readline()) for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
        answers = Answers(path, "a")
        stored = len(answers)
        assert stored >= said[-1]
        assert stored % 50 == 0  # each put is there whole or not at all
        expected = numbered(0, stored)
        assert answers.get([key for key, _ in expected]) == [answer for _, answer in expected]
        answers.close()


def test_what_is_no_store_is_told_in_one_line(tmp_path):
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"these are no answers" * 1000)
    with pytest.raises(StorageError, match=r"not a database; remove it") as caught:
        Answers(path, "a")
    assert "\n" not in str(caught.value)
    assert path.exists()


def test_a_store_that_was_left_open_is_taken_up(tmp_path):
    """As by a traceback that still holds an audit that failed, in a session that goes on."""
    path = tmp_path / "answers.sqlite"
    left = Answers(path, "a")
    left.put(numbered(0, 2))
    answers = Answers(path, "a")
    answers.put(numbered(2, 3))
    assert len(answers) == 3
    left.close()
    assert len(answers) == 3
    answers.close()


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path):
    answers = Answers(tmp_path / "answers.sqlite", "a")
    answers.put(numbered(0, 100))
    pages = answers._connection.execute("PRAGMA page_count").fetchone()[0]
    answers._connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # SQLite's own "full"
    with pytest.raises(StorageError, match="full; what was stored before is kept"):
        answers.put(numbered(100, 5000))
    assert len(answers) == 100
    answers.close()


def test_a_flipped_bit_changes_no_answer(tmp_path):
    """It is asked for again, or the file is refused; never is another answer taken."""
    path = tmp_path / "answers.sqlite"
    store = Answers(path, "m")
    known = {bytes([i]) * 32: f"answer {i}".encode() * 3 for i in range(40)}
    store.put(known.items())
    store.close()
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    lost = refused = 0
    for place in random.integers(0, len(whole), 300):
        altered = bytearray(whole)
        altered[place] ^= 1 << int(random.integers(8))
        path.write_bytes(altered)
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        try:
            store = Answers(path, "m")
            found = store.get(list(known))
            store.close()
        except StorageError:
            refused += 1
            continue
        for key, answer in zip(known, found, strict=True):
            assert answer in (None, known[key])
        lost += None in found
    assert lost > 10
    assert refused > 10
