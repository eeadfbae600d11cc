"""What is computed on an accelerator agrees with the CPU, for every attack and for verdicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rafair
from commands import rafair as command
from rafair.attacks.registry import ATTACKS


def available() -> list[str]:
    found = ["cuda"] if torch.cuda.is_available() else []
    return [*found, "mps"] if torch.backends.mps.is_available() else found


pytestmark = pytest.mark.skipif(not available(), reason="needs an accelerator that torch can use")

INSTANCES = 60


@pytest.fixture(scope="module")
def data():
    return rafair.load_dataset("affairs")


@pytest.fixture(scope="module")
def network(data):
    return rafair.train(data.train, rafair.TrainConfig(epochs=3))


@pytest.mark.parametrize("device", available())
@pytest.mark.parametrize("attack", [None, *ATTACKS])
def test_agrees_with_the_cpu(data, network, attack, device):
    """Other rounding decides near-ties otherwise; no more than a few instances may tell."""
    attacks = () if attack is None else (attack,)
    frames = [
        rafair.audit(
            network, data.test, attacks=attacks, instances=INSTANCES, steps=5, device=place
        ).adversarial
        for place in ("cpu", device)
    ]
    assert len(frames[0]) == len(frames[1])
    clean = [frame[frame["step"] == 0] for frame in frames]
    np.testing.assert_allclose(clean[0]["loss"], clean[1]["loss"], rtol=1e-3, atol=1e-5)
    differ = (frames[0]["verdict"].to_numpy() != frames[1]["verdict"].to_numpy()).mean()
    assert differ <= 0.02


@pytest.mark.parametrize("device", available())
def test_repeats_itself(data, network, device):
    first, second = (
        rafair.audit(network, data.test, instances=INSTANCES, steps=3, device=device).adversarial
        for _ in range(2)
    )
    assert first.equals(second)


@pytest.mark.parametrize("device", available())
def test_the_command(tmp_path, device):
    options = ("--epochs", "1", "--instances", "20", "--steps", "2")
    command("audit", *options, "--device", device, "--out", tmp_path / "run")
    assert rafair.Audit.load(tmp_path / "run").document["environment"]["device"] == device
