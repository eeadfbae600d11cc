"""Answers on disk that need not be asked for twice, whatever becomes of the process.

One SQLite file: an answer is there once `put` has returned, even if the process is killed right
after; what was being written is undone by SQLite when the file is opened again. Each answer stands
with a digest of it and its key: one that was altered since is as good as none, and is asked for
again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from rafair.engine.atomic_files import explaining_loss
from rafair.errors import StorageError

WIDTH = 16
"""Bytes of an answer's digest."""

KEYS_AT_ONCE = 500
"""How many keys one query names; SQLite's oldest limit is 999."""


class Answers:
    """A store of answers, each under its key; safe to use from several threads.

    Args:
        path: The file; made, with the folder around it, where it is not there.
        owner: Whose answers they are; those that are found there of another owner are removed.

    Raises:
        StorageError: If the file is not such a store, or cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answers = Answers(Path(folder) / "answers.sqlite", "model 1")
        ...     answers.put([(b"a", b"1"), (b"b", b"2")])
        ...     answers.get([b"b", b"c"]), len(answers)
        ...     answers.close()
        ([b'2', None], 2)
    """

    def __init__(self, path: Path, owner: str) -> None:
        self.path = path
        self._lock = Lock()
        with explaining_loss(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._explaining():
            # every use is under the lock
            self._connection = sqlite3.connect(path, check_same_thread=False)
            # Python warns of a connection that nobody closed
            self._closing = weakref.finalize(self, self._connection.close)
            try:
                self._open(owner)
            except BaseException:
                self._closing()
                raise

    def _open(self, owner: str) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")  # where the disk can do it
        run("PRAGMA synchronous = NORMAL")
        with self._connection:
            run("BEGIN IMMEDIATE")
            run("CREATE TABLE IF NOT EXISTS owners (owner TEXT)")
            run("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB)")
            if run("SELECT owner FROM owners").fetchall() != [(owner,)]:
                run("DELETE FROM answers")
                run("DELETE FROM owners")
                run("INSERT INTO owners VALUES (?)", (owner,))

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is stored under each key, in order; None where nothing is.

        Raises:
            StorageError: If the file cannot be read.
        """
        found: dict[bytes, bytes] = {}
        with self._lock, self._explaining():
            for some in _cut(keys, KEYS_AT_ONCE):
                marks = ",".join("?" * len(some))
                query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"
                for key, kept in self._connection.execute(query, some):
                    if isinstance(kept, bytes) and kept[:WIDTH] == _digest(key, kept[WIDTH:]):
                        found[key] = kept[WIDTH:]
        return [found.get(key) for key in keys]

    def put(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Stores answers under their keys; all of them or none.

        Raises:
            StorageError: If the disk is full or has gone; what was stored before stays.
        """
        with self._lock, self._explaining(), self._connection:
            kept = ((key, _digest(key, answer) + answer) for key, answer in items)
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", kept)

    def __len__(self) -> int:
        with self._lock, self._explaining():
            count = self._connection.execute("SELECT count(*) FROM answers").fetchone()[0]
        return int(count)

    def close(self) -> None:
        """Closes the file; happens by itself when nobody uses the store any more."""
        with self._lock:
            self._closing()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # "file is not a database", "database disk image is malformed"
            altered = type(error) is sqlite3.DatabaseError
            advice = (
                "remove it, and the same command again asks anew"
                if altered
                else "what was stored before is kept, and the same command again carries on"
            )
            raise StorageError(f"'{self.path}': cannot be used: {error}; {advice}") from error


def _digest(key: bytes, answer: bytes) -> bytes:
    return hashlib.blake2b(answer, key=key[:64], digest_size=WIDTH).digest()


def _cut(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
