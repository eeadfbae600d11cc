"""The loss of each method, against what its source says, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from planted import linear, random_table
from rafair.auditing.entry import audit
from rafair.engine.progress import SILENT
from rafair.errors import InputError, UnknownNameError
from rafair.hardening.augment import Augment
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.counterpart_logit_pairing import CounterpartLogitPairing
from rafair.hardening.pgd_at import PgdTraining
from rafair.hardening.registry import METHODS, TRAINING, method_named
from rafair.hardening.sampled_neighbours import Neighbourhood
from rafair.hardening.trades import Trades
from rafair.models.training import TrainConfig

WEIGHTS = [1.0, -2.0, 0.5, 3.0, -1.0]
EPSILON = 0.1


@pytest.fixture
def batch():
    table = random_table(64, domains=(3, 2), seed=1)
    around = Neighbourhood.of(table.schema, EPSILON)
    return torch.tensor(table.rows), torch.tensor(table.labels), around


def loss_of(method, batch, module=None, seed=0):
    rows, labels, around = batch
    randomness = torch.Generator().manual_seed(seed)
    return method.loss(module or linear(WEIGHTS), rows, labels, around, randomness).item()


def margins(rows, labels, columns):
    """How far a linear model is from right, at the worst end of the box of some columns."""
    weights = torch.tensor(WEIGHTS)
    way = torch.where(labels == 1, -1.0, 1.0)[:, None]
    worst = rows.clone()
    worst[:, :3] = (rows[:, :3] + EPSILON * way * weights[:3].sign()).clamp(0, 1)
    if columns:  # each sensitive feature at the end of its domain that hurts
        worst[:, 3:] = (way * weights[3:].sign() > 0).float()
    return way[:, 0] * (worst @ weights)


def test_pgd_at_learns_from_the_worst_end_of_the_box(batch):
    rows, labels, _ = batch
    expected = softplus(margins(rows, labels, False)).mean()
    assert loss_of(PgdTraining(), batch) == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("clean", [0.0, 0.3, 1.0])
def test_counterpart_adversarial_mixes_clean_rows_with_the_worst_counterpart(batch, clean):
    rows, labels, _ = batch
    # with 200 drawn, the worst of six is among them for every row
    method = CounterpartAdversarial(counterparts=200, clean=clean)
    worst = softplus(margins(rows, labels, True)).mean()
    plain = cross_entropy(linear(WEIGHTS)(rows), labels)
    expected = clean * plain + (1 - clean) * worst
    assert loss_of(method, batch) == pytest.approx(expected.item(), rel=1e-5)


def test_counterpart_adversarial_never_asks_for_less_than_pgd_at(batch):
    ours = CounterpartAdversarial(clean=0.0)
    assert loss_of(ours, batch) > loss_of(PgdTraining(), batch)


def test_trades_adds_the_divergence_at_the_row_that_changes_most(batch):
    rows, labels, _ = batch
    weights = torch.tensor(WEIGHTS)
    plain = cross_entropy(linear(WEIGHTS)(rows), labels).item()
    assert loss_of(Trades(beta=0.0), batch) == pytest.approx(plain, rel=1e-6)

    def divergence(moved):
        p, q = torch.sigmoid(rows @ weights), torch.sigmoid(moved @ weights)
        return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()

    ends = []
    for way in (-1.0, 1.0):
        moved = rows.clone()
        moved[:, :3] = (rows[:, :3] + EPSILON * way * weights[:3].sign()).clamp(0, 1)
        ends.append(divergence(moved))
    most = torch.maximum(*ends).mean()
    lesser = torch.minimum(*ends).mean()
    found = (loss_of(Trades(beta=2.0), batch) - plain) / 2
    # signed steps climb to one of the two ends, mostly the one that changes more
    assert lesser < found <= most * (1 + 1e-5)
    assert found > 0.85 * most


def test_logit_pairing_adds_the_distance_of_logits(batch):
    rows, labels, around = batch
    module = linear(WEIGHTS)
    other = around.counterparts(rows, 2, torch.Generator().manual_seed(7))[:, 1]
    apart = np.abs((module(rows) - module(other)).detach().numpy()).sum(axis=1).mean()
    expected = cross_entropy(module(rows), labels).item() + 0.5 * apart
    found = loss_of(CounterpartLogitPairing(weight=0.5), batch, seed=7)
    assert found == pytest.approx(expected, rel=1e-5)
    assert apart > 0


def test_augment_adds_rows_in_the_box_of_training_rows_with_their_labels():
    table = random_table(120, domains=(2, 2), seed=3)
    around = Neighbourhood.of(table.schema, EPSILON)
    method = Augment(attacked=60, steps=4)
    rows, labels = method.rows_to_learn(table, around, TrainConfig(epochs=2), SILENT)
    n = len(table)
    assert np.array_equal(rows[:n], table.rows)
    assert len(rows) > n
    assert len(rows) == len(labels)
    for row, label in zip(rows[n:], labels[n:], strict=True):
        same = (table.labels == label) & (table.rows[:, 3:] == row[3:]).all(axis=1)
        assert (np.abs(table.rows[same] - row).max(axis=1) <= EPSILON + 1e-6).any()
    again = method.rows_to_learn(table, around, TrainConfig(epochs=2), SILENT)
    assert np.array_equal(rows, again[0])


def test_augment_learns_from_the_papers_attack_and_not_from_the_judge(monkeypatch):
    """Whatever an audit runs by default: that is what hardened networks are judged by."""
    ran = []

    def listened(*given, **options):
        found = audit(*given, **options)
        ran.extend(found.record.attacks)
        return found

    monkeypatch.setattr("rafair.hardening.augment.audit", listened)
    table = random_table(60, domains=(2, 2), seed=3)
    around = Neighbourhood.of(table.schema, EPSILON)
    Augment(attacked=20, steps=3).rows_to_learn(table, around, TrainConfig(epochs=1), SILENT)
    assert sorted(ran) == ["rafair", "rafair-fb", "rafair-ff", "rafair-tb"]


def test_every_method_says_what_it_does_and_whether_it_uses_sensitive_values():
    for name in METHODS:
        told = method_named(name).to_dict()
        assert told["says"].split()[0] in ("trains", "averages", "repairs")
        assert told["uses_sensitive_values"] is (name != "consensus")
        assert told["kind"] == ("training" if name in TRAINING else "wrapping")
        assert "kind" not in told["options"]


def test_options_are_read_by_the_types_of_their_fields():
    made = method_named("counterpart-adversarial", ["steps=5", "clean=0.5", "draws=2"]).made
    assert made == CounterpartAdversarial(steps=5, clean=0.5, draws=2)
    assert method_named("consensus", ["sample=10"]).made.sample == 10
    assert method_named("consensus", ["sample=none"]).made.sample is None


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("pgd", [], UnknownNameError, "did you mean 'pgd-at'?"),
        ("trades", ["betta=2"], UnknownNameError, "did you mean 'beta'?"),
        ("trades", ["beta=many"], InputError, "expected a number, got 'many'"),
        ("trades", ["beta=-1"], InputError, "method 'trades': beta: expected a number from 0"),
        ("trades", ["steps=0"], InputError, "expected a whole number from 1"),
        ("trades", ["steps=2.5"], InputError, "expected a whole number, got '2.5'"),
        ("trades", ["steps"], InputError, "expected NAME=VALUE, got 'steps'"),
        ("trades", ["steps=2", "steps=3"], InputError, "once, got it twice"),
        ("counterpart-adversarial", ["clean=1.5"], InputError, "up to 1, got 1.5"),
        ("counterpart-adversarial", ["counterparts=1"], InputError, "from 2"),
        ("counterpart-adversarial", ["draws=4"], InputError, "from 1 to 3, got 4"),
        ("consensus", ["kind=benign"], UnknownNameError, "option of consensus 'kind'"),
    ],
)
def test_options_that_are_refused(name, options, error, words):
    with pytest.raises(error) as caught:
        method_named(name, options)
    assert words in str(caught.value)
