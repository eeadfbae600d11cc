"""Wrong input: exit code 2, one line that says what, where and what was expected, nothing left."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rafair.cli.main import run
from rafair.engine.digest_json import sealed
from rafair.models import training

QUICK = ("--epochs", "1", "--instances", "10", "--steps", "2")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert run(["audit", *QUICK, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no data but what a test puts there."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RAFAIR_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def saved(here: Path, finished: Path) -> Path:
    """A copy of the finished run, to be spoilt, under the name `run`."""
    shutil.copytree(finished, here / "run")
    return here / "run"


@pytest.fixture
def refused(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused; returns the line it says."""

    def check(arguments: list[str], *words: str, code: int = 2) -> str:
        before = contents(here.parent)
        capsys.readouterr()
        assert run(arguments) == code
        streams = capsys.readouterr()
        assert streams.out == ""
        assert streams.err.startswith("rafair: ")
        assert streams.err.endswith("\n")
        assert streams.err.count("\n") == 1, streams.err
        for word in words:
            assert word in streams.err
        assert contents(here.parent) == before
        return streams.err

    return check


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(sealed(json.loads(path.read_text()) | changes)))


# names ----------------------------------------------------------------------------------------

UNKNOWN = {
    "command": ("audot", "'audot'", "audit"),
    "option": ("audit --stepz 3", "--stepz", "--steps"),
    "argument": ("audit adult", "adult"),
    "option without its value": ("audit --steps", "--steps", "argument"),
    "data set": ("audit --dataset adlut", "data set 'adlut'", "did you mean 'adult'?", "compas"),
    "data set far from any": ("audit --dataset xyz", "data set 'xyz'", "(known: affairs, adult"),
    "data set to train on": ("train --dataset affair", "'affair'", "did you mean 'affairs'?"),
    "variant": ("audit --variant papper", "variant 'papper'", "did you mean 'paper'?"),
    "variant to train on": ("train --variant cleen", "variant 'cleen'", "did you mean 'clean'?"),
    "attack": ("audit --attack rafair-t", "attack 'rafair-t'", "did you mean 'rafair-tb'?"),
    "attack beside a known one": ("audit --attack rafair --attack pgdd", "attack 'pgdd'", "known"),
    "loss": ("audit --loss margni", "loss 'margni'", "did you mean 'margin'?"),
    "training loss": ("audit --train-loss msee", "training loss 'msee'", "did you mean 'mse'?"),
    "training loss to train with": ("train --train-loss margin", "'margin'", "cross-entropy, mse"),
    "labels": ("audit --labels concensus", "'concensus'", "did you mean 'consensus'?"),
    "device": ("audit --device nonsense", "device", "'nonsense'", "cpu"),
    "device without a name": ("audit --device=", "device", "''"),
    "feature in step sizes": (
        "audit --step-size childern=0.1",
        "feature 'childern'",
        "did you mean 'children'?",
    ),
    "feature in epsilons": ("audit --epsilon educ=0.1,occupatoin=0.1", "'occupation'?"),
    "feature without a name": ("audit --step-size =0.1", "feature ''", "educ"),
}


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_name(refused, case):
    command, *words = case
    refused(command.split(), *words)


# numbers --------------------------------------------------------------------------------------

HUGE = "1" + "0" * 30
WHOLE = ("0", "-1", "nan", "inf", HUGE, "2.5", "many")
REAL = ("0", "-0.1", "nan", "inf", "-inf", "1e300", "1.5", "much")

NUMBERS = {
    "audit": {
        "instances": WHOLE,
        "steps": WHOLE,
        "step-size": REAL,
        "epsilon": REAL,
        "k": ("-0.1", "nan", "inf", "-inf", "1e300", "much"),
        "seed": ("-1", "nan", "inf", HUGE, "4294967296", "2.5", "many"),
        "chunk-rows": WHOLE,
        "threads": WHOLE,
        "epochs": WHOLE,
    },
    "train": {
        "epochs": WHOLE,
        "batch": WHOLE,
        "learning-rate": REAL,
        "seed": ("-1", "nan", HUGE),
    },
}


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        pytest.param(command, option, value, id=f"{command} {option} {value[:6]}")
        for command, options in NUMBERS.items()
        for option, values in options.items()
        for value in values
    ],
)
def test_a_number_out_of_range(refused, command, option, value):
    line = refused([command, f"--{option}={value}"])
    assert option in line or option.replace("-", "_") in line
    assert "expected" in line or "should be" in line


