"""Work that is known by its plan: its place, whether it was done before, how it ends."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from rafair.engine.atomic_files import removing_on_failure
from rafair.engine.run_folder import RunFolder, forget_plan, has_plan, next_free, partial_of
from rafair.engine.run_settings import RunSettings
from rafair.errors import DataFileError, InputError, RunFolderError

Document: TypeAlias = dict[str, object]
"""What is said of finished work, as plain values."""

Find: TypeAlias = Callable[[Path, str], Document | None]
"""The document of a folder with work of a plan's digest that is wholly there; None of any other.

It looks at the files, and raises `InputError` if one is not as it was written.
"""


def digest(plan: dict[str, object]) -> str:
    """The hash of a plan, by which work of the same plan is known."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Done:
    """Finished work.

    Args:
        document: What is said of it.
        folder: Its folder.
        temporary: A folder around it that goes with the result, if any.
    """

    document: Document
    folder: Path
    temporary: Path | None = None


@dataclass(frozen=True)
class Job:
    """One piece of work in a folder of its own, which is done once however often it is stopped.

    Args:
        what: What it makes, in one word.
        name: What its folder below `runs` is called, where no place is given.
        plan: What decides all that it makes, as plain JSON values.
        settings: How and where.
        find: Finds what was done.
        identified: Whether equal plans give equal results for sure; else nothing is carried on,
            nor counts as done before.
        scratch: The folder within its own that only unfinished work needs.

    Example:
        >>> def find(folder, digest):
        ...     path = folder / "sum.json"
        ...     found = json.loads(path.read_text()) if path.exists() else {}
        ...     return found if found.get("plan") == digest else None
        >>> def work(folder):
        ...     document = {"sum": 1 + 2, "plan": job.digest}
        ...     (folder.partial / "sum.json").write_text(json.dumps(document))
        ...     return document
        >>> with tempfile.TemporaryDirectory() as place:
        ...     job = Job("sum", "sum", {"add": [1, 2]}, RunSettings(out=Path(place, "run")), find)
        ...     before, done, after = job.done_before(), job.do(work), job.done_before()
        >>> before, done.document["sum"], after.document["sum"]
        (None, 3, 3)
    """

    what: str
    name: str
    plan: dict[str, object]
    settings: RunSettings
    find: Find
    identified: bool = True
    scratch: str = "work"

    @cached_property
    def digest(self) -> str:
        """The hash of the plan."""
        return digest(self.plan)

    @cached_property
    def place(self) -> Path:
        """The folder that holds all at the end."""
        if self.is_temporary:
            return Path(tempfile.mkdtemp(prefix="rafair-")) / self.what
        return self.settings.out or next_free(self.name, self.plan)

    def done_before(self) -> Done | None:
        """What stands at its place, if it is this very work.

        Raises:
            InputError: If it is, but a file in it is not as it was written.
        """
        settings = self.settings
        if self.is_temporary or not self.identified:
            return None
        # force is not meant to undo what was stopped when it had its name, before its plan went
        if settings.force and not (settings.keep or has_plan(self.place, self.plan)):
            return None
        document = self._found(self.place, strict=not settings.force)
        if document is None:
            return None
        forget_plan(self.place)
        settings.progress.note(f"done before: '{self.place}' holds this very {self.what}")
        return Done(document, self.place)

    def do(
        self,
        work: Callable[[RunFolder], Document],
        end: Callable[[Document, Path], object] = lambda document, folder: None,
        *,
        resume: bool = False,
    ) -> Done:
        """Does the work, or carries it on where it was left.

        Args:
            work: Does what is left to do in a folder's `partial`; the last that it writes there is
                what `find` knows it by.
            end: Told the document and that folder when all is done but the name.
            resume: Whether there must be something to carry on.

        Raises:
            InputError: If the place is refused, or the work finds that something is wrong: then it
                leaves nothing behind, but what was there before or the disk refused.
            IncompleteError: If results cannot be stored; what was done is kept.
        """
        partial, progress = partial_of(self.place), self.settings.progress
        if resume and not (self.identified and has_plan(partial, self.plan)):
            raise RunFolderError(
                f"resume: expected unfinished work of this very command in '{partial}', found "
                "none; without `resume` it begins"
            )
        around = self.place.parent if self.is_temporary else None
        force = self.settings.force
        with (
            removing_on_failure(around),
            RunFolder(self.place, self.plan, force=force, resume=self.identified) as folder,
        ):
            document = self._found(partial, strict=False)
            if document is None:
                document = _discarding(folder, work)
            else:
                progress.note("carrying on where it was left: all parts are done")
            end(document, partial)
            shutil.rmtree(partial / self.scratch, ignore_errors=True)
            return Done(document, folder.finish(), around)

    @property
    def is_temporary(self) -> bool:
        """Whether its folder goes with the result, and with a failure."""
        return self.settings.temporary and not self.settings.out

    def _found(self, folder: Path, *, strict: bool) -> Document | None:
        """What `find` finds; what was altered since is told if `strict`, else made again."""
        try:
            return self.find(folder, self.digest)
        except InputError:
            if strict:
                raise
            return None


def _discarding(folder: RunFolder, work: Callable[[RunFolder], Document]) -> Document:
    """Does the work; wrong input that is found on the way leaves nothing behind."""
    try:
        return work(folder)
    except InputError as error:
        refused_by_the_disk = isinstance(error.__cause__, OSError)
        # the plan names this very file, so nothing can come of it
        hopeless = isinstance(error, DataFileError)
        if hopeless or not (folder.resumed or refused_by_the_disk):
            folder.discard()
        raise
