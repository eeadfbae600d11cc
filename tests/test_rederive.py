"""Run folders agree with `rederive.py`, which knows the design but no code; and it can fail."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rederive
from rafair.cli.main import run

STEPS = 8
ROWS, REPAIRED = "adversarial.parquet", "repaired.parquet"


def audit(folder: Path, *options: str) -> Path:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run(["audit", *options, "--out", str(folder)])
    assert code == 0, said.getvalue()
    return folder


@pytest.fixture(scope="module")
def affairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rederive") / "affairs"
    return audit(folder, "--epochs", "5", "--instances", "40", "--steps", f"{STEPS}")


def assert_agrees(folder: Path, instances: int, steps: int = STEPS) -> rederive.Findings:
    findings = rederive.check(folder)
    assert findings.lines() == []
    # Three goals' and the strongest's iterates and clean rows; four repairs and the union's.
    assert findings.looked_at["stored rows"] == instances * (4 * (steps + 1) + 5)
    # 7 clean, 3 × 28, the strongest's 4, 14, 5 × 8, the test accuracy and the largest class
    assert findings.looked_at["rates"] == 151
    assert findings.looked_at["steps followed"] == 36
    assert findings.looked_at["moves"] > 0
    assert sum(findings.near_ties.values()) <= 5
    return findings


def test_an_audit_of_affairs_is_rederived(affairs: Path) -> None:
    assert_agrees(affairs, 40)


@pytest.mark.parametrize(
    "options",
    [
        ("--labels", "consensus", "--loss", "mse"),
        ("--k", "2", "--loss", "margin"),
        ("--attack", "rafair-fb", "--step-size", "children=0.1,educ=0.02", "--epsilon", "0.3"),
        tuple(f"--attack={name}" for name in ("rafair", "fgsm", "pgd", "apgd", "acg", "noise")),
        ("--attack=noise",),
        ("--attack=adf", "--attack=eidig", "--attack=dice", "--attack=rafair-ff"),
        ("--attack=dice", "--attack=pgd", "--attack=rafair", "--budget", "gradient_rows=30"),
        ("--attack=dice:width=0.01,local_steps=9", "--attack=pgd:restarts=3", "--attack=dice"),
        ("--attack=pgd", "--perturbation=both", "--bands", "age=17.5,24.25,40"),
    ],
    ids=[
        "consensus",
        "k",
        "one-attack",
        "compared",
        "blind",
        "fairness-tests",
        "budget",
        "options",
        "bands",
    ],
)
def test_other_settings_are_rederived(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = audit(tmp_path / "run", "--epochs", "2", "--instances", "25", "--steps", "6", *options)
    assert rederive.check(folder).lines() == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "options"),
    [("compas", ("--k", "2")), ("credit", ("--labels", "consensus"))],
    ids=["compas", "credit"],
)
def test_audits_of_the_papers_data_are_rederived(
    name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    small = ("--epochs", "5", "--instances", "30", "--steps", "10")
    folder = audit(tmp_path / name, "--dataset", name, *small, *options)
    assert_agrees(folder, 30, steps=10)


# --- the checker can fail ---------------------------------------------------------------------


@pytest.fixture
def copy(affairs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(affairs, tmp_path / "copy"))


def seal(folder: Path) -> None:
    """Writes the hashes anew, so that they do not give a tampered file away."""
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    for name in document["files"]:
        document["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "audit.json").write_text(json.dumps(document), encoding="utf-8")


def set_value(
    folder: Path, file: str, column: str, row: int, change: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """Changes one value of a parquet file; returns it before and after."""
    table = pq.read_table(folder / file)
    place = table.column_names.index(column)
    values = table.column(column).to_pylist()
    before, values[row] = values[row], change(values[row])
    kind = table.schema.field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    table = table.set_column(place, column, pa.array(values, kind))
    pq.write_table(table, folder / file)
    seal(folder)
    return before, values[row]


def set_figure(folder: Path, path: str, change: Callable[[Any], Any]) -> None:
    """Changes one figure of audit.json."""
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    *parents, last = path.split(".")
    here = document
    for part in parents:
        here = here[part]
    assert change(here[last]) != here[last]
    here[last] = change(here[last])
    (folder / "audit.json").write_text(json.dumps(document), encoding="utf-8")


def kinds(folder: Path) -> set[str]:
    return set(rederive.check(folder).disagreements)


def another(verdict: str) -> str:
    return "true biased" if verdict != "true biased" else "false fair"


def first(table: pa.Table, **wanted: Any) -> int:
    """The first row with these values."""
    columns = {name: table.column(name).to_pylist() for name in wanted}
    return next(
        row
        for row in range(len(table))
        if all(columns[name][row] == value for name, value in wanted.items())
    )


@pytest.mark.parametrize("file", [ROWS, REPAIRED])
@pytest.mark.parametrize(
    ("column", "change", "kind"),
    [
        ("fair", lambda fair: not fair, "fair"),
        ("verdict", another, "verdict"),
        ("accurate", lambda accurate: not accurate, "accurate"),
        ("prediction", lambda prediction: 1 - prediction, "prediction"),
        ("target", lambda target: 1 - target, "target"),
        ("loss", lambda loss: loss + 0.01, "loss"),
        ("counterpart_loss", lambda loss: loss + 9, "counterpart_loss"),
        ("encoded.educ", lambda educ: educ + (0.45 if educ < 0.5 else -0.45), "epsilon"),
        ("encoded.age", lambda age: age + 1e-6, "frozen feature"),
        ("raw.yrs_married", lambda years: years + 1, "raw value"),
    ],
)
def test_one_changed_value_is_reported(
    copy: Path, file: str, column: str, change: Callable[[Any], Any], kind: str
) -> None:
    before, after = set_value(copy, file, column, 100, change)
    assert before != after
    assert kind in kinds(copy)


def test_a_value_out_of_range_is_reported(copy: Path) -> None:
    set_value(copy, ROWS, "encoded.children", 100, lambda _: -0.001)
    assert "range" in kinds(copy)


def test_another_counterpart_is_reported(copy: Path) -> None:
    biased = first(pq.read_table(copy / ROWS), fair=False)
    set_value(copy, ROWS, "counterpart.age", biased, lambda age: 42.0 if age < 42 else 37.0)
    assert "counterpart" in kinds(copy)


def test_a_counterpart_of_another_class_is_reported(copy: Path) -> None:
    biased = first(pq.read_table(copy / ROWS), fair=False)
    set_value(copy, ROWS, "counterpart_prediction", biased, lambda c: 1 - c)
    assert kinds(copy) == {"counterpart_prediction"}


def test_a_gradient_said_to_be_zero_is_reported(copy: Path) -> None:
    clean = first(pq.read_table(copy / ROWS), step=0)
    set_value(copy, ROWS, "zero_gradient", clean, lambda _: True)
    assert {"zero_gradient", "rate"} <= kinds(copy)


def test_moves_against_the_goal_are_reported(copy: Path) -> None:
    # Every trajectory mirrored at its clean row: as long as before, and away from the goal.
    table = pq.read_table(copy / ROWS)
    for name in table.column_names:
        if name.startswith("encoded."):
            rows = table.column(name).to_numpy().reshape(-1, STEPS + 1)
            mirrored = pa.array((2 * rows[:, :1] - rows).ravel())
            table = table.set_column(table.column_names.index(name), name, mirrored)
    pq.write_table(table, copy / ROWS)
    assert "direction" in kinds(copy)


def test_a_missing_iterate_is_reported(copy: Path) -> None:
    table = pq.read_table(copy / ROWS)
    pq.write_table(pa.concat_tables([table[:100], table[101:]]), copy / ROWS)
    assert {"trajectory", "file"} <= kinds(copy)


def test_a_repair_of_another_goals_outcome_is_reported(copy: Path) -> None:
    set_value(
        copy, REPAIRED, "encoded.rate_marriage", -1, lambda v: v + (0.001 if v < 0.5 else -0.001)
    )
    assert "repair" in kinds(copy)


@pytest.mark.parametrize(
    "section",
    [
        "clean.accuracy",
        "attacks.rafair-tb.final.true_biased",
        "attacks.rafair-ff.iterates.false_fair",
        "attacks.rafair-fb.outcome.false_biased",
        "attacks.rafair-tb.robust.accurate_fairness",
        "attacks.rafair-tb.exposed.true_biased",
        "attacks.rafair-ff.zero_gradient",
        "attacks.rafair.outcome.individual_fairness",
        "attacks.rafair.robust.accuracy",
        "attacks.rafair.exposed.false_biased",
        "repairs.rafair-fb.final.true_fair",
        "repairs.rafair.corrected",
    ],
)
def test_one_changed_count_is_reported(copy: Path, section: str) -> None:
    set_figure(copy, f"{section}.count", lambda count: count + 1)
    findings = rederive.check(copy)
    assert [line for line in findings.disagreements["rate"] if line.startswith(section)]


@pytest.mark.parametrize(
    ("path", "change", "kind"),
    [
        ("clean.accuracy.value", lambda v: v + 1e-9, "rate"),
        ("clean.accuracy.low", lambda v: v - 1e-8, "interval"),
        ("attacks.rafair-tb.iterates.accuracy.high", lambda v: v + 0.06, "interval"),
        ("model.test_accuracy.high", lambda v: v + 1e-8, "interval"),
        ("attacks.rafair.gradient_rows", lambda n: n + 1, "sum"),
        ("config.k", lambda k: k + 20, "fair"),
        ("config.epsilon", lambda e: e / 2, "epsilon"),
        ("dataset.domains.religious", lambda values: [*values[:-1], 0.9], "domains"),
        ("model.sha256", lambda sha: sha[::-1], "file"),
    ],
)
def test_one_changed_figure_is_reported(
    copy: Path, path: str, change: Callable[[Any], Any], kind: str
) -> None:
    set_figure(copy, path, change)
    assert kind in kinds(copy)


@pytest.mark.parametrize(
    ("path", "change", "kind"),
    [
        ("groups.age.22.n", lambda n: n + 1, "group"),
        ("groups.age.22.clean.accuracy.count", lambda count: count - 1, "group"),
        ("groups.age.22.clean.accuracy.low", lambda low: low - 1e-8, "group"),
        ("groups.religious.mildly.robust.rafair.accuracy.value", lambda v: v + 1e-8, "group"),
        ("groups.age × religious.22 × mildly.n", lambda n: n + 1, "group"),
        ("groups.age", lambda groups: {**groups, "17.6": groups["17.5"]}, "group"),
        ("groups.religious", lambda groups: {**groups, "not": None}, "group"),
        ("groups", lambda groups: {k: groups[k] for k in ("age", "religious")}, "group"),
        ("gaps.religious.clean", lambda gaps: {"accuracy": gaps["accuracy"]}, "gap"),
        ("gaps.age × religious.clean", lambda gaps: {**gaps, "accuracy": {"value": 0.1}}, "gap"),
        ("gaps", lambda gaps: {"age": gaps["age"]}, "gap"),
        ("config.bands", lambda bands: {**bands, "age": [20.0, 30.0]}, "group"),
        ("config.bands", lambda bands: {**bands, "age": [30.0, 20.0]}, "bands"),
        ("config.bands", lambda bands: {**bands, "age": [20.0, 50.0]}, "bands"),
        ("config.bands", lambda bands: {**bands, "educ": [12.0]}, "bands"),
    ],
)
def test_one_changed_figure_of_a_group_is_reported(
    copy: Path, path: str, change: Callable[[Any], Any], kind: str
) -> None:
    set_figure(copy, path, change)
    assert kind in kinds(copy)


@pytest.fixture(scope="module")
def banded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bands of ages, of 31 and 89 instances, so that there is a gap."""
    options = ("--epochs", "2", "--instances", "120", "--steps", "2", "--attack", "rafair-tb")
    return audit(tmp_path_factory.mktemp("banded") / "run", *options, "--bands", "age=25")