SIZES = {
    "a size of one feature": ("--step-size", "educ=2", "--step-size of 'educ'", "up to 1", "2.0"),
    "nan for one feature": ("--epsilon", "educ=nan", "epsilon of 'educ'", "got nan"),
    "no size": ("--step-size", "educ=", "--step-size", "NAME=NUMBER", "''"),
    "a name alone": ("--step-size", "educ", "--step-size", "NAME=NUMBER", "'educ'"),
    "a loose comma": ("--epsilon", "educ=0.1,", "epsilon", "NAME=NUMBER"),
    "a feature twice": ("--epsilon", "educ=0.1,educ=0.2", "epsilon", "once", "'educ' twice"),
    "only sensitive features": ("--epsilon", "age=0.1,religious=0.1", "epsilon", "may move"),
    "only sensitive steps": ("--step-size", "age=0.1", "may move"),
    "more rows than there are": ("--instances", "1275", "instances", "at most 1,274", "1,275"),
}


@pytest.mark.parametrize("case", SIZES.values(), ids=SIZES)
def test_sizes_that_make_no_sense(refused, case):
    option, value, *words = case
    refused(["audit", option, value], *words)


BANDS = {
    "an unknown feature": (("aeg=25,45",), "feature 'aeg'", "did you mean 'age'?"),
    "no name": (("=25",), "bands", "NAME=EDGE,EDGE", "'=25'"),
    "a name alone": (("age",), "bands", "NAME=EDGE,EDGE", "'age'"),
    "no edges": (("age=",), "bands", "NAME=EDGE,EDGE", "'age='"),
    "a loose comma": (("age=25,",), "bands of 'age'", "expected numbers", "got ''"),
    "texts": (("age=young,old",), "bands of 'age'", "expected numbers", "'young'"),
    "nan": (("age=25,nan",), "bands of 'age'", "finite", "got nan"),
    "infinity": (("age=inf",), "bands of 'age'", "finite", "got inf"),
    "not ascending": (("age=30,25",), "bands of 'age'", "ascending", "25 after 30"),
    "outside its range": (("age=25,45",), "bands of 'age'", "from 17.5 to 42", "got 45"),
    "not sensitive": (("educ=12",), "bands of 'educ'", "a sensitive feature (age, religious)"),
    "no number": (("religious=1",), "bands of 'religious'", "a number", "'ordinal'"),
    "a feature twice": (("age=20", "age=30"), "bands", "once", "'age' twice"),
}


@pytest.mark.parametrize("case", BANDS.values(), ids=BANDS)
def test_bands_that_make_no_sense(refused, saved, case):
    bands, *words = case
    options = [option for text in bands for option in ("--bands", text)]
    for command in (["audit"], ["attack", "run"], ["repair", "run"]):
        refused([*command, *options], *words)


ATTACK_OPTIONS = {
    "pgd:restarts=0": ("restarts", "whole number"),
    "pgd:restarts=many": ("restarts", "whole number", "'many'"),
    "pgd:random_start=perhaps": ("random_start", "true or false"),
    "pgd:restart=3": ("option of pgd", "did you mean 'restarts'"),
    "pgd:": ("option of pgd",),
    "pgd:name=best": ("option of pgd", "'name'"),
    "rafair-tb:steps=3": ("expected no options",),
    "rafair:steps=3": ("expected no options", "union"),
    "fgsm:x=3": ("expected no options",),
    "dice:width=nan": ("width", "expected a number"),
    "acg:beta=theirs": ("beta", "'theirs'"),
    "adf:local_steps=1e3": ("local_steps", "whole number"),
    "pdg:restarts=3": ("did you mean 'pgd'",),
}


