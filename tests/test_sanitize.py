"""No text of others acts: neither on a terminal, nor on a CI server that reads the log."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from commands import call
from rafair.sanitize import visible

COMMANDS = ("::error::x", "::error file=a::x", "::set-output name=a::b", "::add-mask::x",
            "::stop-commands::x", "::ERROR::x", "##[error]x", "##vso[task.complete]x",
            "##teamcity[x]", "##[add-matcher]x")  # fmt: skip


def acts(line: str) -> bool:
    """Whether GitHub, Azure or TeamCity would take a line for a command, wherever it is broken."""
    return re.search(r"::[a-z-]+( .*)?::|##(\[|vso\[|teamcity\[)", line, re.IGNORECASE) is not None


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_spelt_out_wherever_a_line_may_be_broken(text):
    for around in ("{}", "  {}", "name {} of", "x{}"):
        given = around.format(text)
        assert acts(given)
        assert not acts(visible(given))
        assert visible(visible(given)) == visible(given)


def test_names_that_only_look_like_it_stay():
    for text in ("std::vector", "a::b", "::", "12::30", "# heading", "## heading", "::errors::x"):
        assert visible(text) == text


def test_no_line_of_a_command_is_one(tmp_path, monkeypatch):
    """Names of columns, levels, classes and files, in results, notes and errors."""
    monkeypatch.chdir(tmp_path)
    columns = {
        "::error::col": ["::warning::a", "::debug::b"] * 40,
        "::group::n": [*range(40)] * 2,
        "y": ["::notice::no", "::error::yes"] * 40,
    }
    frame = pd.DataFrame(columns)
    frame.to_csv("::error::data.csv", index=False)
    (tmp_path / "m.py").write_text("def f(rows):\n    return rows[:, :2]\n")
    own = ("--data", "::error::data.csv", "--label", "y", "--sensitive", "::error::col")
    audit = ("audit", *own, "--model", "m.py:f", "--model-classes", "::notice::no,::error::yes")
    shown = []
    for words in (
        (*audit, "--steps", "1", "--instances", "20", "--out", "::error::run"),
        (*audit, "--steps", "1", "--instances", "20", "--out", "::error::run"),
        (
            "schema",
            "infer",
            "--data",
            "::error::data.csv",
            "--label",
            "y",
            "--sensitive",
            "::error::x",
        ),
        ("audit", "--data", "::error::no.csv"),
        ("diff", "::error::run", "::error::run"),
        ("report", "::error::run", "--out", "-", "--format", "markdown"),
        ("audit", "::error::x"),
    ):
        done = call(*words)
        assert done.code in (0, 2), done.err
        shown += (done.out + done.err).splitlines()
    lines = [line for line in shown if line.lstrip().startswith(("::", "##["))]
    assert lines == []
    assert any("U+003A" in line for line in shown)
