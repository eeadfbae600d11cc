"""What stdout and stderr take: no character, and no reader that has gone, ends a command."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

from rafair.engine.text_file import text_in

RESULTS, MESSAGES = "replace", "backslashreplace"
"""What becomes of characters of others that cannot be written: tables keep their widths, and in
messages a name can still be told."""

NEVER_FAIL = ("ignore", "replace", "backslashreplace", "xmlcharrefreplace", "namereplace")
"""Python's handlers of encoding errors that leave no character over; a user may have chosen one."""

NEAREST = {
    "–": "-",
    "—": "-",
    "−": "-",
    "‖": "|",
    "·": "-",
    "•": "*",
    "…": "...",
    "×": "x",
    "±": "+-",
    "½": "1/2",
    "²": "^2",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "→": "->",
    "←": "<-",
    "∞": "inf",
    "⟨": "<",
    "⟩": ">",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "\N{NO-BREAK SPACE}": " ",
}
"""Signs of our own texts, by which an encoding without them may be told what they say: a minus
that became a question mark would be another number."""


def nearest(error: UnicodeError, others: str = RESULTS) -> tuple[str, int]:
    r"""Replaces what an encoding does not have: our signs by ASCII, all else as is said.

    Names of others are not spelt otherwise, as two of them could become one.

    Args:
        error: What could not be encoded.
        others: The handler of Python's for characters that are none of our signs.

    Returns:
        What takes its place, and where to go on.

    Example:
        >>> codecs.register_error("nearest", nearest)
        >>> "−0.2 größe".encode("ascii", "nearest")
        b'-0.2 gr??e'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    spelt = (NEAREST.get(sign) or sign.encode("ascii", others).decode("ascii") for sign in lost)
    return "".join(spelt), error.end


@contextmanager
def usable_streams() -> Iterator[None]:
    """Lets stdout and stderr take every character while a command runs.

    What stderr cannot take for another reason is dropped: work matters more than its notes.
    """
    given = sys.stderr
    with ExitStack() as stack:
        if sys.stdout is not None:
            stack.enter_context(_taking_all(sys.stdout, RESULTS))
        if given is None:  # its descriptor was closed at the start
            heard: TextIO = stack.enter_context(
                Path(os.devnull).open("w", encoding="utf-8", newline="")
            )
        else:
            heard = given
            stack.enter_context(_taking_all(given, MESSAGES))
        sys.stderr = cast(TextIO, _Heedless(heard))
        try:
            yield
        finally:
            sys.stderr = given


@contextmanager
def _taking_all(stream: TextIO, others: str) -> Iterator[None]:
    """Sets how a stream replaces characters that its encoding lacks, where it can be set."""
    before = getattr(stream, "errors", None)
    chosen = before in NEVER_FAIL and before != others
    if chosen or not isinstance(stream, io.TextIOWrapper):
        yield
        return
    handler = f"rafair.{others}"
    codecs.register_error(handler, partial(nearest, others=others))
    with suppress(OSError, ValueError):  # what it holds back cannot be written, or it is closed
        stream.reconfigure(errors=handler)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            stream.reconfigure(errors=before)


class _Heedless:
    """A stream that drops what its reader, or the disk, does not take.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text, or nothing."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            discard(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flushes, if that can be done."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard(stream: TextIO) -> None:
    """Sends what is still buffered nowhere, so that no second error follows at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def write_document(content: bytes) -> None:
    """Writes a document to stdout: its bytes where it can be saved, its text on a terminal.

    What was saved can be read again, whatever encoding the terminal has.

    Raises:
        OSError: If stdout does not take it.
    """
    saved = getattr(sys.stdout, "buffer", None)
    if saved is None:  # text in memory, which has no encoding
        sys.stdout.write(content.decode("utf-8"))
        return
    if sys.stdout.isatty():
        sys.stdout.write(text_in(content))
        return
    sys.stdout.flush()
    left = memoryview(content)
    while left:
        left = left[saved.write(left) or 0 :]


def occupy_standard_descriptors() -> None:
    """Opens descriptors 0 to 2 where they are closed, as no file of ours must get their numbers.

    Libraries write to 2 whatever is behind it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