@pytest.mark.parametrize("attack", ATTACK_OPTIONS)
def test_options_of_attacks_that_make_no_sense(refused, attack):
    refused(["audit", "--attack", attack], *ATTACK_OPTIONS[attack])


BUDGETS = ("100", "gradient_rows", "gradient_rows=", "gradient_rows=many", "seconds=3", "=3")


@pytest.mark.parametrize("budget", [*BUDGETS, *(f"gradient_rows={n}" for n in ("0", "-1", "1.5"))])
def test_a_budget_that_is_none(refused, budget):
    refused(["audit", "--budget", budget], "--budget: expected ")


def test_steps_and_epsilons_of_different_features(refused):
    sizes = ["--step-size", "educ=0.01", "--epsilon", "children=0.1"]
    refused(["audit", *sizes], "--step-size", "may move")


# data files -----------------------------------------------------------------------------------


def test_a_data_folder_that_is_none(refused, monkeypatch):
    monkeypatch.setenv("RAFAIR_DATA", "/no/such/folder")
    refused(["audit", "--dataset", "credit"], "RAFAIR_DATA", "a folder", "'/no/such/folder'")


def test_a_data_folder_that_is_a_file(refused, here, monkeypatch):
    (here / "file").write_text("")
    monkeypatch.setenv("RAFAIR_DATA", str(here / "file"))
    refused(["train", "--dataset", "adult"], "RAFAIR_DATA", "expected a folder")


BAD_FILES = {
    "altered": ("german.data", b"A11 6 A34 A43 1169 A65\n", "not the expected file"),
    "not text": ("german.data", bytes(range(256)), "not the expected file"),
    "empty": ("german.data", b"", "is empty"),
    "cut short": ("german.data.gz", gzip.compress(bytes(range(256)))[:-20], "cut short"),
    "an empty archive": ("german.data.gz", b"", "is empty"),
}


