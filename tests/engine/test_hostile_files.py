"""What others put into a folder is neither followed, nor read without end, nor believed twice."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from commands import call
from rafair.engine.atomic_files import (
    copy_file,
    read_regular,
    write_synced,
    writing,
    writing_folder,
)
from rafair.engine.run_folder import check_contents
from rafair.engine.text_file import json_in, read_json
from rafair.engine.toml_file import read_toml
from rafair.errors import InputError, RunFolderError

# files under way ------------------------------------------------------------------------------


def test_a_file_under_way_has_a_name_that_nobody_foresees_and_is_its_own(tmp_path):
    with writing(tmp_path / "a") as one, writing(tmp_path / "a") as other:
        assert one != other
        assert one.is_file()
        assert not one.is_symlink()
        one.write_text("1")
        other.write_text("2")
    assert (tmp_path / "a").read_text() in "12"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_planted_links_lead_nowhere(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("a", f".a.{os.getpid()}.tmp", ".a.tmp"):
        (folder / name).symlink_to(outside)
    with writing(folder / "a") as path:
        path.write_text("new")
    assert outside.read_text() == "mine"
    assert not (folder / "a").is_symlink()
    assert (folder / "a").read_text() == "new"
    copy_file(folder / "a", folder / "b")
    (folder / "c").symlink_to(outside)
    with pytest.raises(FileExistsError):
        write_synced(folder / "c", b"new")
    (folder / "d").symlink_to(tmp_path)
    with pytest.raises(InputError, match="cannot be written"), writing_folder(folder / "d") as made:
        (made / "x").write_text("new")
    assert outside.read_text() == "mine"


def test_rights_of_files_are_those_of_other_programs(tmp_path):
    with writing(tmp_path / "a") as path:
        path.write_text("")
    (tmp_path / "b").write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"}
    assert len(modes) == 1


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    gone = 2**22 + 7  # above the most that a system gives
    left = [f".a.{gone}.tmp", f".a.{gone}.{'0f' * 8}.tmp"]
    kept = [f".b.{gone}.tmp", f".a.{os.getpid()}.{'0f' * 8}.tmp", f".a.{gone}.x.tmp", ".a.tmp"]
    for name in left + kept:
        (tmp_path / name).write_text("")
    with writing(tmp_path / "a") as path:
        path.write_text("")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", *kept])


def test_a_pipe_and_a_device_are_written_to(tmp_path):
    with writing(Path("/dev/null")) as path:
        assert path == Path("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    with writing(tmp_path / "pipe") as path:
        assert path == tmp_path / "pipe"
    (tmp_path / "link").symlink_to("/dev/null")  # not as the system names it
    with writing(tmp_path / "link") as path:
        path.write_text("new")
    assert (tmp_path / "link").read_text() == "new"


# run folders ----------------------------------------------------------------------------------


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        server.bind(path.name)
        os.chdir(here)


def link_to(target: str):
    return lambda path: path.symlink_to(target)


FOREIGN = {
    "a pipe": (pipe, "a pipe"),
    "a socket": (listening, "a device or a socket"),
    "a device": (link_to("/dev/zero"), "a link that leads out of it"),
    "a file elsewhere": (link_to("/etc/hostname"), "a link that leads out of it"),
    "a folder elsewhere": (link_to("../../../.."), "a link that leads out of it"),
    "nothing": (link_to("../../../../gone"), "a link that leads out of it"),
}


@pytest.mark.parametrize(("plant", "what"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_none_of_a_run_s_own_is_refused(plant, what, tmp_path):
    for place in ("", "monitor", "shards/00001"):
        run = tmp_path / f"run-{len(place)}"
        (run / place).mkdir(parents=True)
        check_contents(run)
        plant(run / place / "x")
        with pytest.raises(
            RunFolderError, match=f"x': expected a file or a folder .*, found {what}"
        ):
            check_contents(run)


def test_links_within_a_folder_and_to_it_are_no_fault(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "a").write_text("")
    (run / "b").symlink_to("a")
    (run / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(run)
    check_contents(run)
    check_contents(tmp_path / "link")
    check_contents(tmp_path / "none")


COMMANDS = {
    "gate": lambda run: ("gate", run, "--policy", "policy.toml"),
    "diff": lambda run: ("diff", run, run),
    "report": lambda run: ("report", run),
    "repair": lambda run: ("repair", run, "--out", "repaired"),
    "monitor init": lambda run: ("monitor", "init", run),
    "monitor check": lambda run: ("monitor", "check", run, "--data", "rows.csv"),
    "monitor report": lambda run: ("monitor", "report", run),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_that_takes_a_run_folder_refuses_it(
    command, watched_plainly, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = shutil.copytree(watched_plainly, tmp_path / "run")
    Path("rows.csv").write_text("id,age\n1,20\n")
    Path("policy.toml").write_text(
        'version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.1\n'
    )
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (run / "report.html").unlink(missing_ok=True)
    (run / "report.html").symlink_to(secret)
    done = call(*command(run))
    assert done.code == 2, done.err
    assert "expected a file or a folder of the run, found a link" in done.err
    assert secret.read_text() == "mine"


# documents ------------------------------------------------------------------------------------


def test_only_regular_files_of_a_bearable_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(path, 10)
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", 5) == b"12345"
    with pytest.raises(ValueError, match="5 bytes, of which 4 are read"):
        read_regular(tmp_path / "a", 4)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**36)  # a hole, which takes no room
    with pytest.raises(ValueError, match=r"68,719,476,736 bytes"):
        read_json(tmp_path / "large.json")
    for name, words in (("large.json", "more than 67,108,864 bytes"), ("gone", "no such file")):
        with pytest.raises(InputError) as told:
            read_toml(tmp_path / name, "a policy")
        assert str(told.value) == f"'{tmp_path / name}': expected a policy, found {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c': expected once, found more than once"),
        ('{"a\\u200b": 1, "a\\u200b": 1}', r"key 'a⟨U\+200B⟩': expected once"),
        ("[NaN]", "expected numbers as JSON writes them, found NaN"),
        ("[-Infinity]", "numbers as JSON writes them, found -Infinity"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
    ],
)
def test_documents_that_programs_read_in_different_ways_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        json_in(text.encode())


def test_what_rafair_writes_itself_it_reads(watched_plainly):
    for path in watched_plainly.rglob("*.json"):
        assert json.dumps(read_json(path)) == json.dumps(json.loads(path.read_bytes()))
