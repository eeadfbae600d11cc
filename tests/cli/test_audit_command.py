"""`rafair audit` and what may follow it, from end to end, on the data that comes with rafair."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from commands import Done, call, document, hashes, names, rafair, without
from rafair import __version__
from rafair.cli.main import app
from rafair.results.audit_result import Audit
from rafair.results.headline import headline

QUICK = ("--epochs", "2", "--instances", "30", "--steps", "3")
MODEL_FILES = {"model.safetensors", "model.json", "model.onnx"}
ROW_FILES = {"adversarial.parquet", "repaired.parquet"}
CELLS = ("true_fair", "true_biased", "false_fair", "false_biased")
RATES = ("accuracy", "individual_fairness", "accurate_fairness")
SPENT = ("seconds", "gradient_rows", "prediction_rows")


def rates(section: Any) -> Any:
    """A section of `audit.json` without what it cost."""
    return without(SPENT, section)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def audited(base: Path) -> Done:
    """A small audit, in `base / "first"`."""
    return rafair("audit", *QUICK, "--out", base / "first", "--json", base / "first.json")


@pytest.fixture(scope="module")
def first(base: Path, audited: Done) -> Path:
    return base / "first"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# the run folder -------------------------------------------------------------------------------


def test_the_run_folder_is_complete(base, first):
    assert names(first) == {"audit.json", "report.html"} | MODEL_FILES | ROW_FILES
    assert not (base / "first.partial").exists()


def test_the_document_has_the_promised_keys(first):
    found = document(first)
    assert set(found) >= {
        *("schema_version", "rafair_version", "created", "command", "seed", "environment"),
        *("files", "dataset", "model", "config", "clean", "attacks", "repairs"),
    }
    assert found["schema_version"] == 1
    assert found["rafair_version"] == __version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["created"])
    assert set(found["environment"]) == {"python", "packages", "cpu", "threads", "device"}
    assert set(found["dataset"]) >= {
        *("name", "variant", "rows", "features", "sensitive", "domains"),
        *("counterparts_per_instance", "sha256"),
    }
    assert set(found["model"]) == {
        *("name", "kind", "parameters", "test_accuracy", "majority", "predicted_classes", "sha256"),
        *("input", "decision", "options"),
    }
    assert set(found["config"]) >= {"instances", "steps", "step_size", "epsilon", "loss"}
    assert set(found["clean"]) == {"n", *RATES, *CELLS}


def test_the_document_says_what_was_audited(first):
    found = document(first)
    assert found["dataset"]["name"] == "affairs"
    assert found["dataset"]["variant"] == "clean"
    assert found["dataset"]["rows"] == 6_366
    assert found["dataset"]["features"] == [
        *("rate_marriage", "age", "yrs_married", "children"),
        *("religious", "educ", "occupation", "occupation_husb"),
    ]
    assert found["dataset"]["sensitive"] == {"age": 6, "religious": 4}
    assert [len(values) for values in found["dataset"]["domains"].values()] == [6, 4]
    assert found["dataset"]["counterparts_per_instance"] == 24
    assert found["model"]["name"] == "fcnn"
    assert found["model"]["test_accuracy"]["n"] == 1_274
    told = {key: found["config"][key] for key in ("instances", "steps", "step_size", "epsilon")}
    assert told == {"instances": 30, "steps": 3, "step_size": 0.01, "epsilon": 0.03}
    assert found["clean"]["n"] == 30


def test_the_document_tells_every_file_and_its_hash(first):
    found = hashes(first)
    assert document(first)["files"] == found
    assert document(first)["model"]["sha256"] == found["model.safetensors"]


def test_sections_of_attacks_and_repairs(first):
    found = document(first)
    singles = ["rafair-tb", "rafair-ff", "rafair-fb"]
    assert list(found["attacks"]) == [*singles, "strongest", "rafair"]
    assert list(found["repairs"]) == [*singles, "strongest", "rafair"]
    for name, attack in found["attacks"].items():
        kinds = {"outcome", "robust", "exposed", "zero_gradient", *SPENT}
        kinds |= {"final", "iterates"} if name != "rafair" else set()
        assert set(attack) == kinds
        assert set(attack["robust"]) == set(RATES)
        untold = [kind for kind in kinds if attack[kind] is None]
        expected = ["exposed", "final", "iterates", "outcome"] if name == "strongest" else []
        assert sorted(set(untold) - {"zero_gradient"}) == expected
        assert untold or set(attack["exposed"]) == set(CELLS[1:])
        for kind in (kinds & {"final", "iterates", "outcome"}) - set(untold):
            assert set(attack[kind]) == {*RATES, *CELLS}
        told = attack["zero_gradient"]
        assert set(told) == {"value", "count", "n", "low", "high"} if told else name == "strongest"
    for repair in found["repairs"].values():
        assert set(repair) == {"final", "corrected", *SPENT}
        assert set(repair["final"]) == {*RATES, *CELLS}
    for kind in SPENT:
        parts = sum(found["attacks"][name][kind] for name in singles)
        assert found["attacks"]["rafair"][kind] == pytest.approx(parts)


def test_robust_rates_stay_below_clean_ones(first):
    found = document(first)
    for attack in found["attacks"].values():
        robust = {name: attack["robust"][name]["value"] for name in RATES}
        assert all(robust[name] <= found["clean"][name]["value"] for name in RATES)
        assert robust["accurate_fairness"] <= min(robust.values())


def test_rows_of_the_parquet_files(first):
    adversarial = pd.read_parquet(first / "adversarial.parquet")
    repaired = pd.read_parquet(first / "repaired.parquet")
    features = document(first)["dataset"]["features"]
    assert len(adversarial) == 4 * 30 * (3 + 1)  # attacks, instances, steps with the clean row
    assert len(repaired) == 5 * 30
    assert list(adversarial.columns) == [*repaired.columns, "epsilon", "smallest_epsilon"]
    assert set(adversarial.columns) >= {
        *("attack", "instance", "step", "label", "prediction", "accurate", "fair", "verdict"),
        *("loss", "counterpart_loss", "counterpart.age", "counterpart.religious"),
        *(f"encoded.{name}" for name in features),
        *(f"raw.{name}" for name in features),
    }


# what is printed ------------------------------------------------------------------------------


def test_the_cost_is_said_before_anything_long(audited):
    line, *rest = audited.err.splitlines()
    assert not rest
    assert re.fullmatch(
        r"30 of 1,274 rows of 'affairs', up to [\d,]+ rows to compute: about \d+ s at [\d,]+ "
        r"rows/s on \d+ threads?",
        line,
    )


def test_no_more_rows_are_computed_than_announced(audited, first):
    found = document(first)
    announced = int(re.search(r"up to ([\d,]+) rows", audited.err)[1].replace(",", ""))
    done = sum(
        found[kind][name][rows]
        for kind in ("attacks", "repairs")
        for name in ("rafair-tb", "rafair-ff", "rafair-fb", "strongest")
        for rows in ("gradient_rows", "prediction_rows")
    )
    assert 0 < done <= announced


def test_what_to_know_first_is_printed_on_one_screen(audited, first):
    lines = audited.out.splitlines()
    assert audited.out.startswith(headline(Audit.load(first).record)[:60])
    assert lines[-1] == f"As a page: {first / 'report.html'}"
    assert lines[-2] == f"Everything else: rafair show {first}"
    assert len(lines) <= 30
    assert max(map(len, lines[:-2])) <= 100
    assert "\x1b" not in audited.out


def test_all_tables_cases_and_options_are_shown(first):
    shown = rafair("show", first).out
    for part in (
        "Data     affairs (clean): 6,366 rows, 8 features; ",
        "age (6)",
        "religious (4)",
        "Model    fcnn, 21,122 parameters; accuracy 0.",
        "Decides  for the largest score; takes encoded rows",
        "Audit    30 instances, 3 steps of 0.01, epsilon 0.03, seed 0",
        "Before and after perturbation",
        "Over all steps",
        "After the repair",
        "guided by true labels",
        "Cases",
        "as it was",
    ):
        assert part in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("nothing", "expected a finished run folder"), (".", "expected a finished run folder")],
)
def test_what_is_no_run_is_not_shown(tmp_path, folder, expected):
    done = call("show", folder)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert expected in done.err


def test_cases_of_each_bad_cell_in_the_datas_own_units(first):
    shown = rafair("show", first).out
    found = re.findall(r"^\d+\. (\w+ \w+) \([\w ]+\): row \d+, [\w-]+ step \d", shown, re.M)
    exposed = document(first)["attacks"]["rafair"]["exposed"]
    cells = [cell.replace("_", " ").capitalize() for cell in CELLS[1:] if exposed[cell]["count"]]
    assert list(dict.fromkeys(found)) == cells
    assert "True biased" in found
    assert " years" in shown
    assert "The true class is '" in " ".join(shown.split())


def test_json_into_a_file(base, audited, first):
    assert json.loads((base / "first.json").read_text()) == document(first)


def test_json_alone_on_stdout(base):
    done = rafair("audit", *QUICK, "--out", base / "piped", "--json", "-")
    assert json.loads(done.out) == document(base / "piped")
    assert "rows to compute" in done.err
    assert f"Everything else: rafair show {base / 'piped'}" in done.err


def test_json_into_a_pipe(first, tmp_path):
    """A pipe or a device is written to; it is not replaced by a file."""
    command = [sys.executable, "-c", "from rafair.cli.main import main; main()", "data", "list"]
    done = subprocess.run(
        [*command, "--json", "/dev/fd/2"], capture_output=True, text=True, check=True
    )
    assert len(json.loads(done.stderr)) == 5
    assert "affairs" in done.stdout


# where it goes --------------------------------------------------------------------------------


def test_default_folders_are_numbered(first, tmp_path):
    model = ("--model", first, "--instances", "10", "--steps", "1")
    for number, seed in enumerate(("0", "0", "1"), 1):
        done = rafair("audit", *model, "--seed", seed)
        assert done.out.splitlines()[-1] == (
            f"Everything else: rafair show runs/affairs-{number} · as a page: "
            f"runs/affairs-{number}/report.html"
        )
    assert names(tmp_path / "runs") == {"affairs-1", "affairs-2", "affairs-3"}
    one, two = document(tmp_path / "runs/affairs-1"), document(tmp_path / "runs/affairs-2")
    assert rates(one["attacks"]) == rates(two["attacks"])


def test_the_same_command_again_has_nothing_to_do(first, audited, monkeypatch):
    def train(*_: object, **__: object) -> None:
        raise AssertionError("it was trained before")

    monkeypatch.setattr("rafair.sources.network_sources.train_and_save", train)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in first.iterdir()}
    again = rafair("audit", *QUICK, "--out", first)
    assert again.err == f"done before: '{first}' holds this very audit\n"
    assert again.out == audited.out
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in first.iterdir()}


def test_a_page_that_is_missing_is_written_again(first, tmp_path):
    shutil.copytree(first, tmp_path / "out")
    (tmp_path / "out" / "report.html").unlink()
    again = rafair("audit", *QUICK, "--out", "out")
    assert again.out.splitlines()[-1].endswith(" · as a page: out/report.html")
    assert (tmp_path / "out" / "report.html").read_bytes() == (first / "report.html").read_bytes()


def test_an_audit_outlives_a_page_that_cannot_be_written(first, tmp_path):
    shutil.copytree(first, tmp_path / "out")
    page = tmp_path / "out" / "report.html"
    page.unlink()
    page.mkdir()
    done = rafair("audit", *QUICK, "--out", "out")
    (line,) = [line for line in done.err.splitlines() if "warning" in line]
    assert line.startswith("rafair: warning: 'out/report.html': not written; the audit is complete")
    assert done.out.splitlines()[-1].endswith(" · as a page: rafair report out")
    assert list(page.iterdir()) == []


def test_what_an_interruption_at_the_very_end_leaves_is_tidied(first, tmp_path):
    shutil.copytree(first, tmp_path / "out")
    (tmp_path / "out" / "plan.json").write_text("{}")
    rafair("audit", *QUICK, "--out", "out")
    assert hashes(tmp_path / "out") == hashes(first)


# the other commands ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def attacked(base: Path, first: Path) -> Path:
    rafair("attack", first, "--out", base / "attacked")
    return base / "attacked"


def test_attacking_a_run_again_gives_its_rates(first, attacked):
    ours, theirs = document(attacked), document(first)
    assert rates(ours["attacks"]) == rates(theirs["attacks"])
    assert ours["clean"] == theirs["clean"]
    assert ours["repairs"] == {}
    assert ours["config"]["labels"] is None
    assert names(attacked) == {"audit.json", "adversarial.parquet", "report.html"} | MODEL_FILES
    for name in ("adversarial.parquet", *MODEL_FILES):
        assert ours["files"][name] == theirs["files"][name]


def test_attacking_a_run_with_other_options(base, first):
    out = base / "longer"
    rafair("attack", first, "--steps", "5", "--attack", "rafair-ff", "--out", out)
    found = document(out)
    assert list(found["attacks"]) == ["rafair-ff"]
    assert (found["config"]["steps"], found["config"]["epsilon"]) == (5, 0.05)
    assert found["config"]["instances"] == 30


@pytest.fixture(scope="module")
def repaired(base: Path, first: Path) -> Path:
    rafair("repair", first, "--out", base / "repaired")
    return base / "repaired"


def test_repairing_a_run_again_gives_its_rates(first, repaired):
    ours, theirs = document(repaired), document(first)
    assert rates(ours["repairs"]) == rates(theirs["repairs"])
    assert ours["attacks"] == theirs["attacks"]
    assert ours["clean"] == theirs["clean"]
    assert names(repaired) == names(first)
    assert ours["files"] == theirs["files"]


def test_repairing_what_was_only_attacked(base, first, attacked):
    rafair("repair", attacked, "--out", base / "repaired-later")
    assert document(base / "repaired-later")["files"] == document(first)["files"]


def test_repairing_by_consensus(base, first):
    done = rafair("repair", first, "--labels", "consensus", "--out", base / "by-consensus")
    assert "guided by the majority over counterparts, made " in " ".join(done.out.split())
    assert len(done.out.splitlines()) <= 30
    assert "guided by consensus labels" in rafair("show", base / "by-consensus").out
    ours, theirs = document(base / "by-consensus"), document(first)
    assert ours["config"]["labels"] == "consensus"
    assert rates(ours["attacks"]) == rates(theirs["attacks"])
    changed = {name for name in ours["files"] if ours["files"][name] != theirs["files"][name]}
    assert changed == {"repaired.parquet"}


@pytest.fixture(scope="module")
def trained(base: Path) -> dict[str, Any]:
    """What `rafair train` says of a network as the audit trains it."""
    return json.loads(rafair("train", "--epochs", "2", "--out", base / "net", "--json", "-").out)


def test_a_trained_network_is_the_audits_own(base, first, trained):
    assert names(base / "net") == MODEL_FILES
    assert hashes(base / "net")["model.safetensors"] == hashes(first)["model.safetensors"]
    assert hashes(base / "net")["model.onnx"] == hashes(first)["model.onnx"]
    assert trained["folder"] == str(base / "net")
    assert trained["test_accuracy"] == document(first)["model"]["test_accuracy"]
    assert trained["parameters"] == 21_122


@pytest.mark.parametrize("model", ["net", "net/model.json"])
def test_auditing_a_saved_network_gives_the_same_rates(base, first, trained, tmp_path, model):
    out = tmp_path / "saved"
    rafair("audit", "--model", base / model, "--instances", "30", "--steps", "3", "--out", out)
    ours, theirs = document(out), document(first)
    for section in ("clean", "attacks", "repairs"):
        assert rates(ours[section]) == rates(theirs[section])
    assert names(out) == names(first)
    assert ours["files"] == theirs["files"] | {"model.json": ours["files"]["model.json"]}


def test_attacking_a_saved_network(base, trained, tmp_path):
    done = rafair("attack", base / "net", "--instances", "10", "--steps", "2")
    assert done.out.splitlines()[-1].endswith("as a page: runs/affairs-1/report.html")
    assert document(tmp_path / "runs/affairs-1")["config"]["instances"] == 10


def test_training_says_what_came_of_it(tmp_path):
    done = rafair("train", "--epochs", "1", "--train-loss", "mse")
    said, _, last = done.out.rstrip().rpartition("\n")
    assert re.fullmatch(
        r"fcnn, 21,122 parameters, trained on affairs \(clean\); test accuracy 0\.\d{3} "
        r"\[0\.\d{3}, 0\.\d{3}\] on 1,274 rows",
        " ".join(said.split()),
    )
    assert last == "Run folder: runs/affairs-model-1"
    assert names(tmp_path / "runs/affairs-model-1") == MODEL_FILES


# help -----------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    """Every command by its name, with what can be asked of it."""
    import typer

    program = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in program.commands.items():
        found[name] = command
        for below, nested in getattr(command, "commands", {}).items():
            found[f"{name} {below}"] = nested
    return found


COMMANDS = commands()


def test_the_version():
    assert rafair("--version").out == f"rafair {__version__}\n"


def test_the_program_alone_shows_its_help():
    assert rafair().out.rstrip() == rafair("--help").out.rstrip()
    assert all(f"\n  {name} " in rafair().out for name in COMMANDS if " " not in name)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_that_works(name):
    text = rafair(*name.split(), "--help").out
    assert max(map(len, text.splitlines())) <= 100
    example = re.search(r"Example: (rafair .*)", " ".join(text.split()))
    assert example, text
    program, *arguments = shlex.split(example[1].split(" > ")[0])
    assert program == "rafair"
    assert " ".join(arguments).startswith(name)
    command = COMMANDS[name]
    while hasattr(command, "commands"):  # the example of a group is one of its commands
        command = command.commands[arguments[len(name.split())]]
        name = f"{name} {command.name}"
    with command.make_context(command.name, arguments[len(name.split()) :]) as context:
        assert context.params
