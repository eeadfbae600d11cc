"""Files that are either whole or not there, and their hashes."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rafair.errors import InputError, StorageError

TEMPORARY = ".tmp"
"""How the names end of files that are being written."""

BLOCK = 1 << 20
"""Bytes read at once."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
"""Errors that are no fault of what the user asked for."""


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; tells `advance` how many were read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            if advance:
                advance(len(block))
    return digest.hexdigest()


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file that others may have put there.

    Args:
        path: The file; a link to a file is one.
        most: How many bytes it may have; None for any number.

    Raises:
        OSError: If it cannot be read, or is a pipe or a device, which may never end.
        ValueError: If it has more.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with io.FileIO(number) as file:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if most is not None and found.st_size > most:
            raise ValueError(f"{found.st_size:,} bytes, of which {most:,} are read at the most")
        return file.readall()


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

    A device or a pipe is written to as it is. A link is replaced, and what it leads to is not
    touched: who planted it in a folder does not say which file is written. `/dev/stdout` and its
    like are links as well, and the system's own.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    if _takes_what_comes(path):
        with explaining_storage(path):
            yield path
        return
    temporary = _unpredictable(path)
    try:
        with explaining_storage(path):
            _remove_orphans(path)
            # nobody has made it before, as a link to elsewhere or to read along
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            yield temporary
            _sync(temporary, os.O_RDWR)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path`; it takes that name only if the block succeeds.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder around it may not be written to, or something stands at `path`.
    """
    temporary = _unpredictable(path)
    try:
        with explaining_storage(path):
            _remove_orphans(path)
            temporary.mkdir()
        yield temporary
        with explaining_storage(path):
            for file in temporary.iterdir():
                _sync(file, os.O_RDWR)
            sync_folder(temporary)
            temporary.rename(path)
            sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _takes_what_comes(path: Path) -> bool:
    """Whether a file is a device or a pipe, by itself or as the system names it."""
    try:
        mode = (path.stat if path.is_relative_to("/dev") else path.lstat)().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _unpredictable(path: Path) -> Path:
    """A name beside a path that nobody can foresee; it tells which process is writing."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}{TEMPORARY}")


def _remove_orphans(path: Path) -> None:
    """Removes what processes that were killed have left of a file that they were writing."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.(\d+)(\.[0-9a-f]{{16}})?{re.escape(TEMPORARY)}")
    for left in path.parent.iterdir():
        found = ours.fullmatch(left.name)
        if found and _is_gone(int(found[1])):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)


def _is_gone(process: int) -> bool:
    """Whether no process has this number, as far as can be told here."""
    if sys.platform == "win32":  # there, asking would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's, or no number that a process may have
        return False
    return False


def copy_file(source: Path, target: Path) -> None:
    """Copies a file; the copy is whole or not there.

    Raises:
        StorageError: If the disk is full.
        InputError: If the source cannot be read, or the folder may not be written to.
    """
    with writing(target) as path:
        shutil.copyfile(source, path)


def write_synced(path: Path, data: bytes) -> None:
    """Writes a new file, and returns when it is on disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Returns when the names in a folder are on disk, where the system can say so."""
    with suppress(PermissionError):  # Windows opens no folders
        _sync(folder, os.O_RDONLY)


def _sync(path: Path, mode: int) -> None:
    number = os.open(path, mode)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def explaining_loss(path: Path) -> Iterator[None]:
    """Turns an error about `path` in the middle of work into one line: it was writable before.

    Raises:
        StorageError: If the operating system refuses anything.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise StorageError(
            f"'{path}': cannot be written: {reason}; what was done before is kept, and the same "
            "command again carries on"
        ) from error


@contextmanager
def explaining_storage(path: Path) -> Iterator[None]:
    """Turns an error of the operating system about `path` into one line of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageError(f"'{path}': cannot be written: {error.strerror}") from error
        if error.errno is None:
            raise
        raise InputError(f"'{path}': cannot be written: {error.strerror}") from error


@contextmanager
def removing_on_failure(folder: Path | None) -> Iterator[None]:
    """Removes a temporary folder, if there is one, should the block fail."""
    try:
        yield
    except BaseException:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        raise
