"""`rafair harden`: the folder it leaves, its figures, and interruptions."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import rafair as package
from commands import call, rafair
from forked import Forked
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.models.model_folder import load_model

QUICK = ("harden", "--epochs", "2", "--instances", "20", "--steps", "4", "--epsilons", "0.02,0.1")
LONG = (*QUICK[:1], "--epochs", "12", "--judges", "apgd", *QUICK[3:7], "--epsilons", "0.05")
PROGRAM = "from rafair.cli.main import main; main()"
PATIENCE = 120
RATE = {"value", "sd", "low", "high"}
COUNTED = {"value", "count", "n", "low", "high"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harden") / "run"
    rafair(*QUICK, "--models", "2", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is long enough to be interrupted, undisturbed."""
    folder = tmp_path_factory.mktemp("harden") / "run"
    rafair(*LONG, "--out", folder)
    return folder


def document(folder: Path) -> dict:
    return json.loads((folder / "harden.json").read_text())


def figures(folder: Path) -> dict:
    """All that two runs of one command have in common."""
    content = document(folder)
    for key in ("created", "command", "environment", "digest"):
        del content[key]
    for one in content["each"]:
        del one["seconds"]
    return content


def test_the_folder_holds_models_document_and_plot(quick):
    names = sorted(path.name for path in quick.iterdir())
    models = [f"{side}-{seed}" for side in ("after", "before") for seed in (0, 1)]
    assert names == [*models, "harden.json", "tradeoff.png", "tradeoff.svg"]
    for name in models:
        _, description = load_model(quick / name)
        if name.startswith("before"):
            assert description.hardened is None
        else:
            assert description.hardened.method == "counterpart-adversarial"
            assert description.hardened.epsilon == 0.05
            assert description.hardened.options["steps"] == 3
            assert description.hardened.stopped_after_epoch is None


def test_rates_are_told_for_each_network_and_as_means(quick):
    content = document(quick)
    assert content["seeds"] == [0, 1]
    assert content["judges"]["epsilons"] == [0.02, 0.05, 0.1]
    assert content["judges"]["counterparts"] == "all"
    for side in ("before", "after"):
        mean, each = content[side], [one[side] for one in content["each"]]
        assert set(mean["robust"]) == {"0.02", "0.05", "0.1"}
        for epsilon, rates in mean["robust"].items():
            for name, rate in rates.items():
                assert set(rate) == RATE
                values = [one["robust"][epsilon][name]["value"] for one in each]
                assert rate["value"] == pytest.approx(np.mean(values))
                assert rate["sd"] == pytest.approx(np.std(values, ddof=1))
                assert rate["low"] <= rate["value"] <= rate["high"]
            robust = [rates[name]["value"] for name in rates]
            assert robust[2] <= min(robust[:2])
            clean = mean["clean"]
            assert all(rates[name]["value"] <= clean[name]["value"] + 1e-12 for name in rates)
        for one in each:
            assert set(one["robust"]["0.05"]["accuracy"]) == COUNTED
            assert one["test"]["accuracy"]["n"] == 1274


def test_what_is_proven_stands_below_what_the_judges_left(quick, tmp_path):
    assert document(quick)["certified"] is None
    rafair(*QUICK, "--certify", "--boxes", "50", "--out", tmp_path / "run")
    content = document(tmp_path / "run")
    found = content["certified"]
    assert (found["boxes"], found["said"]) == (50, [])
    for one, network in zip(found["each"], content["each"], strict=True):
        for where in ("before", "after"):
            for epsilon, robust in network[where]["robust"].items():
                for name, verdicts in one[where][epsilon].items():
                    parts = [rate["value"] for rate in verdicts.values()]
                    assert sum(parts) == pytest.approx(1)
                    left = 1 - verdicts["refuted"]["value"]
                    assert verdicts["certified"]["value"] <= left + 1e-9
                    assert left <= robust[name]["value"] + 1e-9
    assert found["after"]["0.02"]["accurate_fairness"]["certified"]["value"] > 0
    done = call("harden", "--boxes", "5", "--out", tmp_path / "other")
    assert (done.code, done.err) == (
        2,
        "rafair: --boxes: expected with --certify, which it belongs to; got '5'\n",
    )


