"""A bit that flips on a disk is found, or changes no figure: in finished runs, and in unfinished.

`RAFAIR_FLIPS=N` multiplies the number of bits, and `RAFAIR_FLIPS_SEED` draws others.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rafair
from commands import MAY_DIFFER, call, document, without
from rafair.engine.checkpoints import Checkpoints
from rafair.errors import ModelError

TIMES = int(os.environ.get("RAFAIR_FLIPS", "1"))
SEED = int(os.environ.get("RAFAIR_FLIPS_SEED", "0"))

POLICY = 'version = 1\n[[rule]]\nrate = "robust.accurate_fairness"\nattack = "*"\nat_least = 0.0\n'
AUDIT = ("audit", "--epochs", "1", "--instances", "250", "--steps", "1")
HARDEN = ("harden", "--epochs", "2", "--instances", "30", "--steps", "4", "--epsilons", "0.05",
          "--judges", "pgd")  # fmt: skip


def flip(folder: Path, random: np.random.Generator) -> Path:
    """Flips one bit of one file, each file as likely; returns the file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    path = files[int(random.integers(len(files)))]
    content = bytearray(path.read_bytes())
    content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    path.write_bytes(content)
    return path


def draws(what: str, number: int):
    for n in range(number * TIMES):
        yield np.random.default_rng([SEED, n, *what.encode()])


def interrupted(words: tuple[str, ...], out: str, parts: int, monkeypatch) -> Path:
    """The unfinished work of a command that was stopped when so many parts were done."""
    store, stored = Checkpoints.store, []

    def and_stop(self, shard, files):
        store(self, shard, files)
        stored.append(shard)
        if len(stored) == parts:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "store", and_stop)
        assert call(*words, "--out", out).code == 130
    return Path(f"{out}.partial")


def test_of_finished_runs(watched_plainly, tmp_path, monkeypatch):
    """What is told of a run whose bits have flipped is what was told before, or nothing."""
    monkeypatch.chdir(tmp_path)
    Path("policy.toml").write_text(POLICY)
    ways = (
        lambda run: call("gate", run, "--policy", "policy.toml", "--format", "markdown").out,
        lambda run: (call("report", run, "--out", "r.csv").code, Path("r.csv").read_bytes())[1],
        lambda run: call("report", run, "--out", "-", "--format", "markdown").out,
        lambda run: (
            call("attack", run, "--steps", "1", "--out", "again", "--force").code
            or without((*MAY_DIFFER, "environment"), document(Path("again")))
        ),
    )
    shutil.copytree(watched_plainly, "run")
    expected = [way(Path("run")) for way in ways]
    found = harmless = 0
    for n, random in enumerate(draws("finished", 28)):
        shutil.rmtree("run")
        shutil.copytree(watched_plainly, "run")
        spoilt = flip(Path("run"), random)
        way = n % len(ways)
        Path("r.csv").unlink(missing_ok=True)
        try:
            told = ways[way](Path("run"))
        except FileNotFoundError:  # nothing was written
            told = 2
        if told in (2, 3, ""):
            found += 1
            continue
        assert told == expected[way], spoilt
        harmless += 1
    assert found > 5 * TIMES
    assert harmless > 3 * TIMES


@pytest.mark.parametrize(("words", "parts"), [(AUDIT, 2), (HARDEN, 1)], ids=["audit", "harden"])
def test_of_unfinished_runs(words, parts, tmp_path, monkeypatch):
    """The same command again gives the same figures, or says what is wrong."""
    monkeypatch.chdir(tmp_path)
    whole = Path("whole")
    assert call(*words, "--out", whole).code == 0
    main = "audit.json" if words is AUDIT else "harden.json"
    kept = interrupted(words, "run", parts, monkeypatch)
    shutil.copytree(kept, "kept")
    refused = 0
    for random in draws(words[0], 6 if words is AUDIT else 2):
        for leftover in ("run", "run.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.copytree("kept", "run.partial")
        spoilt = flip(Path("run.partial"), random)
        done = call(*words, "--out", "run")
        if done.code in (2, 3):
            refused += 1
            continue
        assert done.code == 0, done.err
        assert same(Path("run"), whole, main), spoilt
    assert refused < 6 * TIMES


@pytest.mark.parametrize(
    "words", [("train", "--epochs", "1"), HARDEN], ids=["a network", "a hardening"]
)
def test_what_is_done_before_is_looked_at(words, tmp_path, monkeypatch):
    """Of every file but pictures: a bit that flipped is told by the same command again."""
    monkeypatch.chdir(tmp_path)
    assert call(*words, "--out", "run").code == 0
    assert "done before" in call(*words, "--out", "run").err
    for path in sorted(Path("run").rglob("*")):
        if path.suffix not in (".json", ".safetensors", ".onnx"):
            continue
        content = path.read_bytes()
        random = next(draws(str(path), 1))
        altered = bytearray(content)
        altered[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
        path.write_bytes(altered)
        assert call(*words, "--out", "run").code == 2, path
        path.write_bytes(content)
    assert "done before" in call(*words, "--out", "run").err


def test_an_onnx_file_beside_its_description_is_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("train", "--epochs", "1", "--out", "net").code == 0
    path = Path("net/model.onnx")
    content = bytearray(path.read_bytes())
    content[-200] ^= 1  # a weight
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"its hash is not the one in model\.json"):
        rafair.open_model(path, rafair.load_dataset("affairs").table.schema)


def same(run: Path, whole: Path, main: str) -> bool:
    """Whether two folders tell the same, but for times."""
    one, other = (timeless(json.loads((folder / main).read_text())) for folder in (run, whole))
    models = [sorted(folder.rglob("model.*")) for folder in (run, whole)]
    alike = all(a.read_bytes() == b.read_bytes() for a, b in zip(*models, strict=True))
    return one == other and alike


def timeless(value: Any) -> Any:
    """What does not tell when, or for how long."""
    if isinstance(value, list):
        return [timeless(one) for one in value]
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if key not in MAY_DIFFER}
    return value
