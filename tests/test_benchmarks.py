"""The suite of benchmarks: what it measures, keeps and compares; never how fast this machine is."""

from __future__ import annotations

import contextlib
import io
import json
import math
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main, subjects
from benchmarks.alone import FailedError, peak_memory
from benchmarks.comparing import THRESHOLD, Change, Mark, compare
from benchmarks.figures import MEMORY, SHARE, STEP, UNITS, Figure
from benchmarks.storing import FIGURES, Stored
from rafair.attacks.registry import ATTACKS

SMALL = ("--epochs", "1", "--instances", "10", "--steps", "1")
ONE = "sweep/verdicts/affairs"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the quick suite stored; each case is small, as nothing is said of seconds here."""
    path = tmp_path_factory.mktemp("bench") / "figures.json"
    options = ["--quick", "--rounds", "1", "--threads", "2", "--store", "--figures", str(path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.measuring.PRODUCT", 256)
        patch.setattr("benchmarks.measuring.Product.OPERATIONS", 2 * 256**3)
        patch.setattr("benchmarks.measuring.LEAST_SECONDS", 0.001)
        patch.setattr("benchmarks.cases.STEPS", 2)
        patch.setattr("benchmarks.cases.EPOCHS", 1)
        patch.setattr("benchmarks.cases.AUDITED", SMALL)
        done = as_a_program(patch, *options)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout.count(" new ") == len(Stored.read(path).figures)
    return path


def as_a_program(patch: pytest.MonkeyPatch, *options: str) -> subprocess.CompletedProcess[str]:
    """What `python -m benchmarks` does, in this process."""
    out, err = io.StringIO(), io.StringIO()
    patch.setattr(sys, "argv", ["", *options])
    patch.delitem(sys.modules, main.__module__)  # it is run anew
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        runpy.run_module("benchmarks", run_name="__main__")
    return subprocess.CompletedProcess(options, ended.value.code, out.getvalue(), err.getvalue())


def figure(ratio: float, spread: float = 0.02, unit: str = "share") -> Figure:
    return Figure(unit=unit, ratio=ratio, low=ratio * (1 - spread), high=ratio * (1 + spread))


def measuring(figures: Path, *options: str) -> int:
    """Measures one case, in this process."""
    quick = ["--quick", "--rounds", "1", "--threads", "2", "--only", ONE]
    return main([*quick, "--figures", str(figures), *options])


def with_ratio(path: Path, folder: Path, factor: float) -> Path:
    """A copy of stored figures in which one is so much higher."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in ("ratio", "low", "high"):
        content["figures"][ONE][key] *= factor
    copy = folder / "figures.json"
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def test_every_case_gives_a_figure(stored):
    figures = Stored.read(stored).figures
    attacks = {f"attack/{name}" for name in ATTACKS}
    network = {f"{way}/{what}" for way in ("sweep", "passes") for what in ("gradients", "verdicts")}
    whole = {"training", "audit/time", "audit/memory"}
    assert figures.keys() == {f"{name}/affairs" for name in attacks | network | whole}
    for name, found in figures.items():
        assert math.isfinite(found.ratio), name
        assert found.ratio > 0, name
        assert found.low <= found.ratio <= found.high, name
        assert found.unit in UNITS, name


def test_stored_figures_come_back_as_they_were(stored, tmp_path):
    kept = Stored.read(stored)
    kept.write(tmp_path / "again.json")
    assert Stored.read(tmp_path / "again.json") == kept
    assert kept.threads == 2
    marks = {change.mark for change in compare(kept.figures, kept.figures)}
    assert marks == {Mark.SAME}


def test_a_slowdown_is_told_and_ends_strict_runs_with_1(stored, tmp_path, capsys):
    # a hundred times: this machine may be busy, and one round has no spread
    better = with_ratio(stored, tmp_path, 100)
    assert measuring(better) == 0
    assert f"Worse than in the last release: {ONE}." in capsys.readouterr().out
    assert measuring(better, "--strict") == 1