def test_accuracies_are_those_of_the_saved_networks(quick):
    test = package.load_dataset("affairs").test
    for number, one in enumerate(document(quick)["each"]):
        for side in ("before", "after"):
            network, _ = load_model(quick / f"{side}-{number}")
            with torch.no_grad():
                right = (network(torch.tensor(test.rows)).argmax(1).numpy()) == test.labels
            assert one[side]["test"]["accuracy"]["count"] == right.sum()
            recalls = [right[test.labels == c].mean() for c in (0, 1)]
            balanced = one[side]["test"]["balanced_accuracy"]["value"]
            assert balanced == pytest.approx(np.mean(recalls))


def test_the_network_before_is_the_one_that_train_gives(quick, tmp_path):
    rafair("train", "--epochs", "2", "--seed", "1", "--out", tmp_path / "m")
    ours = (quick / "before-1" / "model.safetensors").read_bytes()
    assert ours == (tmp_path / "m" / "model.safetensors").read_bytes()


def test_the_same_command_again_says_that_it_is_done(quick):
    before = (quick / "harden.json").stat().st_mtime_ns
    done = rafair(*QUICK, "--models", "2", "--out", quick)
    assert "done before" in done.err
    assert (quick / "harden.json").stat().st_mtime_ns == before


def test_the_table_says_first_what_was_gained_and_what_it_cost(quick):
    out = " ".join(rafair(*QUICK, "--models", "2", "--out", quick).out.split())
    assert out.startswith("Robust accurate fairness at epsilon 0.05 ")
    assert "accuracy on the test split went from" in out
    assert "still looks at a row's own age and religious" in out
    assert "R-AF at 0.05" in out
    for word in ("debiased", "guarantee", "is fair"):
        assert word not in out


def test_json_goes_to_stdout(quick):
    done = rafair(*QUICK, "--models", "2", "--out", quick, "--json", "-")
    assert json.loads(done.out) == document(quick)


def test_a_saved_network_is_trained_anew_as_it_was(quick, tmp_path):
    options = (*QUICK[:1], *QUICK[3:], "--model", quick / "before-1", "--out", tmp_path / "r")
    rafair(*options)
    content = document(tmp_path / "r")
    assert content["seeds"] == [1]
    assert content["training"]["epochs"] == 2
    for side in ("before", "after"):
        name = f"{side}-1/model.safetensors"
        assert (tmp_path / "r" / name).read_bytes() == (quick / name).read_bytes()


def test_consensus_keeps_all_counterparts_alike_under_every_judge(quick, tmp_path):
    options = (*QUICK[:1], *QUICK[3:], "--model", quick / "before-0", "--method", "consensus")
    done = rafair(*options, "--judges", "all", "--out", tmp_path / "r")
    content = document(tmp_path / "r")
    assert content["after"]["clean"]["individual_fairness"]["value"] == 1
    for rates in content["after"]["robust"].values():
        assert rates["individual_fairness"]["value"] == 1
    assert content["judges"]["attacks"][0] == "rafair"
    assert len(content["judges"]["attacks"]) == len(ATTACKS) - len(UNIONS["rafair"]) + 1
    assert content["training"] is not None
    # it trains at no epsilon: those that were asked for are judged and told
    assert content["judges"]["epsilons"] == [0.02, 0.1]
    assert (content["epsilon"], set(content["after"]["robust"])) == (0.02, {"0.02", "0.1"})
    assert " at epsilon 0.02, 0.1, before and after" in done.err
    assert "at epsilon 0.02 " in " ".join(done.out.split())
    assert "0.05" not in content["change"]["robust"]
    assert "does not look at a row's own age and religious" in " ".join(done.out.split())