@pytest.mark.parametrize(
    "figure", ["value", "low", "high", "lowest", "highest", "n_lowest", "n_highest"]
)
def test_one_changed_figure_of_a_gap_is_reported(banded: Path, figure: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(banded, tmp_path / "copy"))
    assert kinds(copy) == set()
    document = json.loads((copy / "audit.json").read_text(encoding="utf-8"))
    said = document["gaps"]["age"]["robust"]["rafair-tb"]["accurate_fairness"]
    said[figure] = "nobody" if isinstance(said[figure], str) else said[figure] + 1e-6
    (copy / "audit.json").write_text(json.dumps(document), encoding="utf-8")
    assert kinds(copy) == {"gap"}


def test_an_instance_of_another_group_is_reported(banded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(banded, tmp_path / "copy"))
    set_value(copy, ROWS, "raw.age", 0, lambda age: 22.0 if age > 25 else 32.0)
    assert kinds(copy) >= {"raw value", "group", "gap"}


def test_a_run_from_before_there_were_groups_agrees(copy: Path) -> None:
    document = json.loads((copy / "audit.json").read_text(encoding="utf-8"))
    del document["groups"], document["gaps"], document["config"]["bands"]
    (copy / "audit.json").write_text(json.dumps(document), encoding="utf-8")
    assert_agrees(copy, 40)
    document["gaps"] = {}
    (copy / "audit.json").write_text(json.dumps(document), encoding="utf-8")
    assert kinds(copy)


