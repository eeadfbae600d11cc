"""The lines of a text, read one by one, with the hash of all that was taken so far."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import BinaryIO

from rafair.engine.text_file import not_text, without_mark
from rafair.errors import DataFileError
from rafair.monitoring.stream_record import LONGEST_RAW, Position

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is no row that a person or a program meant to write."""

CHUNK = 1 << 20


class Lines:
    r"""Lines of an open binary stream; a line ends with a line feed.

    Args:
        stream: Where to read, from its beginning or from a position.
        complete: Whether a last line without a line feed counts; it may still be being written.

    Example:
        >>> import io
        >>> lines = Lines(io.BytesIO(b"a,b\n1,2\n3,"), complete=False)
        >>> lines.next(), lines.next(), lines.next()
        (b'a,b\n', b'1,2\n', None)
    """

    def __init__(self, stream: BinaryIO, *, complete: bool) -> None:
        self._stream = stream
        self.complete = complete
        self._held: deque[bytes] = deque()
        self._hash = hashlib.sha256()
        self.offset = 0
        self.number = 1
        self.cut = False
        """Whether what comes next belongs to a line that was taken before it had its end."""

    def skip(self, length: int) -> None:
        """Takes so many bytes at once, whatever they are; fewer where the stream ends before."""
        last = b"\n"
        while length and (chunk := self._stream.read(min(CHUNK, length))):
            self._take(chunk)
            length -= len(chunk)
            last = chunk[-1:]
        self.cut = last != b"\n"
        self.number += self.cut

    def next(self) -> bytes | None:
        """The next line, not yet taken; None at the end. Of a line too long, only the start."""
        if self._held:
            return self._held.popleft()
        line = self._stream.readline(LONGEST_LINE + 1)
        if not line or not (line.endswith(b"\n") or self.complete or too_long(line)):
            return None
        return line

    def give_back(self, lines: list[bytes]) -> None:
        """Lines that `next` gave, and that are to be given again."""
        self._held.extendleft(reversed(lines))

    def take(self, lines: list[bytes]) -> None:
        """Counts lines as read."""
        for line in lines:
            self._take(line)

    def take_rest(self) -> bool:
        """Takes what follows the start of a line too long, up to its end; whether it has one."""
        while chunk := self._stream.readline(CHUNK):
            self._take(chunk)
            if chunk.endswith(b"\n"):
                return True
        return self.complete

    def position(self, records: int) -> Position:
        """How far the stream is taken."""
        return Position(records, self.offset, self._hash.hexdigest())

    def _take(self, content: bytes) -> None:
        self._hash.update(content)
        self.offset += len(content)
        self.number += content.count(b"\n")


def too_long(line: bytes) -> bool:
    """Whether a line that `Lines.next` gave is only the start of one."""
    return len(line) > LONGEST_LINE and not line.endswith(b"\n")


def unmarked(start: bytes, where: str) -> bytes:
    """The start of what is read, without UTF-8's byte order mark.

    Raises:
        DataFileError: If it has that of another encoding, of which no line could be read.
    """
    try:
        return without_mark(start)
    except ValueError as error:
        raise DataFileError(f"{where}: {error}") from error


def text_of(line: bytes) -> str:
    r"""A line's text without its end.

    Raises:
        ValueError: If it is no text; says what was expected, and found.

    Example:
        >>> text_of(b"a,b\r\n")
        'a,b'
    """
    if too_long(line):
        raise ValueError(f"expected a line of at most {LONGEST_LINE:,} bytes, found a longer one")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(not_text(error)) from error
    if "\0" in text:
        raise ValueError("expected text, found a zero byte")
    return text.removesuffix("\n").removesuffix("\r")


def start_of(line: bytes) -> str:
    """The start of a line for people, whatever is in it."""
    return line[: 4 * LONGEST_RAW].decode(errors="replace").rstrip("\r\n")[:LONGEST_RAW]
