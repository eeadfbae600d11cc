"""Figures that take long to derive, kept beside their run folder as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rafair.engine.digest_json import read_sealed, write_sealed
from rafair.results.record_reader import Reader
from rafair.study.planned_runs import Done

Value = TypeVar("Value")

DERIVED = Path("derived")
VERSION = 1
"""Goes up when what is derived, or how, changes: older files are then derived anew."""


@dataclass(frozen=True)
class _Key:
    """What a figure was derived by, and from which files of a run, by their hashes."""

    version: int
    files: Mapping[str, str]


@dataclass(frozen=True)
class _Kept:
    """A figure, before it is known whether it is of this version and these files."""

    key: _Key
    value: object


_read = Reader(_Kept)


def remembered(
    out: Path, name: str, one: Done, derive: Callable[[Done], Value], read: Reader[Value]
) -> Value:
    """What `derive` gives for a finished audit, read again if it was derived before.

    Args:
        out: The reproduction's folder.
        name: What is derived.
        one: The audit it is derived from; a change in its files makes it be derived anew.
        derive: Gives a dataclass of plain values.
        read: Reads one.
    """
    path = out / DERIVED / f"{one.trial.dataset}-{one.trial.seed}-{name}.json"
    key = _Key(VERSION, one.audit.record.files)
    try:
        kept = _read(read_sealed(path), path)
        if kept.key == key:
            return read(kept.value, path)
    except (OSError, ValueError):
        pass  # not there, or not ours: derived anew
    value = derive(one)
    path.parent.mkdir(exist_ok=True)
    write_sealed(path, {"key": vars(key), "value": vars(value)})
    return value