def test_the_time_left_is_told_once_where_the_most_said_too_much(tmp_path, monkeypatch):
    few = (*QUICK[:1], *QUICK[3:], "--epochs", "1", "--judges", "noise")
    monkeypatch.setattr(
        "rafair.hardening.hardening_run.measure_rate", lambda *_: 1.0
    )  # row per second
    told = rafair(*few, "--out", tmp_path / "slow").err
    assert len(re.findall(r"about \d+ s left to judge", told)) == 1
    monkeypatch.setattr("rafair.hardening.hardening_run.measure_rate", lambda *_: 1e12)
    assert "left to judge" not in rafair(*few, "--out", tmp_path / "short").err


# interruptions ---------------------------------------------------------------------------------


def begun(folder: Path) -> Forked:
    """The long one in a process of its own, once three epochs are kept."""
    process = Forked(*LONG, "--out", folder)
    state = folder.with_name("run.partial") / "work" / "training-0" / "state.json"
    until = time.monotonic() + PATIENCE
    while epochs_of(state) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    return process


def epochs_of(state: Path) -> int:
    try:
        return int(json.loads(state.read_text()).get("epoch", 0))
    except (OSError, ValueError):
        return 0


def test_a_training_that_was_killed_carries_on_to_the_same_bytes(long, tmp_path):
    process = begun(tmp_path / "run")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    partial = tmp_path / "run.partial"
    reached = epochs_of(partial / "work" / "training-0" / "state.json")
    assert 3 <= reached < 12
    assert not (partial / "after-0" / "model.json").exists()
    done = rafair(*LONG, "--out", tmp_path / "run", "--resume")
    assert "carrying on where it was left" in done.err
    assert not partial.exists()
    for name in ("before-0", "after-0"):
        for file in ("model.safetensors", "model.json", "model.onnx"):
            ours = (tmp_path / "run" / name / file).read_bytes()
            assert ours == (long / name / file).read_bytes()
    assert figures(tmp_path / "run") == figures(long)


def test_an_interrupted_command_says_how_to_carry_on(tmp_path):
    process = begun(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.splitlines()[-1] == ("rafair: interrupted; run the same command again to carry on")
    assert (tmp_path / "run.partial" / "plan.json").exists()


def test_a_training_that_was_altered_is_told_and_done_again(long, tmp_path):
    process = begun(tmp_path / "run")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    training = tmp_path / "run.partial" / "work" / "training-0"
    state = json.loads((training / "state.json").read_text())
    name = f"epoch-{state['epoch']}.safetensors"
    (training / name).write_bytes((training / name).read_bytes()[:100])
    done = call(*LONG, "--out", tmp_path / "run")
    assert done.code == 0
    told = [line for line in done.err.splitlines() if "that training is done again" in line]
    assert len(told) == 1
    assert figures(tmp_path / "run") == figures(long)


def test_stopped_before_the_last_name(tmp_path, monkeypatch):
    """Nothing is judged again, but the plot is drawn again: it may have been cut short."""

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rafair.engine.run_folder.RunFolder.finish", stop)
        assert call(*QUICK, "--out", tmp_path / "run").code == 130
    partial = tmp_path / "run.partial"
    written = (partial / "harden.json").read_bytes()
    assert not (partial / "work").exists()
    (partial / "tradeoff.png").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("rafair.hardening.hardening_run._Run.go", stop)
        done = rafair(*QUICK, "--out", tmp_path / "run")
    assert done.err.splitlines()[-1].endswith("carrying on where it was left: all parts are done")
    assert (tmp_path / "run" / "harden.json").read_bytes() == written
    assert (tmp_path / "run" / "tradeoff.png").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_force_replaces_one_in_which_a_network_was_altered(quick, tmp_path):
    shutil.copytree(quick, tmp_path / "run")
    network = tmp_path / "run" / "after-1" / "model.safetensors"
    network.write_bytes(network.read_bytes()[:-1])
    command = (*QUICK, "--models", "2", "--out", tmp_path / "run")
    assert call(*command).code == 2
    rafair(*command, "--force")
    assert figures(tmp_path / "run") == figures(quick)
    assert network.read_bytes() == (quick / "after-1" / "model.safetensors").read_bytes()
