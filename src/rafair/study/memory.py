"""Figures that take a while to derive from a run folder, kept beside it as JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rafair.engine.sealed import read_sealed, write_sealed
from rafair.study.running import Done

DERIVED = Path("derived")
VERSION = 1
"""Goes up when what is derived, or how, changes: older files are then derived anew."""


def remembered(out: Path, name: str, one: Done, derive: Callable[[Done], Any]) -> Any:
    """What `derive` gives for a finished audit, read again if it was derived before.

    Args:
        out: The reproduction's folder.
        name: What is derived.
        one: The audit it is derived from; a change in its files makes it be derived anew.
        derive: Gives plain values.
    """
    path = out / DERIVED / f"{one.trial.dataset}-{one.trial.seed}-{name}.json"
    key = {"version": VERSION, "files": one.audit.record.files}
    try:
        kept = read_sealed(path)
        if kept["key"] == key:
            return kept["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours: derived anew
    value = derive(one)
    path.parent.mkdir(exist_ok=True)
    write_sealed(path, {"key": key, "value": value})
    return value
