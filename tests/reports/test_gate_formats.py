"""A gate's decision in every format, with names that would like to be more than names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import junitparser
import pytest

from rafair.blocks.terminal import as_text
from rafair.gating.gate_decision import Decision, Finding, Measured, RunFacts, Status
from rafair.reports.gate_github import gate_github
from rafair.reports.gate_text import blocks, gate_markdown
from rafair.reports.junit import junit, write_junit

HOSTILE = "a,b: 50%\r\n::error::x\x1b[31m\u202e</testcase>|`@all` <script>\x00\ufffe]]>&"


def finding(number: int, status: Status, blocks: bool, name: str = "gender") -> Finding:
    measured = Measured(0.7, 0.546, 0.819, 40, 28) if status is not Status.NOT_MEASURED else None
    return Finding(
        rule=number,
        title=f"robust.accuracy of rafair, {name} = {name}: at least 0.8",
        status=status,
        blocks=blocks,
        rate="robust.accuracy",
        attack="rafair",
        group=name,
        value=name,
        measured=measured,
        threshold="at_least",
        limit=0.8,
        by="value",
        sentence=f"0.700 [0.546, 0.819], 28 of 40 in {name}: below 0.8",
    )


def decision(name: str = "gender") -> Decision:
    run = RunFacts("runs/new", "a" * 64, name, name, None, "2026-01-01T00:00:00", 200, "0.1.0")
    found = (
        finding(1, Status.PASSED, False, name),
        finding(2, Status.FAILED, True, name),
        finding(2, Status.NOT_JUDGED, False, name),
        finding(3, Status.NOT_MEASURED, True, name),
        finding(4, Status.NOT_MEASURED, False, name),
    )
    return Decision(found, run, replace(run, folder="runs/old"))


def text(shown: Decision, width: int) -> str:
    return as_text(blocks(shown), width)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_terminal_shows_all_within_its_width_and_the_verdict_last(width):
    shown = text(decision(), width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert shown.splitlines()[-1].strip() == "failed: 2 of 4 rules"
    words = " ".join(shown.split())
    assert words.count("not measured") == 2
    assert "runs/old" in words


def test_nothing_steers_the_terminal():
    shown = text(decision(HOSTILE), 100)
    assert not set(shown) & set("\x1b\x00\u202e\r")
    assert "⟨U+202E⟩" in "".join(shown.split())


def test_workflow_commands_are_one_line_each_and_read_back_as_written():
    lines = gate_github(decision(HOSTILE)).splitlines()
    pattern = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")
    found = [pattern.fullmatch(line) for line in lines]
    assert all(found)
    levels = ["notice", "error", "warning", "error", "warning", "error"]
    assert [one[1] for one in found] == levels
    title = found[1][2].replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    assert title.startswith("2. robust.accuracy of rafair, a,b: 50%")
    assert "%25" in found[1][3]
    assert found[-1][3] == "failed: 2 of 4 rules"


def test_markdown_is_a_table_in_which_names_do_nothing():
    shown = gate_markdown(decision(HOSTILE))
    lines = shown.splitlines()
    assert lines[0] == "## rafair gate failed: 2 of 4 rules"
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 7
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 4, row
        assert "<script" not in row.replace(r"\<script", "")
        assert "@all" not in row
    assert "| **failed** |" in rows[3]


def test_junit_is_read_back_by_another_parser(tmp_path):
    path = tmp_path / "out.xml"
    write_junit(decision(HOSTILE), path)
    suites = junitparser.JUnitXml.fromfile(str(path))
    assert (suites.tests, suites.failures, suites.errors, suites.skipped) == (5, 2, 0, 2)
    (suite,) = list(suites)
    cases = list(suite)
    assert len(cases) == suite.tests == 5
    kinds = [type(case.result[0]).__name__ if case.result else "" for case in cases]
    assert kinds == ["", "Failure", "Skipped", "Failure", "Skipped"]
    assert [case.result[0].type for case in cases if case.is_failure] == ["failed", "not measured"]
    properties = {one.name: one.value for one in suite.properties()}
    assert properties["run.sha256"] == "a" * 64
    assert properties["baseline.folder"] == "runs/old"
    # what XML may not hold is spelt out; all else is as it was
    assert "⟨U+0000⟩⟨U+FFFE⟩]]>&" in cases[1].name
    suites.update_statistics()
    assert (suites.tests, suites.failures, suites.skipped) == (5, 2, 2)


def test_junit_of_a_passed_gate_has_no_failures():
    passed = Decision((finding(1, Status.PASSED, False),), decision().run)
    root = ET.fromstring(junit(passed))
    assert root.get("failures") == "0"
    assert root.find(".//failure") is None
