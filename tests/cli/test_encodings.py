"""Terminals, pipes and files of any encoding: nothing that is said or saved ends a command."""

from __future__ import annotations

import codecs
import io
import json
import os
import subprocess
import sys
import tomllib
from itertools import cycle

import pytest

import foreign_names
from commands import call, call_in, rafair
from foreign_names import AGE, AUDIT, LABEL, MODEL, SEX
from rafair.cli import main, standard_streams
from rafair.gating.starter_policy import FIRST_POLICY

ENCODINGS = ["latin-1", "cp1252", "cp437", "cp932", "ascii", "utf-16", "cp037"]
PROGRAM = "from rafair.cli.main import main; main()"

FOR_PEOPLE = {
    "schema check": ("schema", "check", "schema.toml", "people.csv"),
    "misfits": ("schema", "check", "schema.toml", "misfits.csv"),
    "audit": AUDIT,
    "report": ("report", "run"),
    "gate": ("gate", "run", "--policy", "policy.toml"),
    "diff": ("diff", "run", "run", "--all"),
    "monitor check": ("monitor", "check", "run", "--data", "people.csv", *MODEL),
    "monitor report": ("monitor", "report", "run"),
    "data list": ("data", "list"),
    "data show": ("data", "show", "affairs"),
    "help": ("audit", "--help"),
    "an unknown name": ("gate", "run", "--policy", "½.toml"),
    "an unknown option": ("gate", "--größe"),
}
CODES = {"misfits": 2, "an unknown name": 2, "an unknown option": 2}

