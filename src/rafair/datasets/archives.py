"""Plain bytes out of gzip and zip, told apart by their first bytes rather than by their names."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath

from rafair.datasets.info import SourceFile
from rafair.errors import DataFileError

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
DAMAGE = (
    OSError,
    EOFError,
    RuntimeError,  # an encrypted archive; also NotImplementedError, an unknown compression
    zlib.error,
    zipfile.BadZipFile,
)
"""What gzip and zipfile raise on bytes that they cannot read."""


def unpack(data: bytes, file: SourceFile, where: str) -> bytes:
    """Unpacks one file, through as many layers as there are.

    Args:
        data: The bytes as found or downloaded.
        file: Which file is wanted.
        where: What to call the bytes in an error.

    Raises:
        DataFileError: If the bytes are cut short or damaged, or the file is not in them.

    Example:
        >>> file = SourceFile("rows.csv", "ab" * 32)
        >>> unpack(gzip.compress(b"1;2"), file, "rows.csv.gz")
        b'1;2'
    """
    try:
        return _unpacked(data, file.members or (file.name,), where)
    except DAMAGE as error:
        raise DataFileError(
            f"'{where}': cut short or damaged, cannot be unpacked ({_reason(error)}); expected "
            f"contents with sha256 {file.sha256}, found a file with sha256 "
            f"{sha256(data).hexdigest()}"
        ) from error


def _unpacked(data: bytes, members: Sequence[str], where: str) -> bytes:
    if data.startswith(GZIP):
        return _unpacked(gzip.decompress(data), members, where)
    if data.startswith(ZIP) and members:
        return _from_zip(data, members, where)
    return data


def _from_zip(data: bytes, members: Sequence[str], where: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = {PurePosixPath(name).name: name for name in archive.namelist()}
        # a mirror may offer the inner archive by itself: start from whichever layer is here
        for depth, member in enumerate(members):
            if member in inside:
                return _unpacked(archive.read(inside[member]), members[depth + 1 :], where)
    raise DataFileError(
        f"'{where}': expected an archive with '{members[-1]}' in it, found "
        f"{', '.join(sorted(inside)) or 'nothing in it'}"
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
