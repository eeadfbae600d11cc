"""The example of hardening in the docs, run as printed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from commands import rafair

PAGE = Path(__file__).parents[2] / "docs" / "hardening.md"


def test_the_commands_work_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("## An example\n")[2].partition("\n## ")[0]
    commands = [line.strip() for line in section.splitlines() if line.startswith("    rafair ")]
    assert len(commands) == 3
    monkeypatch.chdir(tmp_path)
    out = [" ".join(rafair(*shlex.split(command)[1:]).out.split()) for command in commands]
    # figures differ in the last digits from processor to processor; what is said does not
    assert "Robust accurate fairness at epsilon 0.05 rose from 0." in out[0]
    assert "The hardened model still looks at a row's own age and religious" in out[0]
    trained, wrapped = (
        json.loads(Path(folder, "harden.json").read_text())
        for folder in ("runs/hardened", "runs/consensus")
    )
    robust = [trained[side]["robust"]["0.05"] for side in ("before", "after")]
    gain = robust[1]["accurate_fairness"]["value"] - robust[0]["accurate_fairness"]["value"]
    assert gain > 0.2
    cost = trained["before"]["test"]["accuracy"]["value"]
    assert cost - trained["after"]["test"]["accuracy"]["value"] < 0.02
    for rates in wrapped["after"]["robust"].values():
        assert rates["individual_fairness"]["value"] == 1