def test_storing_says_what_is_no_longer_there(stored, tmp_path, capsys):
    copy = with_ratio(stored, tmp_path, 0.01)
    assert measuring(copy, "--store", "--strict") == 0
    out = capsys.readouterr().out
    assert "better" in out
    assert "No longer there" in out
    assert "training/affairs" in out
    assert Stored.read(copy).figures.keys() == {ONE}


@pytest.mark.parametrize("unit", [SHARE, STEP, MEMORY])
def test_twice_as_good_before_is_worse_now(unit):
    half, twice = figure(1, unit=unit.name), figure(2, unit=unit.name)
    now, last = (half, twice) if unit.higher_is_better else (twice, half)
    assert Change("", now, last).mark is Mark.WORSE
    assert Change("", last, now).mark is Mark.BETTER


def test_small_changes_and_those_within_both_spreads_are_not_marked():
    within = 1 + THRESHOLD - 0.01
    beyond = 1 + THRESHOLD + 0.01
    assert Change("", figure(1), figure(within, 0.001)).mark is Mark.SAME
    assert Change("", figure(1, 0.001), figure(beyond, 0.001)).mark is Mark.WORSE
    assert Change("", figure(1, 0.4), figure(2, 0.4)).mark is Mark.SAME


def test_figures_without_a_former_one_in_their_unit_are_new():
    now = {"a": figure(1), "b": figure(1)}
    found = compare(now, {"b": figure(1, unit="Mop/step"), "c": figure(1)})
    assert [(change.name, change.mark) for change in found] == [("a", Mark.NEW), ("b", Mark.NEW)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"ratio": ', '"ratio": -'),
        lambda text: text.replace('"low": ', '"low": 1e9'),
        lambda text: text.replace('"high"', '"most"'),
        lambda text: text.replace("{", '{"high": NaN, ', 1),
    ],
)
def test_damaged_figures_are_refused_in_one_line(stored, tmp_path, capsys, damage):
    path = tmp_path / "figures.json"
    damaged = damage(stored.read_text(encoding="utf-8"))
    path.write_text(damaged, encoding="utf-8")
    assert measuring(path, "--store") == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"benchmarks: '{path}': expected figures that `python -m benchmarks")
    assert err.count("\n") == 1
    assert path.read_text(encoding="utf-8") == damaged


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "sweeep"], "unknown benchmark 'sweeep': did you mean 'sweep'?"),
        (["--datasets", "adlut"], "unknown data set 'adlut'"),
        (["--rounds", "0"], "rounds: expected a whole number from 1"),
        (["--threads", "0"], "threads: expected a whole number from 1"),
        (["--figures", "no/such/folder/f.json", "--store"], "there is no folder"),
    ],
)
def test_wrong_options_are_refused_in_one_line(tmp_path, capsys, options, message):
    assert main(["--quick", "--figures", str(tmp_path / "none.json"), *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_options_that_cannot_be_read_are_refused_in_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--rounds", "many"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_data_sets_that_are_not_at_hand_are_left_out_with_their_reason(capsys):
    assert [subject.name for subject in subjects(["adult", "affairs"])] == ["affairs"]
    err = capsys.readouterr().err
    assert err.startswith("adult left out: ")
    assert "RAFAIR_DATA" in err
    assert main(["--datasets", "adult"]) == 2


def test_figures_in_the_repository_can_be_read():
    if FIGURES.exists():
        assert Stored.read(FIGURES).figures


def test_memory_of_a_small_program_is_not_that_of_this_process():
    assert 1 < peak_memory(sys.executable, "-c", "pass") < 100
    more = peak_memory(sys.executable, "-c", "x = b'x' * 200_000_000")
    assert 190 < more < 300


def test_a_program_that_fails_says_so():
    with pytest.raises(FailedError, match="exit code 3: no room") as failed:
        peak_memory(sys.executable, "-c", "import sys; print('no room', file=sys.stderr); exit(3)")
    assert failed.value.exit_code == 3
