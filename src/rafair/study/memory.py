"""Figures that take a while to derive from a run folder, kept beside it as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rafair.engine.files import writing
from rafair.engine.text_file import read_json, write_text
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
    key = {"version": VERSION, "files": one.audit.document["files"]}
    try:
        kept = read_json(path)
        if kept["key"] == key:
            return kept["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours: derived anew
    value = derive(one)
    path.parent.mkdir(exist_ok=True)
    with writing(path) as temporary:
        write_text(temporary, json.dumps({"key": key, "value": value}))
    return value
