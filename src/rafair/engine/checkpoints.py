"""Results of shards on disk: one folder for each, which is whole or not there.

Beside its files, a folder holds a manifest with their hashes, which says what they are results of.
What was cut short, altered or belongs to other work is found by it, and done again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from rafair.engine.atomic_files import (
    TEMPORARY,
    explaining_loss,
    sha256_of,
    sync_folder,
    write_synced,
)
from rafair.engine.shards import Shard
from rafair.engine.text_file import read_json
from rafair.errors import StorageError

Content: TypeAlias = pa.Table | Mapping[str, object]
"""What a file holds: a table, stored as Parquet, or plain values, stored as JSON."""

MANIFEST = "manifest.json"


class Checkpoints:
    """The finished shards of one piece of work.

    Args:
        folder: Where their folders are; made when the first is stored.
        shards: All shards of the work, in order.
        key: What decides the results besides the shards; results under another key are not used.

    Example:
        >>> import tempfile
        >>> from rafair.engine.shards import cut
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoints = Checkpoints(Path(folder) / "shards", cut(250, 100), "of this plan")
        ...     checkpoints.store(cut(250, 100)[1], {"sum.json": {"total": 7}})
        ...     [shard.number for shard in checkpoints.missing()]
        [0, 2]
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], key: str) -> None:
        self.folder = folder
        self.shards = tuple(shards)
        self._key = key

    def missing(self) -> list[Shard]:
        """The shards that are still to be done."""
        return [shard for shard in self.shards if not self._path(shard).exists()]

    def kept(self) -> str:
        """What an interruption leaves, in words.

        Example:
            >>> from rafair.engine.shards import cut
            >>> Checkpoints(Path("nowhere"), cut(250, 100), "of this plan").kept()
            'none of 3 parts is done yet, and only whole parts are kept (of up to 100 instances)'
        """
        done, size = len(self.shards) - len(self.missing()), len(self.shards[0])
        of, each = f"of {len(self.shards):,} parts", f"(of up to {size:,} instances)"
        if not done:
            return f"none {of} is done yet, and only whole parts are kept {each}"
        return f"{done:,} {of} {each} {'is' if done == 1 else 'are'} kept"

    @contextmanager
    def telling(self, tell: Callable[[str], object]) -> Iterator[None]:
        """While shards are done: tells at Ctrl-C what is kept of them."""
        try:
            yield
        except KeyboardInterrupt:
            tell(self.kept())
            raise

    def store(self, shard: Shard, files: Mapping[str, Content]) -> None:
        """Stores a shard's result, and returns when it is safe on disk.

        Raises:
            StorageError: If the disk is full or has gone; nothing that was stored before is lost.
        """
        final = self._path(shard)
        temporary = final.with_name(f".{final.name}{TEMPORARY}")
        with explaining_loss(final):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            try:
                contents = {name: _encode(content) for name, content in files.items()}
                hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
                manifest = json.dumps(self._manifest(shard, hashes), indent=2)
                for name, data in (contents | {MANIFEST: manifest.encode()}).items():
                    write_synced(temporary / name, data)
                sync_folder(temporary)
                temporary.rename(final)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)  # makes room on a full disk
                raise
            sync_folder(self.folder)

    def drop_unusable(self) -> str | None:
        """Removes what is not as it was stored, or not of this work; says in one line what."""
        faults = {}
        for shard in self.shards:
            path = self._path(shard)
            fault = self._fault(shard) if path.exists() else None
            if fault:
                faults[path] = fault
                with explaining_loss(path):
                    _remove(path)
        if not faults:
            return None
        path, fault = next(iter(faults.items()))
        others = f", and {len(faults) - 1:,} more such" if len(faults) > 1 else ""
        return f"'{path}' {fault}{others}: done again"

    def folders(self) -> list[Path]:
        """The folders of all shards in order, each found to be as it was stored.

        Raises:
            StorageError: If one is not; given again, the command does that one again.
        """
        for shard in self.shards:
            fault = self._fault(shard)
            if fault:
                raise StorageError(
                    f"'{self._path(shard)}' {fault} since it was stored; the same command again "
                    "does that part again"
                )
        return [self._path(shard) for shard in self.shards]

    def _path(self, shard: Shard) -> Path:
        return self.folder / f"{shard.number:05d}"

    def _manifest(self, shard: Shard, hashes: Mapping[str, str]) -> dict[str, object]:
        return {"start": shard.start, "stop": shard.stop, "key": self._key, "files": dict(hashes)}

    def _fault(self, shard: Shard) -> str | None:
        """What is wrong with a stored shard; None if nothing is."""
        path = self._path(shard)
        try:
            found = read_json(path / MANIFEST)
            hashes = {p.name: sha256_of(p) for p in path.iterdir() if p.name != MANIFEST}
        except (OSError, ValueError):
            return f"has no {MANIFEST} or file that can be read"
        expected = self._manifest(shard, hashes)
        if found == expected:
            return None
        if not isinstance(found, dict) or set(found) != set(expected):
            return f"has a {MANIFEST} that was altered"
        if found["key"] != self._key:
            return "is of another plan or model"
        if found["files"] != hashes:
            return "was altered or cut short"
        return "is of other instances"


def count_stored(folder: Path) -> int:
    """How many shards' folders there are, whatever is in them."""
    return len(list(folder.glob("[0-9]*")))


def _encode(content: Content) -> bytes:
    if isinstance(content, pa.Table):
        buffer = pa.BufferOutputStream()
        pq.write_table(content, buffer)
        data: bytes = buffer.getvalue().to_pybytes()
        return data
    return json.dumps(content).encode()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