DOCUMENTS = {
    "policy": ("gate", "--init"),
    "schema": ("schema", "infer", "people.csv", "--label", LABEL, "--sensitive", SEX),
    "json": ("schema", "check", "schema.toml", "people.csv", "--json", "-"),
    "page": ("report", "run", "--out", "-"),
    "markdown": ("report", "run", "--format", "markdown", "--out", "-"),
    "cases": ("report", "run", "--format", "csv", "--out", "-"),
    "card": ("report", "run", "--format", "model-card", "--out", "-"),
    "gate json": ("gate", "run", "--policy", "policy.toml", "--json", "-"),
    "gate markdown": ("gate", "run", "--policy", "policy.toml", "--format", "markdown"),
    "gate github": ("gate", "run", "--policy", "policy.toml", "--format", "github"),
    "diff markdown": ("diff", "run", "run", "--format", "markdown", "--all"),
    "diff json": ("diff", "run", "run", "--format", "json"),
    "audit json": (*AUDIT, "--json", "-"),
    "data json": ("data", "show", "affairs", "--json", "-"),
}


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A finished audit, and a watch of its model, of a table with names in several alphabets."""
    folder = tmp_path_factory.mktemp("名前")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        foreign_names.bring(folder)
        rafair("monitor", "init", "run", "--data", "people.csv", *MODEL, "--probes", "none")
        # so that there is something to report, whichever test comes first
        rafair("monitor", "check", "run", "--data", "people.csv", *MODEL)
    text = (folder / "people.csv").read_text(encoding="utf-8")
    (folder / "misfits.csv").write_text(text.replace("男", "ЖЖ"), encoding="utf-8")
    return folder


@pytest.fixture
def here(brought, monkeypatch):
    monkeypatch.chdir(brought)
    return brought


@pytest.mark.parametrize(
    ("command", "encoding"), [*zip(FOR_PEOPLE, cycle(ENCODINGS), strict=False)]
)
def test_what_is_for_people_is_written_in_their_encoding(here, command, encoding):
    done = call_in(encoding, *FOR_PEOPLE[command])
    assert done.code == CODES.get(command, 0), done.err
    assert len(done.err.decode(encoding).splitlines()) <= 1
    assert done.out.decode(encoding).strip() or done.err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_shows_all_lines(encoding):
    expected = call("data", "list").out
    found = call_in(encoding, "data", "list").out.decode(encoding)
    assert [len(line) for line in found.splitlines()] == [
        len(line) for line in expected.splitlines()
    ]
    assert call_in(encoding, "gate", "--init").out.decode("utf-8") == FIRST_POLICY


@pytest.mark.parametrize(("name", "encoding"), [*zip(DOCUMENTS, cycle(ENCODINGS), strict=False)])
def test_documents_are_utf8_whatever_the_terminal(here, name, encoding):
    expected = call_in("utf-8", *DOCUMENTS[name])
    assert expected.code == 0
    assert expected.out.decode("utf-8").strip()
    assert call_in(encoding, *DOCUMENTS[name]).out == expected.out


@pytest.mark.parametrize("name", ["policy", "schema", "json", "cases"])
def test_on_a_terminal_documents_are_text_in_its_encoding(here, name):
    done = call_in("cp1252", *DOCUMENTS[name], terminal=True)
    assert done.code == 0
    assert done.out.decode("cp1252")[:1].isascii()  # no byte order mark, nor what stands for it
    assert len(done.out.splitlines()) == len(call(*DOCUMENTS[name]).out.splitlines())


def test_what_was_saved_by_redirection_can_be_read_back(here, tmp_path):
    for name in ("policy", "schema"):
        content = call_in("cp437", *DOCUMENTS[name]).out
        tomllib.loads(content.decode())
        (tmp_path / f"{name}.toml").write_bytes(content)
    rafair("schema", "check", tmp_path / "schema.toml", "people.csv")
    assert call("gate", "run", "--policy", tmp_path / "policy.toml").code in (0, 1)
    assert json.loads(call_in("ascii", *DOCUMENTS["audit json"]).out)["dataset"]["sensitive"] == {
        SEX: 3
    }


def test_lines_of_a_watch_are_utf8(here, monkeypatch):
    (here / "inbox").mkdir()
    text = (here / "people.csv").read_text(encoding="utf-8")
    (here / "inbox" / "a.csv").write_text(text, encoding="utf-8")
    watch = ("monitor", "watch", "run", "inbox", "--once", "--store", "other.sqlite", *MODEL)
    done = call_in("ascii", *watch, "--json", "-")
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.decode("utf-8").splitlines()]
    assert [line["n"] for line in lines] == [60]


def test_a_narrow_terminal_of_ascii_shows_tables(here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    for command in (AUDIT, FOR_PEOPLE["data list"]):
        done = call_in("ascii", *command, terminal=True)
        assert done.code == 0, done.err
        assert done.out.decode("ascii")


def test_a_name_in_a_message_can_be_told_where_it_cannot_be_written(here):
    done = call_in("ascii", "gate", "run", "--policy", f"{AGE}.toml", errors="backslashreplace")
    assert done.code == 2
    assert AGE.encode("ascii", "backslashreplace") in done.err


@pytest.mark.parametrize("errors", ["strict", "surrogateescape", "surrogatepass"])
def test_signs_of_ours_keep_their_meaning(errors):
    out = io.TextIOWrapper(io.BytesIO(), "ascii", errors, write_through=True)
    with pytest.MonkeyPatch.context() as patch, standard_streams.usable_streams():
        patch.setattr(sys, "stdout", out)
        with standard_streams.usable_streams():
            out.write("−0.2 0.71–0.83 a × b … größe ⟨U+202E⟩ \udcff")
    assert out.buffer.getvalue() == b"-0.2 0.71-0.83 a x b ... gr??e <U+202E> ?"


@pytest.mark.parametrize("errors", ["ignore", "backslashreplace", "xmlcharrefreplace"])
def test_a_handler_that_a_user_chose_stays(errors, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii", errors)
    monkeypatch.setattr(sys, "stdout", out)
    with standard_streams.usable_streams():
        assert out.errors == errors


def test_our_handler_is_one_of_encoding_only():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", errors=_registered())


def _registered() -> str:
    codecs.register_error("rafair.test", standard_streams.nearest)
    return "rafair.test"


def test_a_library_finds_its_streams_as_they_were():
    program = (
        "import sys; before = sys.stdout, sys.stderr, sys.stdout.errors, sys.stderr.errors\n"
        "import rafair.cli.main as main\n"
        "assert before == (sys.stdout, sys.stderr, sys.stdout.errors, sys.stderr.errors)\n"
        "main.run(['gate', '--init'])\n"
        "assert before == (sys.stdout, sys.stderr, sys.stdout.errors, sys.stderr.errors)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_the_traceback_of_a_bug_is_kept_whatever_is_in_it(monkeypatch, tmp_path):
    def broken(*_, **__):
        raise RuntimeError("Größe \udcff")

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.setattr(main.tempfile, "tempdir", str(tmp_path))
    done = call_in("ascii", "gate")
    assert done.code == 70
    (log,) = tmp_path.glob("rafair-*.log")
    assert str(log).encode() in done.err
    assert "RuntimeError: Größe \\udcff" in log.read_text(encoding="utf-8")
    monkeypatch.setattr(main.tempfile, "tempdir", str(tmp_path / "none"))
    done = call_in("ascii", "gate")
    assert done.code == 70
    assert done.err.startswith(b"rafair: a bug in rafair; its traceback could not be written: ")
    assert len(done.err.splitlines()) == 1


class _Gone(io.RawIOBase):
    """A stream whose reader has gone."""

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("command", [AUDIT, ("gate", "run", "--policy", "none.toml")])
def test_a_stderr_that_nobody_reads_changes_nothing(here, command, monkeypatch):
    expected = call(*command)
    assert expected.err
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(_Gone(), "utf-8", write_through=True))
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert main.run([str(word) for word in command]) == expected.code
    assert out.getvalue() == expected.out


@pytest.mark.parametrize("code", ["2>&-", "2>/dev/full"])
def test_a_stderr_that_takes_nothing_leaves_stdout_clean(code):
    script = f'exec "$@" {code}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-c", PROGRAM, "gate", "none"],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_closed_stdin_is_told_in_one_line(here, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    for command in (("check", "run", "--data", "-"), ("watch", "run", "-")):
        done = call("monitor", *command, *MODEL)
        assert done.code == 2
        assert "rafair: standard input: cannot be read: it is closed\n" in done.err


def test_an_argument_of_another_encoding_is_refused(tmp_path):
    done = call("schema", "infer", "gr\udcf6\udcdfe.csv", "--label", "a")
    assert done.code == 2
    assert done.err.startswith("rafair: 'gr⟨U+DCF6⟩⟨U+DCDF⟩e.csv': expected an argument in this ")
    assert len(done.err.splitlines()) == 1


def test_the_plainest_locale_is_enough(here):
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", PROGRAM, "schema", "check", "schema.toml", "misfits.csv"]
    done = subprocess.run(command, capture_output=True, check=False, env=os.environ | environment)
    assert done.returncode == 2
    assert done.stderr == b""
    assert done.stdout.isascii()
    assert len(done.stdout.splitlines()) == 20
