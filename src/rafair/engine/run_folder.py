"""Run folders: work in progress lives in `DIR.partial`, which takes the name `DIR` when whole.

A folder in progress holds `plan.json`, what it was asked to do; the same plan carries on there.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from rafair.engine.atomic_files import TEMPORARY, explaining_storage, writing
from rafair.engine.text_file import read_json, write_text
from rafair.errors import RunFolderError

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

PLAN = "plan.json"
HARDENING = "harden.json"
OURS = (PLAN, "audit.json", HARDENING, "model.json")
"""Files that show that a folder was made by a run; anything else is moved aside, never removed."""
MONITOR = "monitor"
"""The folder in a run's folder with the reference of a watch, and by default all that it saw."""
BEFORE = ".before-"
"""Stands between the name of what was moved aside and its number."""
RUNS = Path("runs")


class RunFolder:
    """One run's folder, from its first file to its final name.

    While it is open (use it in a `with` statement) no other process can work in it.

    Args:
        final: The name the folder takes when it is whole.
        plan: What is to be done, as plain JSON values; two equal plans give equal results.
        force: Whether to take the place of what stands at `final`: another run is removed, unless
            it is watched; that and anything else is moved aside.
        resume: Whether work in progress with the same plan may be carried on; else it is redone.

    Raises:
        RunFolderError: If something else stands at `final`, or in its `.partial`, and `force` is
            not set, or the place cannot be written to.
    """

    def __init__(
        self, final: Path, plan: dict[str, object], *, force: bool = False, resume: bool = True
    ) -> None:
        self.final = final
        self.partial = partial_of(final)
        self._plan = json.loads(json.dumps(plan))
        self._force = force
        with explaining_storage(final):
            self._refuse_what_is_not_ours()
            if has_plan(self.partial, plan):
                check_contents(self.partial)
            self._held = _hold(self.partial)
            self._made = [folder for folder in final.parents if not folder.exists()]
            self.resumed = resume and has_plan(self.partial, plan)
            if self.resumed:
                _remove_temporaries(self.partial)
            else:
                self.__exit__()
                _make_room(self.partial)
                self._open()

    def _refuse_what_is_not_ours(self) -> None:
        if self._force:
            return
        if not _is_free(self.final):
            raise RunFolderError(
                f"'{self.final}': expected a new or empty folder; `force=True` "
                "puts the run in its place"
            )
        if not (_is_free(self.partial) or has_plan(self.partial, self._plan)):
            raise RunFolderError(
                f"'{self.partial}' holds unfinished work of another command, or on data or a model "
                "that have changed since: remove it, or put this one in its place with `force=True`"
            )

    def _open(self) -> None:
        try:
            self.partial.mkdir(parents=True)
            with writing(self.partial / PLAN) as path:
                write_text(path, json.dumps(self._plan, indent=2))
            self._held = _hold(self.partial)
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held:
            self._held.close()

    def finish(self) -> Path:
        """Gives the folder its final name; returns it."""
        with explaining_storage(self.final):
            _make_room(self.final)
            # the plan goes last: what an interruption leaves must be known as this command's
            self.partial.rename(self.final)
            (self.final / PLAN).unlink()
        return self.final

    def discard(self) -> None:
        """Removes the work in progress, and the folders made for it that are left empty."""
        with suppress(OSError):
            _remove(self.partial)
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()


def check_contents(folder: Path) -> None:
    """Refuses a run's folder in which something is no file and no folder, or leads out of it.

    A pipe may never end, a device may do anything, and a link may lead to what is not the run's.

    Args:
        folder: The folder; it may be a link itself. Where there is none, nothing is refused.

    Raises:
        RunFolderError: If there is such a thing; names it.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if found := _foreign(path, folder):
                raise RunFolderError(
                    f"'{path}': expected a file or a folder of the run, found {found}"
                )


def _foreign(path: Path, folder: Path) -> str | None:
    """What something in a folder is that is none of a run's own; None if it is."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):  # pathlib raises where links go in a circle
        within = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        return None if within else "a link that leads out of it"
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def partial_of(final: Path) -> Path:
    """Where the work in progress of a run folder lives.

    Raises:
        RunFolderError: If the folder has no name of its own, as "." has none.
    """
    if final.name in ("", ".."):
        raise RunFolderError(f"'{final}': expected the name of a folder that can be made")
    return final.with_name(final.name + ".partial")


def next_free(name: str, plan: dict[str, object], runs: Path = RUNS) -> Path:
    """The next free `runs/<name>-<n>`, or the one where this very plan was left unfinished.

    That may be one that has got its name, and was stopped before its plan was removed.
    """
    number = 1
    while True:
        final = runs / f"{name}-{number}"
        partial = partial_of(final)
        ours = has_plan(partial, plan) and not _is_held(partial)
        if has_plan(final, plan) or (_is_free(final) and (_is_free(partial) or ours)):
            return final
        number += 1


def _hold(partial: Path) -> IO[bytes] | None:
    """Locks work in progress for this process; None where there is none, or no way to lock.

    The lock goes with the process, however that ends.

    Raises:
        RunFolderError: If another process holds it.
    """
    if fcntl is None or not (partial / PLAN).is_file():
        return None
    file = (partial / PLAN).open("rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise RunFolderError(
            f"'{partial}' is in use by another process: wait for it, or choose another folder"
        ) from error
    return file


def _is_held(partial: Path) -> bool:
    try:
        held = _hold(partial)
    except RunFolderError:
        return True
    if held:
        held.close()
    return False


def forget_plan(final: Path) -> None:
    """Removes the plan that an interruption at the very end left in a finished folder."""
    if (final / PLAN).exists():
        with explaining_storage(final):
            (final / PLAN).unlink()


def has_plan(folder: Path, plan: dict[str, object]) -> bool:
    """Whether a folder holds work of this very plan that is not done to its last name."""
    try:
        found = read_json(folder / PLAN)
    except (OSError, ValueError):
        return False
    return bool(found == json.loads(json.dumps(plan)))


def _is_free(path: Path) -> bool:
    """Whether nothing of value stands there: at most an empty folder, or the start of a plan."""
    if not path.is_dir():
        return not (path.exists() or path.is_symlink())
    return all(_is_temporary(entry) for entry in path.iterdir())


def is_ours(path: Path) -> bool:
    """Whether a folder was made by a run."""
    return path.is_dir() and any((path / name).is_file() for name in OURS)


def is_watched(path: Path) -> bool:
    """Whether a run's folder holds what a watch has seen, which no run can give back."""
    kept = (entry.name.partition(BEFORE)[0] for entry in path.iterdir())
    return MONITOR in kept


def _make_room(path: Path) -> None:
    """Removes a run's folder, and moves aside what somebody else, or a watch, has put there."""
    if _is_free(path) or (is_ours(path) and not is_watched(path)):
        _remove(path)
    else:
        move_aside(path)


def move_aside(path: Path) -> Path:
    """Gives a folder another name beside its own, with the next free number; returns that.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "run").mkdir()
        ...     move_aside(Path(folder) / "run").name
        'run.before-1'
    """
    number = 1
    while (aside := path.with_name(f"{path.name}{BEFORE}{number}")).exists():
        number += 1
    return path.rename(aside)


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def _remove_temporaries(folder: Path) -> None:
    """Removes files that a killed process was writing."""
    for entry in folder.iterdir():
        if _is_temporary(entry):
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
