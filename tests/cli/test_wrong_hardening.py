"""Wrong input to `rafair harden`: exit code 2, one line, nothing left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rafair.cli.main import run

FUNCTION = """
import numpy as np
def answer(rows):
    return np.stack([rows[:, 0] * 0 + 0.4, rows[:, 0] * 0 + 0.6], axis=1)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved network."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    assert run(["train", "--epochs", "1", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """A folder with a table, a Python function and a saved network."""
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame({"x": drawn.random(40), "sex": ["f", "m"] * 20, "ok": [0, 1, 1, 0] * 10})
    frame.to_csv("people.csv", index=False)
    Path("own.py").write_text(FUNCTION)
    Path("model").symlink_to(model)
    return tmp_path


@pytest.fixture
def refused(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Runs a command that must be refused in one line."""

    def check(command: str, *words: str) -> None:
        before = sorted(here.rglob("*"))
        capsys.readouterr()
        code = run(["harden", *command.split()])
        streams = capsys.readouterr()
        assert code == 2, streams
        assert streams.out == ""
        assert streams.err.startswith("rafair: ")
        assert streams.err.count("\n") == 1, streams.err
        for word in words:
            assert word in streams.err
        left = [path for path in sorted(here.rglob("*")) if "__pycache__" not in str(path)]
        assert left == before

    return check


OWN = "--data people.csv --label ok --sensitive sex --model own.py:answer --model-output logits"

WRONG = {
    "epsilon of zero": ("--epsilon 0", "--epsilon: expected a number above 0 up to 1, got 0.0"),
    "negative epsilon": ("--epsilon -0.1", "--epsilon: expected a number above 0", "-0.1"),
    "epsilon above the range": ("--epsilon 1.5", "up to 1, got 1.5"),
    "epsilon that is none": ("--epsilon nan", "--epsilon: expected a number", "nan"),
    "infinite epsilon": ("--epsilon inf", "--epsilon: expected a number", "inf"),
    "judged epsilon of zero": ("--epsilons 0.05,0", "--epsilons: expected a number above 0", "0.0"),
    "no judged epsilon": ("--epsilons ,", "--epsilons: expected numbers separated by commas"),
    "judged epsilon in words": ("--epsilons small", "expected numbers", "'small'"),
    "method": ("--method trade", "unknown method 'trade'", "did you mean 'trades'?", "consensus"),
    "option": ("--option stepz=3", "option of counterpart-adversarial 'stepz'", "'steps'?"),
    "option out of range": ("--option clean=2", "weight of clean rows", "up to 1, got 2.0"),
    "option in words": ("--option steps=many", "expected a whole number, got 'many'"),
    "option without value": ("--option steps", "expected NAME=VALUE, got 'steps'"),
    "option of another method": ("--method trades --option clean=1", "option of trades 'clean'"),
    "no models": ("--models 0", "--models: expected a whole number from 1", "got 0"),
    "no epochs": ("--epochs 0", "--epochs: expected a whole number from 1", "got 0"),
    "no instances": ("--instances 0", "--instances: expected a whole number from 1"),
    "more instances than rows": ("--instances 5000", "expected at most 1,274", "5,000"),
    "no steps": ("--steps 0", "--steps: expected a whole number from 1"),
    "steps of the teacher": ("--steps 3", "expected more than 3", "must not be the teacher"),
    "steps of the augmenter": ("--method augment --steps 10", "expected more than 10"),
    "judge": ("--judges rafiar", "unknown attack 'rafiar'", "did you mean 'rafair'"),
    "judge beside all": ("--judges all,pgd", "unknown attack 'all'"),
    "judge twice": ("--judges pgd,pgd", "--judges: expected names, each once"),
    "no judge": ("--judges ,", "--judges: expected names"),
    "perturbation": ("--perturbation both", "unknown perturbation 'both'"),
    "learning rate": ("--learning-rate 7", "--learning-rate: expected a number above 0 up to 1"),
    "data set": ("--dataset affair", "unknown data set 'affair'", "did you mean 'affairs'?"),
    "device": ("--device nonsense", "device", "'nonsense'"),
    "nothing to resume": (
        "--resume --out run",
        "--resume: expected unfinished work",
        "run.partial",
    ),
    "nothing to resume anywhere": ("--resume", "--resume: expected unfinished work"),
    "data without model": ("--data people.csv --label ok --sensitive sex", "--data: expected with"),
    "label without data": ("--label ok", "--label: expected with --data"),
    "data set and data": (f"--dataset affairs {OWN}", "--dataset: expected not to be given"),
    "epochs of a saved network": ("--model model --epochs 3", "--epochs: expected not to be given"),
    "several of a saved network": ("--model model --models 3", "--models: expected 1 with --model"),
    "several of one's own": (f"{OWN} --method consensus --models 2", "--models: expected 1 with"),
    "no saved network": ("--model nowhere", "nowhere"),
    "another data set's network": ("--model model --dataset credit", "credit", "affairs"),
    "training a model of one's own": (OWN, "counterpart-adversarial", "consensus", "trained"),
    "training it by another": (f"{OWN} --method trades", "method 'trades'", "without gradients"),
    "repairing without gradients": (f"{OWN} --method benign", "gradients", "consensus"),
    "judging without gradients": (
        f"{OWN} --method consensus --judges pgd",
        "judges: 'pgd' needs gradients",
        "rafair, worst-counterpart, noise",
    ),
    "a sample larger than the domain": (
        "--model model --method consensus --option sample=1000",
        "consensus sample",
        "24",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_wrong_input(refused, case):
    command, *words = case
    refused(command, *words)


def test_a_wrapped_network_is_not_wrapped_again(refused, here):
    quick = ["--instances", "5", "--steps", "4", "--epsilons", "0.05", "--judges", "apgd"]
    options = ["--model", "model", "--method", "consensus", *quick, "--out", "once"]
    assert run(["harden", *options]) == 0
    refused("--model once/after-0 --method consensus", "without a wrapper", "'consensus'")


def test_another_command_does_not_take_a_finished_folder(refused, here):
    quick = ["--epochs", "1", "--instances", "5", "--steps", "4", "--judges", "apgd"]
    assert run(["harden", *quick, "--epsilons", "0.05", "--out", "once"]) == 0
    refused("--epochs 1 --out once", "expected a new or empty folder")


def test_a_function_of_ones_own_is_wrapped_in_a_consensus(here, capsys):
    quick = ["--steps", "2", "--epsilons", "0.1", "--out", "wrapped", "--json", "-"]
    assert run(["harden", *OWN.split(), "--instances", "all", "--method", "consensus", *quick]) == 0
    import json

    content = json.loads(capsys.readouterr().out)
    assert content["judges"]["attacks"] == ["strongest"]
    assert content["judges"]["black_box"] is True
    assert content["after"]["robust"]["0.1"]["individual_fairness"]["value"] == 1
    assert content["checks"]["masking"] is None
    assert any("gives no gradients" in warning for warning in content["warnings"])
    assert content["dataset"]["file"]["name"] == "people.csv"
