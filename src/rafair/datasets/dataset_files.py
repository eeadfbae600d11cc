"""Where a data set's files are, and whether they are what they should be.

A file is looked for in the folder that `RAFAIR_DATA` names, then in the user's cache. Files with
personal data are kept in the cache in a minimised form, beside a JSON file that records which
publisher's file it was made from and the hash that the kept form must have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_dir

from rafair.arguments import check_name
from rafair.datasets.archives import unpack
from rafair.datasets.info import SourceFile
from rafair.datasets.registry import DATASETS
from rafair.engine.atomic_files import explaining_storage, writing
from rafair.engine.text_file import read_json
from rafair.errors import DataFileError, InputError


class Place(StrEnum):
    """Where a file is."""

    BUNDLED = "bundled"
    FOLDER = "RAFAIR_DATA"
    CACHE = "cache"
    MISSING = "missing"


@dataclass(frozen=True)
class FileStatus:
    """Where one file of a data set is.

    Args:
        name: What the file is called.
        place: Where it is.
        path: Its path; None if it is missing or comes with a package.
    """

    name: str
    place: Place
    path: Path | None = None


def status(name: str) -> tuple[FileStatus, ...]:
    """Says where each file of a data set is, without reading or fetching it.

    Args:
        name: The data set.

    Raises:
        UnknownNameError: If there is no such data set.
        InputError: If `RAFAIR_DATA` names something that is not a folder.

    Example:
        >>> status("affairs")[0].place
        <Place.BUNDLED: 'bundled'>
    """
    info = DATASETS[check_name("data set", name, DATASETS)]
    if info.bundled:
        return (FileStatus(info.bundled, Place.BUNDLED),)
    return tuple(locate(file) for file in info.files)


def locate(file: SourceFile) -> FileStatus:
    """Finds a file by its names, without reading it."""
    for place, folder in _folders():
        for name in file.names:
            if (folder / name).is_file():
                return FileStatus(file.name, place, folder / name)
    return FileStatus(file.name, Place.MISSING)


def read_checked(path: Path, file: SourceFile) -> bytes:
    """The unpacked contents of a file, minimised if it holds personal data.

    Raises:
        DataFileError: If it cannot be read, is damaged, or has another hash than it should.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error
    data = unpack(packed, file, str(path))
    if file.minimise and path.name == file.kept_name:
        _check_hash(data, (_recorded_hash(path, file),), str(path))
        return data
    form = identify(data, file, str(path))
    return form.minimise(data) if form.minimise else data


def identify(data: bytes, file: SourceFile, where: str) -> SourceFile:
    """Which accepted form of a file some bytes are, by their hash.

    Raises:
        DataFileError: If they are none.
    """
    found = _check_hash(data, tuple(form.sha256 for form in file.forms), where)
    return next(form for form in file.forms if form.sha256 == found)


def store(file: SourceFile, data: bytes) -> Path:
    """Puts a publisher's file, minimised if need be, into the cache; returns where it is.

    Raises:
        StorageError: If the disk is full.
        InputError: If the cache may not be written to.
    """
    path = cache_folder() / file.kept_name
    with explaining_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if file.minimise:
        data = file.minimise(data)
        record = {"source_sha256": file.sha256, "sha256": sha256(data).hexdigest()}
        _write(_record_path(path), json.dumps(record, indent=2).encode())
    _write(path, data)
    return path


def cache_folder() -> Path:
    """Where downloaded files are kept: under `RAFAIR_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("RAFAIR_CACHE") or user_cache_dir("rafair")) / "datasets"


def _folders() -> Iterator[tuple[Place, Path]]:
    named = os.environ.get("RAFAIR_DATA")
    if named:
        if not Path(named).is_dir():
            raise InputError(f"RAFAIR_DATA: expected a folder with data files, got '{named}'")
        yield Place.FOLDER, Path(named)
    yield Place.CACHE, cache_folder()


def _check_hash(data: bytes, expected: tuple[str, ...], where: str) -> str:
    found = sha256(data).hexdigest()
    if found not in expected:
        what = "is empty" if not data else "is not the expected file"
        raise DataFileError(
            f"'{where}': {what}: expected sha256 {' or '.join(expected)}, found {found}"
        )
    return found


def _record_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _recorded_hash(path: Path, file: SourceFile) -> str:
    record_path = _record_path(path)
    try:
        record = read_json(record_path)
        source, kept = record["source_sha256"], record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(
            f"'{record_path}': expected the record of how '{path.name}' was made, found none that "
            "can be read"
        ) from error
    if source != file.sha256:
        raise DataFileError(
            f"'{record_path}': '{path.name}' was made from another file: expected sha256 "
            f"{file.sha256}, found {source}"
        )
    return str(kept)


def _write(path: Path, data: bytes) -> None:
    with writing(path) as temporary:
        temporary.write_bytes(data)
