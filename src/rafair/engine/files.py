"""Files that are either whole or not there, and their hashes."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rafair.errors import InputError, StorageError

TEMPORARY = ".tmp"
"""How the names end of files that are being written."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path: Path) -> None:
    """Refuses a file that could not be written later, without making it.

    Raises:
        InputError: If it is a folder, or the folder around it is missing or may not be written to.
    """
    with explaining_storage(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.parent.is_dir():
            raise InputError(f"'{path}': cannot be written: there is no folder '{path.parent}'")
        replaced = path.is_file() or not path.exists()
        if not os.access(path.parent if replaced else path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; it takes that name only if the block succeeds.

    A device or a pipe is written to as it is.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    if path.exists() and not path.is_file():
        with explaining_storage(path):
            yield path
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with explaining_storage(path):
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def explaining_storage(path: Path) -> Iterator[None]:
    """Turns an error of the operating system about `path` into one line of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise StorageError(f"'{path}': cannot be written: {error.strerror}") from error
        if error.errno is None:
            raise
        raise InputError(f"'{path}': cannot be written: {error.strerror}") from error
