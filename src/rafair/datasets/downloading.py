"""Fetches files from their publishers, checked before a byte of them is kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rafair.arguments import check_name
from rafair.datasets.archives import unpack
from rafair.datasets.dataset_files import Place, identify, locate, read_checked, status, store
from rafair.datasets.info import SourceFile
from rafair.datasets.registry import DATASETS
from rafair.engine.progress import SILENT, Progress, Task
from rafair.errors import DataFileError, DownloadError, InputError

if TYPE_CHECKING:
    import requests

TIMEOUT = (5.0, 15.0)
"""Seconds to wait for a connection, and for the next bytes of an answer."""

CHUNK_BYTES = 1 << 16


def fetch(
    name: str,
    *,
    url: str | None = None,
    progress: Progress = SILENT,
    timeout: tuple[float, float] = TIMEOUT,
) -> list[Path]:
    """Puts a data set's files into the user's cache, unless they are here already.

    A file in the cache that is not what it should be is fetched anew. Nothing is kept unless
    every file is whole.

    Args:
        name: The data set.
        url: A mirror's copy of what the publisher offers (archive or file).
        progress: Where to show how far it is.
        timeout: Seconds to wait for a connection, and for the next bytes.

    Returns:
        Where each file is; none for a data set that comes with a package.

    Raises:
        UnknownNameError: If there is no such data set.
        InputError: If the mirror's address is none, or the cache may not be written to.
        DataFileError: If a file is damaged or has another hash than it should.
        DownloadError: If a file cannot be fetched.

    Example:
        >>> fetch("affairs")
        []
    """
    info = DATASETS[check_name("data set", name, DATASETS)]
    if url is not None and not url.startswith(("http://", "https://")):
        raise InputError(f"url: expected an address that starts with http:// or https://: '{url}'")
    missing = [file for file in info.files if not _usable(file)]
    for form, data in _download(missing, url, timeout, progress):
        store(form, data)
    return [found.path for found in status(name) if found.path]


def _usable(file: SourceFile) -> bool:
    found = locate(file)
    if found.path is None:
        return False
    try:
        read_checked(found.path, file)
    except DataFileError:
        if found.place is Place.FOLDER:  # the user's own folder is theirs to mend
            raise
        return False
    return True


def _download(
    files: Sequence[SourceFile], url: str | None, timeout: tuple[float, float], progress: Progress
) -> list[tuple[SourceFile, bytes]]:
    """The forms that came and their unpacked, checked bytes; an archive is fetched once."""
    archives: dict[str, bytes] = {}
    checked = []
    for file in files:
        address = url or file.url
        if address not in archives:
            archives[address] = _get(address, file, timeout, progress)
        data = unpack(archives[address], file, address)
        where = f"{file.name} from {address}"
        checked.append((identify(data, file, where), data))
    return checked


def _get(url: str, file: SourceFile, timeout: tuple[float, float], progress: Progress) -> bytes:
    # imported here: both take a while to load, and most runs find their files on disk
    import requests
    from pooch import HTTPDownloader

    buffer = io.BytesIO()
    with ExitStack() as bars:
        bar = _DownloadBar(f"Fetching {file.name}", progress, bars)
        downloader = HTTPDownloader(progressbar=bar, chunk_size=CHUNK_BYTES, timeout=timeout)
        try:
            downloader(url, buffer, None)
        except ValueError as error:  # of requests, urllib3 and the idna codec: no such address
            raise InputError(
                f"url: expected an address that can be fetched, got {url!r}"
            ) from error
        except requests.RequestException as error:
            raise DownloadError(
                f"'{file.name}': cannot be downloaded from {url}: {_reason(error, timeout)}; "
                "without a network, save what that address offers in a folder and set RAFAIR_DATA "
                "to the folder"
            ) from error
    return buffer.getvalue()


def _reason(error: requests.RequestException, timeout: tuple[float, float]) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {timeout[0]:g} s"
    if "Read timed out" in str(error):  # also comes wrapped in other classes, amid an answer
        return f"no data for {timeout[1]:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off before the whole file had come"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return " ".join(str(error).split())


class _DownloadBar:
    """Shows pooch's progress on ours, which wants its total before it opens."""

    def __init__(self, description: str, progress: Progress, bars: ExitStack) -> None:
        self._description = description
        self._progress = progress
        self._bars = bars
        self._task: Task | None = None
        self._left = 0

    @property
    def total(self) -> int:
        """The size of the answer in bytes; 0 if the server does not say."""
        return self._left

    @total.setter
    def total(self, size: int) -> None:
        self._left = size
        task = self._progress.task(self._description, size or None, "B")
        self._task = self._bars.enter_context(task)

    def update(self, amount: int) -> None:
        """Moves the bar on; pooch counts whole chunks, and the total again at the end."""
        step = min(amount, self._left)
        self._left -= step
        if self._task and step:
            self._task.advance(step)

    def reset(self) -> None:
        """Does nothing: what is left to show is known."""

    def close(self) -> None:
        """Does nothing: the bar closes with its context."""
