r"""Text in files and documents: read in the encoding that it says it has, written as UTF-8.

Windows' editors and shells put a byte order mark in front of what they save, and PowerShell saves
UTF-16. Whoever reads a text file of others reads it here, and whoever writes one writes it here:
the bytes are then the same on every platform, whatever its encoding and ends of lines.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from rafair.engine.atomic_files import read_regular, writing
from rafair.engine.strict_json import strict_json
from rafair.errors import InputError

MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)
"""Byte order marks, and the encodings they stand for."""

LONGEST_MARK = 4

MOST_BYTES = 64 * 2**20
"""Of a document: what is read of it takes some twenty times as much memory."""


def bytes_of(path: Path, what: str, error: type[InputError], most: int | None = None) -> bytes:
    """The bytes of a file that a user names.

    Args:
        path: The file.
        what: What it is, such as "a CSV file".
        error: What to raise; its message names the file.
        most: How many bytes it may have; None for any number.

    Raises:
        InputError: If it cannot be read, or has more.
    """
    try:
        with path.open("rb") as file:
            content = file.read() if most is None else file.read(most + 1)
    except FileNotFoundError as found:
        raise error(f"'{path}': expected {what}, found no such file") from found
    except IsADirectoryError as found:
        raise error(f"'{path}': expected {what}, found a folder") from found
    except OSError as found:
        raise error(f"'{path}': cannot be read: {found.strerror}") from found
    if most is not None and len(content) > most:
        raise error(f"'{path}': expected {what}, found more than {most:,} bytes")
    return content


def text_in(content: bytes) -> str:
    r"""The text that a whole file holds, without a byte order mark.

    Args:
        content: The file's bytes: UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    Raises:
        ValueError: If it is no text; says in which line, what was expected, and found.

    Example:
        >>> text_in(b"\xef\xbb\xbfage"), text_in("age".encode("utf-16"))
        ('age', 'age')
        >>> text_in(b"age\ngar\xe7on")
        Traceback (most recent call last):
        ValueError: line 2: expected UTF-8 text, found the byte 0xe7; convert the file, as with ...
    """
    mark, encoding = _mark_of(content)
    content = content[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(encoding, "replace").count("\n") + 1
        hint = "" if mark else "; convert the file, as with iconv -f LATIN1 -t UTF-8"
        raise ValueError(f"line {line:,}: {not_text(error)}{hint}") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"line {line:,}: expected text, found a zero byte")
    return text


def as_utf8(content: bytes) -> bytes:
    """The same text as libraries take it: UTF-8 without a mark; what has no mark stays as it is.

    Raises:
        ValueError: If it has a mark, and is no text.
    """
    return utf8(text_in(content)) if _mark_of(content)[0] else content


def not_text(error: UnicodeDecodeError) -> str:
    """What was expected, and found, where bytes are no text."""
    found = "its end" if error.end == len(error.object) else "other bytes"
    if error.encoding.lower() == "utf-8":
        found = f"the byte {error.object[error.start]:#04x}"
    return f"expected {error.encoding.upper()} text, found {found}"


def without_mark(start: bytes) -> bytes:
    r"""The start of what is read byte by byte, without UTF-8's byte order mark.

    Raises:
        ValueError: If it has that of another encoding; says which.

    Example:
        >>> without_mark(b"\xef\xbb\xbfid,age\n")
        b'id,age\n'
        >>> without_mark("id,age".encode("utf-16-le"))
        b'i\x00d\x00,\x00a\x00g\x00e\x00'
        >>> without_mark(b"\xff\xfei\x00d\x00")
        Traceback (most recent call last):
        ValueError: expected UTF-8 text, found UTF-16-LE; convert it, as with iconv -f UTF-16 ...
    """
    mark, encoding = _mark_of(start)
    if encoding != "UTF-8":
        raise ValueError(
            f"expected UTF-8 text, found {encoding}; convert it, as with iconv -f {encoding[:6]} "
            "-t UTF-8"
        )
    return start[len(mark) :]


def json_in(content: bytes) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: If it is no text, no JSON, or JSON that programs read in different ways.

    Example:
        >>> json_in('{"age": 20}'.encode("utf-8-sig"))
        {'age': 20}
    """
    try:
        return strict_json(text_in(content))
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: If it cannot be read, or is no regular file.
        ValueError: If it is larger than any that rafair writes, is no text, or no JSON.
    """
    return json_in(read_regular(path, MOST_BYTES))


def utf8(text: str) -> bytes:
    r"""A text as it is written to files: UTF-8, without a mark, lines ended by line feeds.

    Half a pair of surrogates, which no encoding has, becomes an escape, as JSON writes it.

    Example:
        >>> utf8("é"), utf8("\udcff")
        (b'\xc3\xa9', b'\\udcff')
    """
    return text.encode("utf-8", "backslashreplace")


def write_text(path: Path, text: str) -> None:
    """Writes a text file; the bytes do not depend on the platform."""
    path.write_bytes(utf8(text))


def write_whole(path: Path, text: str) -> Path:
    """Writes a text file that is whole or not there, unless it is there as it would be written.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    if not path.is_file() or path.read_bytes() != utf8(text):
        with writing(path) as temporary:
            write_text(temporary, text)
    return path


def encoding_of(start: bytes) -> str:
    """The encoding of a text file that begins with these bytes, as Python opens it without a mark.

    Example:
        >>> encoding_of(b"age,sex"), encoding_of("age".encode("utf-16"))
        ('UTF-8-SIG', 'UTF-16')
    """
    encoding = _mark_of(start)[1]
    return "UTF-8-SIG" if encoding == "UTF-8" else encoding[:6]


def _mark_of(content: bytes) -> tuple[bytes, str]:
    """The byte order mark that bytes begin with, if any, and their encoding."""
    return next((known for known in MARKS if content.startswith(known[0])), (b"", "UTF-8"))