def test_its_interval_of_a_difference_is_the_textbooks() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
    more, less = (
        {"value": count / n, "low": low, "high": high}
        for count, n in ((56, 70), (48, 80))
        for low, high in [rederive.wilson(count, n)]
    )
    assert rederive.newcombe(more, less) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_rate_nobody_derives_is_reported(copy: Path) -> None:
    rate = {"value": 0.5, "count": 1, "n": 2, "low": 0.09, "high": 0.91}
    set_figure(copy, "clean", lambda clean: {**clean, "novel": rate})
    assert kinds(copy) == {"rate"}


def test_the_script_says_so_in_its_exit_code(affairs: Path, copy: Path) -> None:
    set_value(copy, ROWS, "verdict", 7, another)

    def script(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-W", "error", rederive.__file__, str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good, bad = script(affairs), script(copy)
    assert (good.returncode, good.stdout.count("\n"), good.stderr) == (0, 1, "")
    assert good.stdout.startswith("agrees: ")
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout.startswith("verdict: adversarial.parquet ")


def test_a_missing_file_is_reported(copy: Path) -> None:
    (copy / "model.onnx").unlink()
    assert kinds(copy) == {"file"}


def test_the_script_imports_nothing_from_rafair() -> None:
    tree = ast.parse(Path(rederive.__file__).read_text(encoding="utf-8"))
    named = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    named |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in named} - sys.stdlib_module_names
    assert foreign == {"numpy", "onnxruntime", "pyarrow"}


def test_its_wilson_interval_is_the_textbooks() -> None:
    # Newcombe (1998), table I: 81 of 263.
    assert rederive.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert rederive.wilson(0, 20)[0] == 0
    assert rederive.wilson(20, 20)[1] == 1
    assert math.isclose(rederive.wilson(0, 20)[1], 1 - rederive.wilson(20, 20)[0])
