"""A hardened network saved, loaded, exported and audited: the same rates every time."""

from __future__ import annotations

import rederive
from commands import document, rafair, without
from rafair import TrainConfig, audit, load_dataset
from rafair.hardening.registry import TRAINING
from rafair.hardening.training_loop import Hardening
from rafair.models.models_by_name import open_model

AUDIT = {"instances": 30, "steps": 4, "epsilon": 0.05, "step_size": 0.02}
COUNTED = ("seconds", "gradient_rows", "prediction_rows")


def rates(found):
    return without(COUNTED, {key: found[key] for key in ("clean", "attacks", "repairs", "groups")})


def test_a_hardened_network_has_the_same_rates_wherever_it_is_read_from(tmp_path):
    options = ["--epochs", "2", "--instances", "20", "--steps", "5", "--epsilons", "0.05"]
    rafair("harden", *options, "--out", tmp_path / "hardened")
    saved = tmp_path / "hardened" / "after-0"

    data = load_dataset("affairs")
    method = TRAINING["counterpart-adversarial"]()
    network, _ = Hardening(method, 0.05, TrainConfig(epochs=2)).train(data.train)
    in_memory = rates(audit(network, data.test, **AUDIT).document)

    given = [f"--{name.replace('_', '-')}={value}" for name, value in AUDIT.items()]
    rafair("audit", "--model", saved, *given, "--out", tmp_path / "run")
    assert rates(document(tmp_path / "run")) == in_memory

    exported = open_model(saved / "model.onnx", data.test.schema)
    assert rates(audit(exported, data.test, **AUDIT).document) == in_memory
    # by onnxruntime, over all counterparts of every stored row, with no code of ours
    assert rederive.check(tmp_path / "run").lines() == []
