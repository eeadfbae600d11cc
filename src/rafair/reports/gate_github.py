"""A gate's decision as GitHub workflow commands: an annotation for each finding."""

from __future__ import annotations

from rafair.gating.gate_decision import Decision, Finding, Status
from rafair.reports.gate_text import numbered
from rafair.sanitize import visible


def gate_github(decision: Decision) -> str:
    """One `::error`, `::warning` or `::notice` for each finding, and one for the verdict."""
    lines = [
        _command(_level(finding), numbered(finding), f"{finding.status}: {finding.sentence}")
        for finding in decision.findings
    ]
    level = "notice" if decision.passed else "error"
    return "\n".join([*lines, _command(level, "rafair gate", decision.verdict)]) + "\n"


def _level(finding: Finding) -> str:
    if finding.blocks:
        return "error"
    return "notice" if finding.status is Status.PASSED else "warning"


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """As the runner reads it back; visible first, so that no escape of a terminal is left.

    Source: `escapeData` and `escapeProperty` in GitHub's actions/toolkit.
    """
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
