from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rafair.engine import checkpoints as module
from rafair.engine.checkpoints import MANIFEST, Checkpoints
from rafair.engine.shards import Shard, cut
from rafair.errors import StorageError

SHARDS = cut(250)
TABLE = pa.table({"step": [1, 2, 3]})


def numbers(shards: list[Shard]) -> list[int]:
    return [shard.number for shard in shards]


@pytest.fixture
def stored(tmp_path: Path) -> Checkpoints:
    """All three are stored."""
    checkpoints = Checkpoints(tmp_path / "shards", SHARDS, "key")
    for shard in SHARDS[::-1]:
        checkpoints.store(shard, {"rows.parquet": TABLE, "sums.json": {"n": len(shard)}})
    return checkpoints


def again(stored: Checkpoints, key: str = "key", shards: list[Shard] = SHARDS) -> Checkpoints:
    return Checkpoints(stored.folder, shards, key)


def test_what_is_stored_is_read_again_in_order(stored):
    assert again(stored).drop_unusable() is None
    assert again(stored).missing() == []
    folders = again(stored).folders()
    assert [json.loads((f / "sums.json").read_text())["n"] for f in folders] == [100, 100, 50]
    assert all(pq.read_table(folder / "rows.parquet").equals(TABLE) for folder in folders)
    assert {path.name for path in stored.folder.iterdir()} == {"00000", "00001", "00002"}


def cut_short(folder: Path) -> None:
    data = (folder / "rows.parquet").read_bytes()
    (folder / "rows.parquet").write_bytes(data[:-1])


def one_bit(folder: Path) -> None:
    data = bytearray((folder / "rows.parquet").read_bytes())
    data[10] ^= 1
    (folder / "rows.parquet").write_bytes(data)


def swapped(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("00000"), folder)


def edited(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (cut_short, "was altered or cut short"),
    "one bit": (one_bit, "was altered or cut short"),
    "a file is missing": (lambda f: (f / "sums.json").unlink(), "was altered or cut short"),
    "a file too many": (lambda f: (f / "more.json").write_text("{}"), "was altered or cut short"),
    "of another shard": (swapped, "is of other instances"),
    "of other rows": (lambda f: edited(f, stop=199), "is of other instances"),
    "of another plan": (lambda f: edited(f, key="other"), "is of another plan or model"),
    "another hash": (lambda f: edited(f, files={}), "was altered or cut short"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "no manifest.json"),
    "half a manifest": (lambda f: (f / MANIFEST).write_text('{"start": 1'), "no manifest.json"),
    "not a manifest": (lambda f: (f / MANIFEST).write_text("[]"), "manifest.json that was altered"),
    "more in the manifest": (lambda f: edited(f, more=1), "manifest.json that was altered"),
    "a folder for a file": (lambda f: (f / "folder").mkdir(), "no manifest.json or file"),
    "a file for a folder": (lambda f: (shutil.rmtree(f), f.write_text("")), "no manifest.json"),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_what_was_spoilt_is_named_and_done_again_and_nothing_else(stored, case):
    spoil, words = case
    spoil(stored.folder / "00001")
    with pytest.raises(StorageError, match="00001"):
        again(stored).folders()
    line = again(stored).drop_unusable()
    assert line.startswith(f"'{stored.folder / '00001'}' ")
    assert words in line
    assert line.endswith(": done again")
    assert "\n" not in line
    assert numbers(again(stored).missing()) == [1]
    assert again(stored).drop_unusable() is None


def test_many_are_told_in_one_line(stored):
    line = again(stored, key="another").drop_unusable()
    assert "'00000'" in line.replace(f"{stored.folder}/", "")
    assert "and 2 more such" in line
    assert numbers(again(stored, key="another").missing()) == [0, 1, 2]


def test_other_cuts_are_not_taken_for_the_same(stored):
    other = again(stored, shards=cut(250, 125))
    assert "is of other instances, and 1 more such" in other.drop_unusable()
    assert numbers(other.missing()) == [0, 1]


def test_a_result_that_is_cut_off_leaves_what_was_there(stored, monkeypatch):
    """Killed while writing: the folder has not got its name. Full: no piece is left either."""
    shutil.rmtree(stored.folder / "00001")
    left = stored.folder / ".00001.tmp"
    left.mkdir()
    (left / "rows.parquet").write_bytes(b"PAR1")
    assert again(stored).drop_unusable() is None
    assert numbers(again(stored).missing()) == [1]

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_synced", full)
        with pytest.raises(
            StorageError, match=r"00001.*No space left on device.*carries on"
        ) as told:
            again(stored).store(SHARDS[1], {"rows.parquet": TABLE})
    assert "\n" not in str(told.value)
    assert {path.name for path in stored.folder.iterdir()} == {"00000", "00002"}
    again(stored).store(SHARDS[1], {"rows.parquet": TABLE})
    assert again(stored).missing() == []


def test_an_interruption_tells_what_is_kept(stored):
    said = []
    with pytest.raises(KeyboardInterrupt), again(stored).telling(said.append):
        raise KeyboardInterrupt
    with again(stored).telling(said.append):
        pass
    assert said == ["3 of 3 parts (of up to 100 instances) are kept"]
