"""Files that are either whole or not there, and their hashes."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rafair.errors import InputError, StorageError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; it takes that name only if the block succeeds.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
