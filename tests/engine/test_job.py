"""Work that is known by its plan, apart from what any work is about."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rafair.engine.job import Document, Job
from rafair.engine.run_folder import RunFolder
from rafair.engine.run_settings import RunSettings
from rafair.errors import DataFileError, InputError, RunFolderError, StorageError

PLAN = {"schema_version": 1, "add": [1, 2]}


def find(folder: Path, digest: str) -> Document | None:
    try:
        document: Document = json.loads((folder / "audit.json").read_text())
    except OSError:
        return None
    if document["plan"] != digest:
        return None
    if (folder / "file").read_text() != document["file"]:
        raise RunFolderError("altered")
    return document


class Notes:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


class Adding:
    """A job that adds, in a place of its own; counts how often it was really done."""

    def __init__(self, out: Path | None, plan: dict[str, Any] = PLAN, **options: Any) -> None:
        self.notes, self.times, self.ended = Notes(), 0, 0
        identified = options.pop("identified", True)
        settings = RunSettings(out=out, progress=self.notes, **options)  # type: ignore[arg-type]
        self.job = Job("sum", "sum", plan, settings, find, identified=identified)

    def work(self, folder: RunFolder) -> Document:
        self.times += 1
        (folder.partial / "work").mkdir(exist_ok=True)
        (folder.partial / "file").write_text("content")
        document = {"sum": sum(self.job.plan["add"]), "plan": self.job.digest, "file": "content"}
        (folder.partial / "audit.json").write_text(json.dumps(document))
        return document

    def end(self, document: Document, folder: Path) -> None:
        assert document["sum"] == sum(self.job.plan["add"])
        (folder / "picture").write_text("drawn")
        self.ended += 1

    def __call__(self) -> Document:
        done = self.job.done_before() or self.job.do(self.work, self.end)
        return done.document


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def raising(error: BaseException) -> Callable[..., Document]:
    def work(*_: object) -> Document:
        raise error

    return work


def left_all_but_done(out: Path) -> None:
    """Stops a job when nothing is missing but the last step before the name."""
    adding = Adding(out)
    with pytest.raises(KeyboardInterrupt):
        adding.job.do(adding.work, raising(KeyboardInterrupt()))


def test_what_is_done_is_whole_and_is_not_done_again(tmp_path):
    out = tmp_path / "run"
    first, second = Adding(out), Adding(out)
    assert first() == second()
    assert (first.times, second.times, second.ended) == (1, 0, 0)
    assert names(tmp_path) == {"run"}
    assert names(out) == {"audit.json", "file", "picture"}
    assert second.notes.said == [f"done before: '{out}' holds this very sum"]


def test_what_was_altered_since_is_told_unless_it_is_to_be_replaced(tmp_path):
    out = tmp_path / "run"
    Adding(out)()
    (out / "file").write_text("Content")
    with pytest.raises(RunFolderError, match="altered"):
        Adding(out)()
    for options in ({}, {"keep": True}):
        (out / "file").write_text("Content")
        again = Adding(out, force=True, **options)
        again()
        assert again.times == 1
        assert (out / "file").read_text() == "content"


def test_force_does_it_again_unless_what_is_done_is_to_be_kept(tmp_path):
    out = tmp_path / "run"
    Adding(out)()
    for options, times in (({}, 1), ({"keep": True}, 0)):
        again = Adding(out, force=True, **options)
        again()
        assert again.times == times
    other = Adding(out, PLAN | {"add": [3]}, force=True, keep=True)
    assert other()["sum"] == 3


def test_another_plan_is_refused(tmp_path):
    Adding(tmp_path / "run")()
    with pytest.raises(RunFolderError, match="expected a new or empty folder"):
        Adding(tmp_path / "run", PLAN | {"add": [3]})()


@pytest.mark.parametrize("force", [False, True])
def test_force_does_not_undo_what_was_stopped_before_its_plan_went(tmp_path, force):
    out = tmp_path / "run"
    Adding(out)()
    (out / "plan.json").write_text(json.dumps(PLAN))
    again = Adding(out, force=force)
    again()
    assert again.times == 0
    assert "plan.json" not in names(out)


def test_what_is_all_but_done_gets_its_name(tmp_path):
    out = tmp_path / "run"
    left_all_but_done(out)
    again = Adding(out)
    again()
    assert (again.times, again.ended) == (0, 1)
    assert again.notes.said == ["carrying on where it was left: all parts are done"]
    assert names(tmp_path) == {"run"}
    assert names(out) == {"audit.json", "file", "picture"}


def test_what_is_all_but_done_and_was_altered_is_made_again(tmp_path):
    left_all_but_done(tmp_path / "run")
    (tmp_path / "run.partial" / "file").write_text("Content")
    again = Adding(tmp_path / "run")
    again()
    assert again.times == 1
    assert again.notes.said == []


def test_what_is_not_known_for_sure_is_always_done_anew(tmp_path):
    out = tmp_path / "run"
    left_all_but_done(out)
    again = Adding(out, identified=False)
    again()
    assert again.times == 1
    (out / "plan.json").write_text(json.dumps(PLAN))
    assert again.job.done_before() is None
    with pytest.raises(RunFolderError, match="expected unfinished work of this very command"):
        Adding(out, identified=False).job.do(again.work, resume=True)


@pytest.mark.parametrize(
    ("error", "resumed", "kept"),
    [
        (InputError("wrong"), False, False),
        (InputError("wrong"), True, True),
        (DataFileError("another file"), True, False),
        (StorageError("full"), False, True),
        (KeyboardInterrupt(), False, True),
    ],
)
def test_what_is_left_when_the_work_fails(tmp_path, error, resumed, kept):
    if resumed:
        with pytest.raises(KeyboardInterrupt):
            Adding(tmp_path / "run").job.do(raising(KeyboardInterrupt()))
    with pytest.raises(type(error)):
        Adding(tmp_path / "run").job.do(raising(error))
    assert names(tmp_path) == ({"run.partial"} if kept else set())


def test_what_the_disk_refused_is_kept(tmp_path):
    error = InputError("cannot be written")
    error.__cause__ = PermissionError()
    with pytest.raises(InputError):
        Adding(tmp_path / "run").job.do(raising(error))
    assert names(tmp_path) == {"run.partial"}


def test_to_resume_there_must_be_something(tmp_path):
    out = tmp_path / "run"
    adding = Adding(out)
    with pytest.raises(RunFolderError, match=r"^resume: expected unfinished work .* `resume` it"):
        adding.job.do(adding.work, resume=True)
    assert names(tmp_path) == set()
    left_all_but_done(out)
    adding.job.do(adding.work, resume=True)
    assert adding.times == 0


def test_without_a_place_it_takes_the_next_or_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Adding(None)()["sum"] == 3
    assert names(tmp_path / "runs") == {"sum-1"}
    with pytest.raises(KeyboardInterrupt):
        Adding(None).job.do(raising(KeyboardInterrupt()))
    Adding(None, PLAN | {"add": [3]})()
    assert names(tmp_path / "runs") == {"sum-1", "sum-2.partial", "sum-3"}
    Adding(None)()
    assert names(tmp_path / "runs") == {"sum-1", "sum-2", "sum-3"}


def test_a_temporary_place_goes_with_the_result(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for error in (InputError("wrong"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            Adding(None, temporary=True).job.do(raising(error))
    adding = Adding(None, temporary=True)
    assert adding.job.done_before() is None
    assert names(tmp_path) == set()
    done = adding.job.do(adding.work)
    assert done.temporary == done.folder.parent
    assert done.folder.parent.parent == tmp_path


def test_the_digest_does_not_depend_on_the_order_of_the_plan(tmp_path):
    job = Adding(tmp_path / "run").job
    turned = dict(reversed(job.plan.items()))
    assert replace(job, plan=turned).digest == job.digest
    assert replace(job, plan=PLAN | {"add": [2, 1]}).digest != job.digest
