"""The one loop: seeds, the schedule, broken losses, and that it removes what it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rafair
from planted import numeric, random_table, table_of
from rafair.errors import InputError
from rafair.hardening.attack_panel import AttackPanel
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.method import TrainingMethod, cross_entropy_of
from rafair.hardening.pgd_at import PgdTraining
from rafair.hardening.registry import TRAINING
from rafair.hardening.training_loop import RISE, Hardening
from rafair.models.torch_module import TorchClassifier
from rafair.models.training import TrainConfig


def parameters(network):
    return torch.cat([each.flatten() for each in network.parameters()])


def hardened(method, table, **training):
    return Hardening(method, 0.1, TrainConfig(**{"epochs": 2, **training})).train(table)


@pytest.mark.parametrize("name", TRAINING)
def test_the_same_seed_gives_the_same_network_and_another_another(name):
    table = random_table(150)
    first, state = hardened(TRAINING[name](), table)
    again, _ = hardened(TRAINING[name](), table)
    other, _ = hardened(TRAINING[name](), table, seed=1)
    assert torch.equal(parameters(first), parameters(again))
    assert not torch.equal(parameters(first), parameters(other))
    assert state.epoch == 2
    assert not state.broken
    assert not first.training


class Watching(TrainingMethod):
    """Notes how much of epsilon counts."""

    says = "trains as usual"

    def __init__(self):
        self.shares = []

    def loss(self, network, rows, labels, around, randomness):
        self.shares.append(around.share)
        return cross_entropy_of(network, labels)(rows).mean()


def test_epsilon_rises_from_zero_to_its_full_size_and_stays():
    watching = Watching()
    hardened(watching, random_table(256), epochs=10)
    shares = np.array(watching.shares)
    assert len(shares) == 20
    assert np.allclose(shares, np.minimum(1, np.arange(20) / (RISE * 20)))
    assert shares[0] == 0
    assert (shares[6:] == 1).all()


EXPLODES = 1e5
"""Adam moves every parameter by about as much at once; six layers multiply that."""


def test_a_learning_rate_that_explodes_keeps_the_last_good_network():
    table = rafair.load_dataset("affairs").train.take(np.arange(128))
    kept = []

    class Keeper:
        def rows(self):
            return None

        def keep_rows(self, rows, labels):
            raise AssertionError("the table's own rows need not be kept")

        def state(self):
            return None

        def keep(self, state):
            kept.append(state)

    training = TrainConfig(epochs=12)
    object.__setattr__(training, "learning_rate", EXPLODES)  # beyond what it lets a user ask for
    network, state = Hardening(PgdTraining(), 0.05, training).train(table, keeper=Keeper())
    assert state.broken
    assert 1 <= state.epoch < 12
    assert kept[-1].broken
    assert bool(torch.isfinite(network(torch.tensor(table.rows))).all())
    good = kept[-2]
    assert good.epoch == state.epoch
    for name, value in network.state_dict().items():
        assert torch.equal(value, good.network[name])


def test_a_loss_that_breaks_down_at_once_leaves_no_network():
    class Broken(Watching):
        def loss(self, network, rows, labels, around, randomness):
            return super().loss(network, rows * torch.inf, labels, around, randomness)

    with pytest.raises(InputError, match="first epoch: the loss is not a finite number"):
        hardened(Broken(), random_table(50))


def test_a_planted_bias_that_ordinary_training_learns_is_removed():
    """The label follows x0 in all rows; s0 tells it as well in nine of ten, and more clearly."""
    drawn = np.random.default_rng(0)
    x = drawn.random((1500, 2)).astype(np.float32)
    labels = (x[:, 0] > 0.5).astype(np.int64)
    s = np.where(drawn.random(1500) < 0.9, labels, 1 - labels)
    # what is legitimate is blurred near the boundary, so that leaning on s pays
    x[:, 0] = np.clip(x[:, 0] + drawn.normal(0, 0.15, 1500), 0, 1)
    features = (numeric("x0"), numeric("x1"), numeric("s0", sensitive=2))
    table = table_of(np.column_stack([x, s]), labels, features)
    test = table.take(np.arange(1300, 1500))
    learnt = table.take(np.arange(1300))
    config = TrainConfig(epochs=15)
    judge = AttackPanel(test, attacks=("rafair",), steps=10)
    ordinary = judge(TorchClassifier(rafair.train(learnt, config)), 0.05)
    network, _ = Hardening(CounterpartAdversarial(), 0.05, config).train(learnt)
    ours = judge(TorchClassifier(network), 0.05)
    assert ordinary.fair.mean() < 0.7
    assert ours.fair.mean() > 0.95
    assert ours.both.mean() > ordinary.both.mean() + 0.15
