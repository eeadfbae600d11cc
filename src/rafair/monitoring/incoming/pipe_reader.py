"""Records of JSON lines that arrive over a pipe, such as standard input, in the time they take."""

from __future__ import annotations

import os
import select
import time
from collections import deque

from rafair.errors import DataFileError
from rafair.monitoring.incoming.text_lines import (
    LONGEST_LINE,
    start_of,
    text_of,
    too_long,
    unmarked,
)
from rafair.monitoring.stream_record import Position, Record
from rafair.tabular.json_lines import read_object

CHUNK = 1 << 16


class Arriving:
    r"""Reads a file descriptor as far as is asked for, and never waits longer than is allowed.

    No thread reads ahead: a reader that is never asked again leaves the rest in the pipe, where
    the writer waits, and signals are handled while it waits.

    Args:
        descriptor: Where to read: `sys.stdin.fileno()`, which nothing else must read.
        source: What records say they come from.

    Example:
        >>> import os
        >>> here, there = os.pipe()
        >>> _ = os.write(there, b'{"age": 20}\n{"age": 3')
        >>> stream = Arriving(here)
        >>> [record.values for record in stream.take(10, timeout_s=0)], stream.ended
        ([{'age': 20}], False)
        >>> _ = os.write(there, b'0}'), os.close(there)
        >>> [record.values for record in stream.take(10, timeout_s=1)], stream.ended
        ([{'age': 30}], True)
        >>> os.close(here)
    """

    def __init__(self, descriptor: int, source: str = "-") -> None:
        self._descriptor = descriptor
        self._source = source
        self._line = bytearray()
        self._number = 0
        self._records = 0
        self._ready: deque[Record] = deque()
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to take, and never will be."""
        return self._at_end and not self._ready

    def take(self, most: int, timeout_s: float) -> list[Record]:
        """The next records: as soon as there are `most`, or the time is over, or the input ends.

        Args:
            most: How many records to take.
            timeout_s: How long to wait for them, in seconds.

        Raises:
            DataFileError: If the input cannot be read, or says that it is not UTF-8.
        """
        deadline = time.monotonic() + timeout_s
        while len(self._ready) < most and not self._at_end:
            left = max(deadline - time.monotonic(), 0)
            try:
                if not select.select([self._descriptor], [], [], left)[0]:
                    break
                chunk = os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                continue  # another process took it
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise DataFileError(f"standard input: cannot be read: {reason}") from error
            self._add(chunk)
            if not left:
                break
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def _add(self, chunk: bytes) -> None:
        self._at_end = not chunk
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self._extend(line + b"\n")
            self._finish()
        self._extend(rest)
        if self._at_end and self._line:
            self._finish()

    def _extend(self, piece: bytes) -> None:
        """Adds to the line; of a line too long, only the start is kept."""
        self._line += piece[: LONGEST_LINE + 1 - len(self._line)]

    def _finish(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        self._number += 1
        if self._number == 1:
            line = unmarked(line, "standard input")
        if not too_long(line) and not line.strip(b" \t\r\n"):
            return
        values, problem = None, ""
        try:
            values = read_object(text_of(line))
        except ValueError as error:
            problem = str(error)
        self._records += 1
        after = Position(self._records)
        record = Record(self._source, self._number, values, problem, start_of(line), after)
        self._ready.append(record)
