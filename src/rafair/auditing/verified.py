"""Finished runs whose figures follow from their files; anything else is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from rafair.auditing.document import AUDIT, plain, rates_document, read_verdicts
from rafair.auditing.entry import earlier_config
from rafair.auditing.group_names import visible
from rafair.auditing.groups import derived_groups
from rafair.auditing.per_instance import PerInstance
from rafair.auditing.result import Audit
from rafair.auditing.twins import unions_among
from rafair.engine.run_folder import PLAN, partial_of
from rafair.errors import RunFolderError, UnfinishedRunError

SECTIONS = ("clean", "attacks", "repairs")
BY_GROUP = ("groups", "gaps")
COUNTERS = ("seconds", "gradient_rows", "prediction_rows", "queries")


def finished_run(folder: str | Path) -> Audit:
    """Reads a run folder that holds a finished audit.

    Raises:
        RunFolderError: If there is no run, or it was written by another schema version.
        UnfinishedRunError: If the audit was not carried to its end.
    """
    folder = Path(folder)
    for place in (folder, partial_of(folder)):
        if (place / PLAN).is_file() and not (folder / AUDIT).is_file():
            raise UnfinishedRunError(
                f"'{place}': expected a finished audit, found one that is not; the command that "
                "began it carries it on"
            )
    return Audit.load(folder)


def verified_run(folder: str | Path) -> Audit:
    """Reads a finished run, and derives its rates again from its files.

    What is derived again: `clean`, `attacks`, `repairs`, `groups` and `gaps`, whole, with every count
    and interval (older runs have no groups); and every file's hash. (The counters of cost and time
    cannot be.)

    Raises:
        RunFolderError: If there is no run, a file is missing or altered, or a figure of
            `audit.json` does not follow from the files; names the first.
        UnfinishedRunError: If the audit was not carried to its end.
    """
    audit = finished_run(folder)
    for name in audit.document["files"]:
        audit.check_file(name)
    for path, said, found in _differences(audit):
        raise RunFolderError(
            f"'{audit.folder / AUDIT}': edited: {path} says {_shown(said)}, its files give "
            f"{_shown(found)}"
        )
    return audit


def _differences(audit: Audit) -> Iterator[tuple[str, Any, Any]]:
    gathered = read_verdicts(audit.folder)
    unions = unions_among(gathered.attacked, earlier_config(audit))
    derived = plain(rates_document(gathered, unions, audit.document["seed"]))
    for section in SECTIONS:
        yield from _compared(section, audit.document[section], derived[section], COUNTERS)
    older = "bands" not in audit.document["config"]
    if not older or any(section in audit.document for section in BY_GROUP):
        by_group = derived_groups(audit.document, PerInstance(gathered), audit.folder)
        for section in BY_GROUP:
            # a group may have any name, that of a counter too
            yield from _compared(section, audit.document.get(section), by_group[section], ())


def _compared(
    path: str, said: Any, found: Any, left_out: Collection[str]
) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, but for keys that are left out."""
    if not (isinstance(said, Mapping) and isinstance(found, Mapping)):
        if said != found:
            yield path, said, found
        return
    for key in dict.fromkeys([*said, *found]):
        if key not in left_out:
            where = f"{path}.{visible(key)}"
            yield from _compared(where, said.get(key), found.get(key), left_out)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "value" in value:
        return f"{value['value']}"
    return "a section" if isinstance(value, Mapping) else visible(f"{value}")
