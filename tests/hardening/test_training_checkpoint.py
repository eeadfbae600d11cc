"""What an interrupted training leaves, and what of it is used."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import torch

from planted import random_table
from rafair.hardening.augment import Augment
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.training_checkpoint import ROWS, STATE, Checkpoint
from rafair.hardening.training_loop import Hardening
from rafair.models.training import TrainConfig

TABLE = random_table(120)
METHODS = {"plain": CounterpartAdversarial(), "with rows": Augment(attacked=30, steps=2)}


class Stopped(Exception):
    pass


class Notes:
    """Takes down what it is told."""

    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


class Dying(Checkpoint):
    """Ends the process's work after so many epochs."""

    last = 2

    def keep(self, state):
        super().keep(state)
        if state.epoch == self.last:
            raise Stopped


def training(method=None):
    return Hardening(method or CounterpartAdversarial(), 0.1, TrainConfig(epochs=5))


@functools.cache
def undisturbed(name: str) -> torch.nn.Sequential:
    """The network that a training gives which nobody stops."""
    network, _ = training(METHODS[name]).train(TABLE)
    return network


def interrupted(folder: Path, method=None, last=2):
    dying = Dying(folder, "key")
    dying.last = last
    with pytest.raises(Stopped):
        training(method).train(TABLE, keeper=dying)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("last", [1, 4])
def test_a_training_that_is_carried_on_gives_the_same_network(tmp_path, name, last):
    whole, method = undisturbed(name), METHODS[name]
    interrupted(tmp_path / "t", method, last)
    kept = Checkpoint(tmp_path / "t", "key")
    assert kept.state().epoch == last
    assert (kept.rows() is not None) == isinstance(method, Augment)
    network, state = training(method).train(TABLE, keeper=kept)
    assert state.epoch == 5
    for name, value in whole.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_rows_that_were_kept_are_not_sought_again(tmp_path, monkeypatch):
    method = Augment(attacked=30, steps=2)
    interrupted(tmp_path / "t", method)

    def again(*_):
        raise AssertionError("sought again")

    monkeypatch.setattr(Augment, "rows_to_learn", again)
    training(method).train(TABLE, keeper=Checkpoint(tmp_path / "t", "key"))


def test_only_the_last_epoch_is_kept(tmp_path):
    interrupted(tmp_path / "t", last=3)
    names = sorted(path.name for path in (tmp_path / "t").iterdir())
    assert names == ["epoch-3.safetensors", STATE]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


def later(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"epoch": 4}))


SPOILT = {
    "cut short": (cut_short, "epoch-2.safetensors", "epoch-2.safetensors that was altered or cut"),
    "altered": (flip, "epoch-2.safetensors", "epoch-2.safetensors that was altered or cut"),
    "gone": (Path.unlink, "epoch-2.safetensors", "epoch-2.safetensors that was altered or cut"),
    "state cut short": (cut_short, STATE, f"has no {STATE} as it was written"),
    "state altered": (later, STATE, f"has no {STATE} as it was written"),
    "rows altered": (flip, ROWS, f"{ROWS} that was altered or cut"),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_what_was_altered_is_told_in_a_line_and_done_again(tmp_path, case):
    spoil, name, words = case
    method = METHODS["with rows"]
    interrupted(tmp_path / "t", method)
    spoil(tmp_path / "t" / name)
    notes = Notes()
    kept = Checkpoint(tmp_path / "t", "key", notes)
    (line,) = notes.lines
    assert words in line
    assert line.endswith("that training is done again")
    assert kept.state() is None
    assert kept.rows() is None
    network, _ = training(method).train(TABLE, keeper=kept)
    whole = undisturbed("with rows")
    assert torch.equal(next(network.parameters()), next(whole.parameters()))


def test_another_plan_is_not_carried_on(tmp_path):
    interrupted(tmp_path / "t")
    notes = Notes()
    assert Checkpoint(tmp_path / "t", "other", notes).state() is None
    assert "is of another plan" in notes.lines[0]


def test_nothing_kept_is_nothing_to_tell(tmp_path):
    notes = Notes()
    (tmp_path / "t").mkdir()
    assert Checkpoint(tmp_path / "t", "key", notes).state() is None
    assert not notes.lines
