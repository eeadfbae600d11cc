"""Commands run in this process, and what they leave behind."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafair.cli.main import run

MAY_DIFFER = ("created", "command", "environment", "seconds", "digest")
"""The keys of `audit.json` that may differ between two runs of one command."""


@dataclass(frozen=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str


def call(*arguments: str | Path) -> Done:
    """Runs a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Written:
    """What a command wrote, in bytes."""

    code: int
    out: bytes
    err: bytes


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def call_in(
    encoding: str, *arguments: str | Path, errors: str = "strict", terminal: bool = False
) -> Written:
    """Runs a command whose stdout and stderr have an encoding, as Python opens them."""
    kind = _Terminal if terminal else io.TextIOWrapper
    out, err = (kind(io.BytesIO(), encoding, errors) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    assert (out.errors, err.errors) == (errors, errors)  # as they were given
    out.flush()
    err.flush()
    return Written(code, out.buffer.getvalue(), err.buffer.getvalue())


def rafair(*arguments: str | Path) -> Done:
    """Runs a command that must succeed."""
    done = call(*arguments)
    assert done.code == 0, done.err
    return done


def document(folder: Path) -> dict[str, Any]:
    """The content of a run's `audit.json`."""
    return json.loads((folder / "audit.json").read_text(encoding="utf-8"))


def without(keys: Collection[str], value: Any) -> Any:
    """A section of `audit.json` without some keys, at any depth."""
    if not isinstance(value, dict):
        return value
    return {key: without(keys, item) for key, item in value.items() if key not in keys}


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a run but those that tell when it was and how long it took."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in ("audit.json", "report.html")
    }
