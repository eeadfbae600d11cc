"""A watch that is killed again and again stores what one stores that nobody disturbs."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from kill_watch import (
    Findings,
    Undisturbed,
    Watch,
    disagreements,
    kill_and_compare,
    make_files,
    make_lines,
)

KILLS = 3
ROWS = 30_000
WINDOW = 1_500


@dataclass(frozen=True)
class Peace:
    """A run folder, a stream, and what a watch of it came to in SQLite."""

    run: Path
    files: Path
    found: Undisturbed


@pytest.fixture(scope="module")
def peace(watched_plainly: Path, tmp_path_factory: pytest.TempPathFactory) -> Peace:
    folder = tmp_path_factory.mktemp("peace")
    run = shutil.copytree(watched_plainly, folder / "run")
    files = make_files(folder / "in", ROWS)
    watch = Watch(run, files, str(folder / "undisturbed.sqlite"), WINDOW)
    return Peace(run, files, Undisturbed.of(watch))


def check(found: Findings, counted: dict[str, int]) -> None:
    assert found.disagreements == []
    assert found.kills.landed == KILLS
    assert len(set(found.kills.behind)) == KILLS  # all along the work
    assert {key: found.totals[key] for key in counted} == counted


def test_killed_over_files(peace, place):
    """Into either database: the figures are those of an undisturbed watch with SQLite."""
    counted = {
        "rows": ROWS + 600,
        "labelled": ROWS + 400,
        "quarantined": 600 + 100,
        "duplicates": 600,
        "waiting_labels": 0,
    }
    watch = Watch(peace.run, peace.files, place, WINDOW)
    check(kill_and_compare(peace.found, watch, KILLS), counted)


def test_killed_over_a_pipe_and_all_sent_again(watched_plainly, tmp_path):
    run = shutil.copytree(watched_plainly, tmp_path / "run")
    lines = make_lines(tmp_path / "stream.jsonl", 20_000)
    first, second = (Watch(run, lines, str(tmp_path / name), 1_000) for name in ("one", "two"))
    counted = {"rows": 20_400, "quarantined": 400 + 67, "waiting_labels": 0}
    check(kill_and_compare(Undisturbed.of(first), second, KILLS), counted)


def test_the_comparison_can_fail():
    one = {"totals": {"rows": 3}, "windows": [{"n": 1}, {"n": 2}]}
    other = copy.deepcopy(one)
    assert disagreements(one, other) == []
    other["windows"][1]["n"] = 3
    assert disagreements(one, other) == [".windows[1].n: 2 against 3"]
    del other["windows"][1]
    assert disagreements(one, other) == [".windows: 2 against 1"]