@pytest.mark.parametrize("case", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_data_file(refused, here, monkeypatch, case):
    name, content, words = case
    (here / name).write_bytes(content)
    monkeypatch.setenv("RAFAIR_DATA", str(here))
    for command in ("audit", "train"):
        refused([command, "--dataset", "credit"], f"{name}'", words, "sha256 b21f3d81", "found")


# where results go -----------------------------------------------------------------------------


def test_out_is_a_file(refused, here):
    (here / "out").write_text("mine")
    refused(["audit", *QUICK, "--out", "out"], "'out'", "new or empty folder", "--force")


def test_out_is_a_folder_with_something_in_it(refused, here):
    (here / "out").mkdir()
    (here / "out" / "mine").write_text("")
    for command in ("audit", "train"):
        refused([command, "--out", "out"], "'out'", "new or empty folder", "--force")


def test_out_is_a_link_to_nowhere(refused, here):
    (here / "out").symlink_to("nowhere")
    refused(["audit", *QUICK, "--out", "out"], "'out'", "new or empty folder")


def test_out_below_a_file(refused, here):
    (here / "file").write_text("")
    for out in ("file/out", "file/deep/out"):
        refused(["audit", *QUICK, "--out", out], out, "cannot be written", "Not a directory")


def test_runs_is_a_file(refused, here):
    (here / "runs").write_text("")
    refused(["audit", *QUICK], "runs/affairs-1", "cannot be written", "Not a directory")


@pytest.mark.parametrize("out", [".", "..", "/", ""])
def test_out_is_no_name(refused, out):
    refused(["audit", *QUICK, "--out", out], "expected the name of a folder")


@pytest.mark.parametrize("out", ["x" * 300, "new/deep/" + "x" * 250])
def test_out_is_a_long_name(refused, out):
    refused(["audit", *QUICK, "--out", out], "cannot be written", "File name too long")


def test_work_of_another_command_is_not_replaced(refused, here):
    (here / "out.partial").mkdir()
    (here / "out.partial" / "plan.json").write_text("{}")
    refused(["audit", *QUICK, "--out", "out"], "'out.partial'", "another command", "--force")


def test_force_replaces_what_stands_there(here, capsys):
    for name in ("out", "out.partial"):
        (here / name).mkdir()
        (here / name / "mine").write_text("")
    assert run(["audit", *QUICK, "--out", "out", "--force"]) == 0
    assert {"audit.json", "adversarial.parquet"} < {p.name for p in (here / "out").iterdir()}
    assert not (here / "out" / "mine").exists()
    for name in ("out", "out.partial"):  # what was not ours is moved aside, not removed
        assert (here / f"{name}.before-1" / "mine").exists()
    assert not (here / "out.partial").exists()


def test_force_replaces_a_file(here, capsys):
    (here / "out").write_text("mine")
    assert run(["train", "--epochs", "1", "--out", "out", "--force"]) == 0
    assert (here / "out" / "model.json").is_file()
    assert (here / "out.before-1").read_text() == "mine"


def test_an_empty_folder_will_do(here, capsys):
    (here / "out").mkdir()
    assert run(["train", "--epochs", "1", "--out", "out"]) == 0
    assert (here / "out" / "model.json").is_file()


JSON_COMMANDS = {
    "audit": "audit",
    "train": "train",
    "attack": "attack run",
    "repair": "repair run",
    "data list": "data list",
    "data show": "data show affairs",
    "data fetch": "data fetch affairs",
}


@pytest.mark.parametrize("command", JSON_COMMANDS.values(), ids=JSON_COMMANDS)
def test_json_that_cannot_be_written(refused, here, command):
    """It is found before any work: no run exists, and yet the file is what is complained of."""
    (here / "file").write_text("")
    (here / "folder").mkdir()
    for path, words in (
        ("missing/result.json", "no folder 'missing'"),
        ("file/result.json", "no folder 'file'"),
        ("folder", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("", "Is a directory"),
    ):
        refused([*command.split(), f"--json={path}"], "cannot be written", words)


@pytest.mark.parametrize("out", ["out", "new/deep/out"])
@pytest.mark.parametrize("command", ["train", "audit"])
def test_training_that_breaks_down_leaves_nothing(here, capsys, monkeypatch, command, out):
    nowhere = {"cross-entropy": lambda logits, labels: logits.sum() * torch.nan}
    monkeypatch.setattr(training, "TRAIN_LOSSES", nowhere)
    assert run([command, "--epochs", "1", "--out", out]) == 2
    assert "training broke down" in capsys.readouterr().err.splitlines()[-1]
    assert not list(here.iterdir())


# saved models ---------------------------------------------------------------------------------


def test_a_model_that_is_not_there(refused):
    for command in (["audit", "--model", "nowhere"], ["attack", "nowhere"]):
        refused(command, "'nowhere/model.json'", "saved model", "No such file")


def test_a_folder_without_a_model(refused, here):
    (here / "empty").mkdir()
    (here / "file").write_text("")
    refused(["audit", "--model", "empty"], "'empty/model.json'", "No such file")
    refused(["audit", "--model", "file"], "'file/model.json'", "Not a directory")
    refused(["audit", "--model", "x" * 300], "File name too long")


MODEL_FILES = {
    "not JSON": ("model.json", b"{", "model.json'", "JSON"),
    "not text": ("model.json", b"\xff\xfe", "model.json'", "JSON"),
    "not an object": ("model.json", b"[]", "model.json'", "model description"),
    "no version": ("model.json", b"{}", "expected model_version 1 or 2, found None"),
    "another version": ("model.json", b'{"model_version": 9}', "model_version 1 or 2, found 9"),
    "half a description": ("model.json", b'{"model_version": 1}', "description written by rafair"),
    "other weights": ("model.safetensors", b"0" * 100, "model.safetensors'", "altered"),
    "no weights": ("model.safetensors", None, "model.safetensors'", "no such file"),
}


@pytest.mark.parametrize("case", MODEL_FILES.values(), ids=MODEL_FILES)
def test_a_spoilt_model(refused, saved, case):
    name, content, *words = case
    (saved / name).unlink()
    if content is not None:
        (saved / name).write_bytes(content)
    for command in (["audit", "--model", "run"], ["attack", "run"], ["repair", "run"]):
        refused(command, "run/model.", *words)


def test_a_model_for_other_columns(refused, saved):
    table = json.loads((saved / "model.json").read_text())["table"]
    table["features"][-1]["name"] = "occupation_wife"
    edit_json(saved / "model.json", table=table)
    refused(
        ["audit", "--model", "run"],
        "'run': expected a table with the features",
        "occupation_wife and the classes",
        "on which it was trained; got",
        "occupation_husb, and",
    )


def test_a_model_of_another_width(refused, saved):
    table = json.loads((saved / "model.json").read_text())["table"]
    edit_json(saved / "model.json", table=table | {"features": table["features"][:-1]})
    refused(["audit", "--model", "run"], "model.safetensors'", "does not fit")


def test_a_model_for_another_data_set(refused, saved):
    model = ["audit", "--model", "run"]
    refused([*model, "--dataset", "adult"], "'run'", "on adult clean", "found", "on affairs clean")
    refused([*model, "--variant", "paper"], "'run'", "on affairs paper", "on affairs clean")
    refused([*model, "--dataset", "adlut"], "unknown data set", "did you mean 'adult'?")
    refused([*model, "--variant", "dirty"], "unknown variant 'dirty'", "clean, paper")


# saved runs -----------------------------------------------------------------------------------


def test_no_run(refused, here):
    (here / "empty").mkdir()
    for name in ("nowhere", "empty", "x" * 300):
        refused(["attack", name], "saved model")
        refused(["repair", name], "finished run folder", "audit.json")


RUN_DOCUMENTS = {
    "another schema version": ('{"schema_version": 99}', "schema_version 1, found 99"),
    "no schema version": ("{}", "schema_version"),
    "not JSON": ("{", "expected JSON: "),
    "not an object": ("[]", "schema_version"),
    "nothing else": ('{"schema_version": 1}', "expected 'rafair_version', found nothing"),
}


@pytest.mark.parametrize("case", RUN_DOCUMENTS.values(), ids=RUN_DOCUMENTS)
def test_a_run_that_cannot_be_read(refused, saved, case):
    content, words = case
    (saved / "audit.json").write_text(content)
    for command in ("attack", "repair"):
        refused([command, "run"], "'run/audit.json'", "expected", words)


def test_a_run_without_its_options(refused, saved):
    edit_json(saved / "audit.json", config={"steps": 3})
    for command in ("attack", "repair"):
        refused([command, "run"], "'run/audit.json'", "expected 'config.attacks', found")


def test_a_run_without_attacks(refused, saved):
    edit_json(saved / "audit.json", attacks={})
    refused(["repair", "run"], "'run'", "attacked rows")


def test_a_run_without_its_rows(refused, saved):
    (saved / "adversarial.parquet").unlink()
    refused(["repair", "run"], "'run/adversarial.parquet'", "no such file")


def test_a_run_with_its_rows_cut_short(refused, saved):
    path = saved / "adversarial.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    refused(["repair", "run"], "'run/adversarial.parquet'", "altered or cut short", "sha256")


def test_a_run_whose_rows_are_gone_is_not_done(refused, here, finished):
    shutil.copytree(finished, here / "out")
    (here / "out" / "adversarial.parquet").unlink()
    refused(["audit", *QUICK, "--out", "out"], "'out/adversarial.parquet'", "no such file")


@pytest.mark.parametrize("command", ["attack", "repair"])
def test_wrong_options_for_a_saved_run(refused, saved, command):
    refused([command, "run", "--steps", "0"], "steps", "from 1")
    refused([command, "run", "--epsilon", "age=0.1"], "epsilon", "may move")
    refused([command, "run", "--loss", "hinge"], "loss 'hinge'")
    refused([command, "run", "--threads", "0"], "threads")
    refused([command, "run", "--device", "abacus"], "device", "'abacus'")
    refused([command, "run", "--out", "run"], "'run'", "new or empty folder")
