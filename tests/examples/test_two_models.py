"""The example of two models on one table, by the very commands of its README."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import commands
import rafair

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's commands write."""
    made = tmp_path_factory.mktemp("two")
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL))
    lines = blocks.replace("\\\n", " ").replace("runs/two-models", str(made))
    for line in lines.replace("examples/two_models", str(EXAMPLE)).splitlines():
        words = shlex.split(line)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True)
        elif words[0] == "rafair":
            words, _, place = line.partition(" > ")
            done = commands.call(*shlex.split(words)[1:])
            assert done.code == 0, done.err
            if place:
                Path(place.strip()).write_text(done.out)
            (made / "last.txt").write_text(done.out)
    return made


def test_nothing_that_may_move_is_frozen(folder):
    for name in ("logistic", "trees"):
        document = json.loads((folder / name / "audit.json").read_text())
        assert document["feasible"]["too_coarse"] == []
        assert list(document["curve"]) == ["0.01", "0.02"]
        rows = pd.read_parquet(folder / name / "adversarial.parquet")
        income = rows.groupby(["attack", "instance"], observed=True)["raw.income"]
        assert (income.max() - income.min()).max() >= 1


def test_the_difference_is_not_chance(folder):
    compared = rafair.diff(folder / "logistic", folder / "trees")
    change = next(
        one
        for one in compared.changes
        if (one.name.short, one.name.attack, one.name.epsilon)
        == ("robust.accurate_fairness", "strongest", 0.02)
    )
    assert change.difference.high < 0
    assert "epsilon 0.02" in (folder / "last.txt").read_text()
