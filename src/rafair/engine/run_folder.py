"""Run folders: work in progress lives in `DIR.partial`, which takes the name `DIR` when whole.

A folder in progress holds `plan.json`, what it was asked to do; the same plan carries on there.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from rafair.engine.files import explaining_storage, writing
from rafair.errors import RunFolderError

PLAN = "plan.json"
RUNS = Path("runs")


class RunFolder:
    """One run's folder, from its first file to its final name.

    Args:
        final: The name the folder takes when it is whole.
        plan: What is to be done, as plain JSON values; two equal plans give equal results.
        force: Whether whatever stands at `final` may be replaced.

    Raises:
        RunFolderError: If something else stands at `final`, or in its `.partial`, and `force` is
            not set, or the place cannot be written to.
    """

    def __init__(self, final: Path, plan: dict[str, Any], *, force: bool = False) -> None:
        self.final = final
        self.partial = final.with_name(final.name + ".partial")
        self._plan = json.loads(json.dumps(plan))
        self._force = force
        self._refuse_what_is_not_ours()
        with explaining_storage(self.partial):
            self._open()

    def _refuse_what_is_not_ours(self) -> None:
        if self._force:
            return
        if self.final.exists() and not (self.final.is_dir() and _is_empty(self.final)):
            raise RunFolderError(
                f"'{self.final}': expected a new or empty folder; pass --force to replace it"
            )
        if self.partial.exists() and read_plan(self.partial) != self._plan:
            raise RunFolderError(
                f"'{self.partial}' holds unfinished work of another command: remove it, or pass "
                "--force to replace it"
            )

    def _open(self) -> None:
        if self.partial.exists() and read_plan(self.partial) != self._plan:
            _remove(self.partial)
        self.resumed = self.partial.exists()
        self.partial.mkdir(parents=True, exist_ok=True)
        if not self.resumed:
            with writing(self.partial / PLAN) as path:
                path.write_text(json.dumps(self._plan, indent=2), encoding="utf-8")

    def finish(self) -> Path:
        """Gives the folder its final name; returns it."""
        with explaining_storage(self.final):
            (self.partial / PLAN).unlink()
            if self.final.exists():
                _remove(self.final)
            self.partial.rename(self.final)
        return self.final

    def discard(self) -> None:
        """Removes the work in progress, and the folder around it if that is left empty."""
        _remove(self.partial)
        with suppress(OSError):
            if self.partial.parent.name == RUNS.name:
                self.partial.parent.rmdir()


def next_free(name: str, plan: dict[str, Any], runs: Path = RUNS) -> Path:
    """The next free `runs/<name>-<n>`, or the one where this very plan was left unfinished."""
    plan = json.loads(json.dumps(plan))
    number = 1
    while True:
        final = runs / f"{name}-{number}"
        partial = final.with_name(final.name + ".partial")
        if not final.exists() and (not partial.exists() or read_plan(partial) == plan):
            return final
        number += 1


def read_plan(partial: Path) -> Any:
    """The plan of work in progress; None if there is none that can be read."""
    try:
        return json.loads((partial / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
