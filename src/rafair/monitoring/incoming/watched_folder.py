"""A folder that is watched: what is new in its files, in the order of their names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rafair.errors import AlteredFileError, DataFileError
from rafair.monitoring.incoming.file_names import (
    Stamp,
    in_order,
    is_passed_over,
    stamp_of,
    why_ignored,
)
from rafair.monitoring.incoming.file_records import read_records
from rafair.monitoring.incoming.parquet_records import altered, hash_of
from rafair.monitoring.stream_record import Position, Record
from rafair.sanitize import visible

SETTLE_S = 5.0
"""Seconds without a change after which a file is taken as it is."""


@dataclass
class _Seen:
    """A file as it was at one look.

    Args:
        stamp: Of the file.
        since: When it was first seen so.
        done: Whether all is read of it, last line or refusal included.
        tried: Whether it was read as far as it can be while it may still be being written.
    """

    stamp: Stamp
    since: float
    done: bool = False
    tried: bool = False


class Folder:
    r"""Reads what is new in a folder, look after look.

    A file that cannot be read as a whole, or that was altered where it was read before, becomes
    one record with the number 0 and a problem, once it has not changed for `settle_s`; before, it
    may be in the midst of being written. The position of this record says so as well, so that no
    later look says it again, until the file changes.

    Args:
        path: The folder.
        positions: How far each of its files was read before, by name.
        complete: Whether no file is being written: nothing is waited for.
        settle_s: After how many seconds without a change a file is taken as it is, with a last
            line that has no line feed.
        say: Takes one line about what is not read.
        clock: The time in seconds; must not jump.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     _ = Path(name, "b.csv").write_text("id,age\n1,20\n2,3")
        ...     _ = Path(name, "a.jsonl").write_text('{"id": 3, "age": 30}\n')
        ...     folder = Folder(name)
        ...     first = [(record.source, record.values) for record in folder.look()]
        ...     _ = Path(name, "b.csv").write_text("id,age\n1,20\n2,30\n")
        ...     second = [(record.source, record.values) for record in folder.look()]
        >>> first
        [('a.jsonl', {'id': 3, 'age': 30}), ('b.csv', {'id': '1', 'age': '20'})]
        >>> second
        [('b.csv', {'id': '2', 'age': '30'})]
    """

    def __init__(
        self,
        path: Path | str,
        positions: Mapping[str, Position] | None = None,
        *,
        complete: bool = False,
        settle_s: float = SETTLE_S,
        say: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        self.positions = dict(positions or {})
        self._complete = complete
        self._settle_s = settle_s
        self._say = say
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._said: set[str] = set()
        self._gone = False

    def look(self) -> Iterator[Record]:
        """What is new since the last look; `positions` moves on with each record that is taken.

        May be left before its end: the next look goes on behind the last record taken.
        """
        for name in self._names():
            try:
                seen = self._now(name)
            except OSError:
                self._seen.pop(name, None)  # gone between two looks
                continue
            settled = self._complete or self._clock() - seen.since >= self._settle_s
            if seen.done or (seen.tried and not settled):
                continue
            for record in self._records(name, seen, settled):
                self.positions[name] = record.after
                yield record

    def _names(self) -> list[str]:
        try:
            everything = [entry.name for entry in self.path.iterdir()]
        except OSError as error:
            self._tell_of_folder(f"cannot be read: {error.strerror}; waiting for it")
            return []
        self._tell_of_folder("")
        names = [name for name in everything if not is_passed_over(name)]
        there = set(names)
        self._seen = {name: seen for name, seen in self._seen.items() if name in there}
        self._said &= there
        return [name for name in in_order(names) if not self._is_ignored(name)]

    def _tell_of_folder(self, problem: str) -> None:
        """Says that the folder has gone, or has come back; once each."""
        if bool(problem) != self._gone:
            self._gone = bool(problem)
            self._say(f"'{visible(str(self.path))}': {problem or 'can be read again'}")

    def _is_ignored(self, name: str) -> bool:
        try:
            line = why_ignored(self.path, name)
        except OSError:
            return True  # gone, or a link to nothing
        if line and name not in self._said:
            self._said.add(name)
            self._say(line)
        return line is not None

    def _now(self, name: str) -> _Seen:
        """What is known of a file, if it has not changed since."""
        stamp = stamp_of(self.path / name)
        seen = self._seen.get(name)
        if seen is None or seen.stamp != stamp:
            seen = self._seen[name] = _Seen(stamp, self._clock())
        return seen

    def _records(self, name: str, seen: _Seen, settled: bool) -> Iterator[Record]:
        """The new records of one file, or the one that refuses it."""
        path = self.path / name
        start = self.positions.get(name, Position(0))
        try:
            if start.is_refused:
                if self._stands_refused(path, start, seen):
                    seen.done = True
                    return
                if start.taken:
                    raise altered(path)
                start = Position(0)
            yield from read_records(path, start, complete=settled)
        except DataFileError as error:
            if not path.exists():
                return
            if settled:
                yield self._refusal(path, str(error), isinstance(error, AlteredFileError), seen)
        seen.tried, seen.done = True, settled

    def _stands_refused(self, path: Path, position: Position, seen: _Seen) -> bool:
        """Whether a file is still the one that was refused."""
        return position.offset == seen.stamp[0] and position.sha256 == hash_of(path)

    def _refusal(self, path: Path, problem: str, is_altered: bool, seen: _Seen) -> Record:
        """A record that stands for a whole file."""
        before = self.positions.get(path.name, Position(0))
        try:
            after = before.refused(seen.stamp[0], hash_of(path))
        except DataFileError:
            after = before  # it cannot even be opened: what was read of it stays true
        return Record(path.name, 0, None, problem, after=after)
