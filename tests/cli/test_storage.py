"""Disks that are full or refuse, and work in progress that was altered: told, and nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import MAY_DIFFER, Done, call, document, hashes, names, rafair, without
from rafair.auditing import audit_run
from rafair.engine.checkpoints import MANIFEST
from rafair.engine.digest_json import sealed

OPTIONS = ("--attack", "rafair-ff", "--instances", "220", "--steps", "12", "--epochs", "1")
PARTS = 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the others must equal."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    rafair("audit", *OPTIONS, "--out", folder)
    return folder


def audit(out: Path) -> Done:
    return call("audit", *OPTIONS, "--out", out)


def check_same(out: Path, undisturbed: Path) -> None:
    assert without(MAY_DIFFER, document(out)) == without(MAY_DIFFER, document(undisturbed))
    assert hashes(out) == hashes(undisturbed)
    assert names(out.parent) == {out.name}


def stored(out: Path) -> list[str]:
    return sorted(path.name for path in (out.with_name("run.partial") / "shards").glob("[0-9]*"))


def the_line(done: Done, code: int) -> str:
    """The one line of an error; what is ahead may have been said before it."""
    assert (done.code, done.out) == (code, "")
    *before, last = done.err.splitlines()
    assert len(before) <= 1, done.err
    assert last.startswith("rafair: '")
    return last


# the disk -------------------------------------------------------------------------------------


def mount(*arguments: str | Path) -> str | None:
    """Mounts; returns why not, where that is not allowed or there is no such command."""
    try:
        subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        return "no command mount"
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()
    return None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    refused = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
    if refused:
        pytest.skip(f"cannot mount a small file system: {refused}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_what_is_done_is_kept(disk, undisturbed):
    """The disk grows until all has room: each try gets further, and none does anything twice."""
    out, kept, size = disk / "run", [], 64
    refusals = 0
    while (done := audit(out)).code:
        line = the_line(done, 3)
        assert "No space left on device" in line
        assert set(kept) <= set(stored(out))
        kept, refusals, size = stored(out), refusals + 1, size * 5 // 4
        mount("-o", f"remount,size={size}k", disk)
        assert refusals < 20
    assert refusals > PARTS
    assert len(kept) == PARTS, "the last refusal was while the files were put together"
    check_same(out, undisturbed)


def test_a_limit_on_the_size_of_files(tmp_path, undisturbed):
    """A model does not fit below the first limit; below the second, all parts do."""
    out = tmp_path / "run"
    sizes = {path.name: path.stat().st_size for path in undisturbed.iterdir()}
    del sizes["report.html"]  # written when all is done
    largest = sizes.pop("adversarial.parquet")
    assert largest > max(sizes.values())
    for limit, parts in ((largest // 100, 0), (largest - 1, PARTS)):
        with limited(limit):
            done = audit(out)
        assert "File too large" in the_line(done, 3)
        assert len(stored(out)) == parts
    check_same(rerun(out), undisturbed)


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def rerun(out: Path, words: str = "carrying on where it was left") -> Path:
    done = audit(out)
    assert done.code == 0, done.err
    assert words in done.err
    return out


def test_a_read_only_disk(disk, undisturbed):
    mount("-o", "remount,ro", disk)
    assert "Read-only file system" in the_line(audit(disk / "run"), 2)
    mount("-o", "remount,rw,size=10m", disk)
    out = rerun(disk / "run", "rows to compute")
    mount("-o", "remount,ro", disk)
    assert "done before" in rafair("audit", *OPTIONS, "--out", out).err
    assert "Read-only" in the_line(call("audit", *OPTIONS, "--force", "--out", out), 2)
    check_same(out, undisturbed)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    line = the_line(audit(tmp_path / "closed" / "run"), 2)
    assert "Permission denied" in line
    assert names(tmp_path / "closed") == set()


def test_a_folder_that_goes_away(tmp_path, undisturbed, monkeypatch):
    """As when a network drive is lost: told in a line, and the next try is not hindered."""
    out, aside = tmp_path / "run", tmp_path / "aside"
    store = audit_run.Checkpoints.store

    def gone(self: audit_run.Checkpoints, *arguments: object) -> None:
        if stored(out):
            out.with_name("run.partial").rename(aside)
            aside.with_name("run.partial").write_text("")
        store(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(audit_run.Checkpoints, "store", gone)
        assert "Not a directory" in the_line(audit(out), 3)
    out.with_name("run.partial").unlink()
    aside.rename(out.with_name("run.partial"))
    assert stored(out) == ["00000"]
    check_same(rerun(out, "1 of 3 parts done"), undisturbed)


# work in progress that was altered --------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run was interrupted when its parts were done, and nothing was put together."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(audit_run, "merge_shards", interrupted)
        assert audit(tmp_path / "run").code == 130
    return tmp_path / "run.partial"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(sealed(content) if "digest" in content else content))


ALTERED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a part's rows": ("shards/00001/adversarial.parquet", cut, "altered or cut short"),
    "a part's counters": ("shards/00001/counters.json", lambda p: p.write_text("{}"), "altered"),
    "a part's manifest": (f"shards/00001/{MANIFEST}", lambda p: edit(p, stop=7), "other instances"),
    "weights": ("model.safetensors", cut, "network was altered or cut short: trained again"),
    "a description": ("model.json", cut, "network was altered or cut short: trained again"),
    "another training": ("model.json", lambda p: edit(p, training={}), "trained again"),
    "an ONNX file": ("model.onnx", cut, "network was altered or cut short: trained again"),
    "no ONNX file": ("model.onnx", lambda p: p.unlink(), ""),
}


@pytest.mark.parametrize("case", ALTERED.values(), ids=ALTERED)
def test_what_was_altered_is_told_and_made_again(stopped, undisturbed, monkeypatch, case):
    name, alter, words = case
    alter(stopped / name)
    done_again, store = [], audit_run.Checkpoints.store

    def counted(self: audit_run.Checkpoints, shard: audit_run.Shard, files: object) -> None:
        done_again.append(shard.number)
        store(self, shard, files)

    monkeypatch.setattr(audit_run.Checkpoints, "store", counted)
    done = rafair("audit", *OPTIONS, "--out", stopped.with_name("run"))
    assert done_again == ([1] if name.startswith("shards") else [])
    told = [line for line in done.err.splitlines() if "rows to compute" not in line]
    assert len(told) == (1 if words else 0)
    assert all(words in line for line in told)
    check_same(stopped.with_name("run"), undisturbed)


def test_parts_of_another_network_are_not_taken(stopped, undisturbed, tmp_path):
    """They are bound to the network, which another machine may train to other weights."""
    other = tmp_path / "other"
    rafair("train", "--epochs", "1", "--seed", "1", "--out", other)
    for name in ("model.safetensors", "model.onnx"):
        (stopped / name).write_bytes((other / name).read_bytes())
    told = json.loads((other / "model.json").read_text())
    edit(stopped / "model.json", **{key: told[key] for key in ("sha256", "onnx_sha256")})
    done = rafair("audit", *OPTIONS, "--out", stopped.with_name("run"))
    assert "00000' is of another plan or model, and 2 more such: done again" in done.err


@pytest.mark.parametrize("spoilt", [False, True], ids=["whole", "spoilt"])
def test_stopped_before_the_last_name(tmp_path, undisturbed, monkeypatch, spoilt):
    """Nothing is computed again, though parts are removed already; but spoilt files are."""
    out = tmp_path / "run"

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rafair.engine.run_folder.RunFolder.finish", stop)
        assert audit(out).code == 130
    if spoilt:
        cut(out.with_name("run.partial") / "adversarial.parquet")
    done = rafair("audit", *OPTIONS, "--out", out)
    assert ("all parts are done" in done.err) is not spoilt
    check_same(out, undisturbed)


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize("command", ["audit", "train"])
def test_stopped_after_the_last_name(tmp_path, monkeypatch, command, force):
    """The folder has its name, and the plan is still there: it is done, wherever it is."""
    options = {"audit": OPTIONS, "train": ("--epochs", "1")}[command]
    monkeypatch.chdir(tmp_path)
    rafair(command, *options)
    (folder,) = (tmp_path / "runs").iterdir()
    seen = hashes(folder)
    plan = tmp_path / "plan.json"
    with monkeypatch.context() as patch:
        patch.setattr(
            "rafair.engine.run_folder.RunFolder.finish",
            lambda self: (
                plan.write_text((self.partial / "plan.json").read_text())
                and (_ for _ in ()).throw(KeyboardInterrupt)
            ),
        )
        assert call(command, *options).code == 130
    (again,) = (path for path in (tmp_path / "runs").iterdir() if path.suffix == ".partial")
    again.rename(again.with_suffix(""))
    done = rafair(command, *options, *force)
    assert "done before" in done.err
    assert hashes(again.with_suffix("")) == seen
    assert len(names(tmp_path / "runs")) == 2
