"""What every attack must keep to, on models of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import planted
from rafair.attacks.attack_names import attack_named, expand
from rafair.attacks.pgd import PGD
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.attacks.strongest import Strongest
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.errors import UnknownNameError
from rafair.models.losses import LOSSES
from rafair.models.torch_module import TorchClassifier
from rafair.repairs.benign_perturbation import BenignPerturbation
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.queries import Compare, Contrast, Extremes, Follow
from rafair.tabular.counterparts import Counterparts

MODELS = {
    "relu": lambda d: planted.network(d, seed=2),
    "smooth": lambda d: planted.Smooth(d, seed=2),
    "linear": lambda d: planted.linear(list(np.linspace(-2, 2, d))),
    "saturated": lambda d: planted.linear(list(np.linspace(-4000, 4000, d))),
    "constant": lambda d: planted.linear([0.0] * d, bias=1.0),
}
STEPS = 6


def run(attack, model, table, workers, seed_config=None, **options):
    config = seed_config or AuditConfig(steps=STEPS, step_size=0.03, epsilon=0.1)
    sweep = CounterpartEvaluator(
        TorchClassifier(model),
        Counterparts.of(table.schema),
        LOSSES["cross-entropy"],
        workers,
        **options,
    )
    trajectory = attack.run(sweep, table.rows, table.labels, config.budget(table.schema))
    return trajectory, sweep.queries


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param](5)


@pytest.fixture(
    params=[
        *map(attack_named, ATTACKS),
        PGD(restarts=3),
        BenignPerturbation(),
        BenignPerturbation("consensus"),
    ],
    ids=lambda attack: getattr(attack, "name", str(attack)),
)
def attack(request):
    return request.param


@pytest.fixture(scope="module")
def table():
    return planted.random_table(25, domains=(3, 2), seed=9)


def test_stays_in_the_box_and_leaves_sensitive_features_alone(attack, model, table, workers):
    trajectory, _ = run(attack, model, table, workers)
    for rows in trajectory.rows:
        assert np.abs(rows - table.rows).max() <= 0.1 + 1e-6
        assert rows.min() >= 0
        assert rows.max() <= 1
        assert np.array_equal(rows[:, 3:], table.rows[:, 3:])


def test_keeps_exactly_its_steps_and_moves_at_most_one_step_at_a_time(
    attack, model, table, workers
):
    trajectory, _ = run(attack, model, table, workers)
    assert len(trajectory.rows) == len(trajectory.observations) == STEPS + 1
    if not isinstance(getattr(attack, "look", Compare()), Compare):
        return  # random starts, adaptive and single steps are longer, inside the same box
    for before, after in zip(trajectory.rows, trajectory.rows[1:], strict=False):
        assert np.abs(after - before).max() <= 0.03 + 1e-6


def test_spends_no_more_than_it_may(attack, model, table, workers):
    _, queries = run(attack, model, table, workers)
    if isinstance(attack, Strongest):
        spent = queries.gradient_rows + queries.prediction_rows
        assert spent <= len(table) * (attack.most_rows(6, STEPS) + 6)
        return
    rows, look = len(table) * 6, getattr(attack, "look", Compare())
    if isinstance(look, Compare):
        extra = rows if "consensus" in str(attack) else 0
        assert queries.gradient_rows <= rows * STEPS
        assert queries.prediction_rows <= rows + extra
        return
    if isinstance(look, Contrast):
        assert queries.gradient_rows <= 2 * len(table) * STEPS
        assert queries.prediction_rows <= rows * (STEPS + 1)
        return
    restarts = getattr(attack, "restarts", 1)
    if isinstance(look, Extremes):
        assert queries.gradient_rows <= len(table) * STEPS * restarts
        assert queries.prediction_rows <= rows * (STEPS * restarts + 1)
        return
    own = len(table) * (STEPS + 1) if isinstance(look, Follow) else 0
    assert queries.gradient_rows <= own * restarts
    assert queries.prediction_rows <= rows * (STEPS * restarts + 1)


def test_the_same_again_is_the_same(attack, model, table, workers):
    first, second = (run(attack, model, table, workers)[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.rows, second.rows, strict=True))


def test_an_instance_alone_gets_what_it_gets_in_a_batch(attack, model, table, workers):
    together, _ = run(attack, model, table, workers)
    for i in (0, 13):
        alone, _ = run(attack, model, table.take(np.array([i])), workers)
        for step in range(STEPS + 1):
            assert np.array_equal(alone.rows[step][0], together.rows[step][i])
        assert np.array_equal(alone.verdicts()[0], together.verdicts()[i])


def test_leaves_the_model_as_it_was(attack, model, table, workers):
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run(attack, model, table, workers)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_never_claims_what_plain_enumeration_does_not_find(attack, model, table, workers):
    trajectory, _ = run(attack, model, table, workers)
    codes = trajectory.verdicts()
    for step, rows in enumerate(trajectory.rows):
        for i, row in enumerate(rows):
            others = planted.brute_counterparts(row, table)
            with torch.no_grad():
                logits = model(torch.tensor(others)).numpy().astype(np.float64)
                own = model(torch.tensor(row[None])).numpy().astype(np.float64)[0]
            if np.abs(logits[:, 1] - logits[:, 0]).min() < 1e-4:
                continue  # too near the boundary to compare two ways of rounding
            accurate = own.argmax() == table.labels[i]
            fair = (logits.argmax(axis=1) == own.argmax()).all()
            assert codes[i, step] == 2 * (not accurate) + (not fair)


def test_results_do_not_depend_on_threads(attack, model, table):
    rows = []
    for threads in (1, 2):
        with Workers(threads) as pool:
            rows.append(run(attack, model, table, pool, chunk_rows=16)[0].rows)
    assert all(np.array_equal(a, b) for a, b in zip(*rows, strict=True))


def test_frozen_features_do_not_move(attack, model, workers):
    free = [planted.numeric(name, mutable=name != "x1") for name in ("x0", "x1", "x2")]
    features = (*free, planted.numeric("s0", sensitive=3), planted.numeric("s1", sensitive=2))
    source = planted.random_table(10, domains=(3, 2))
    table = planted.table_of(source.rows, source.labels, features)
    trajectory, _ = run(attack, model, table, workers)
    assert all(np.array_equal(rows[:, 1], table.rows[:, 1]) for rows in trajectory.rows)


def test_steps_by_feature_name_move_those_only(workers, table):
    config = AuditConfig(steps=STEPS, step_size={"x0": 0.03, "x2": 0.01})
    trajectory, _ = run(attack_named("rafair-ff"), planted.network(5), table, workers, config)
    moved = np.abs(trajectory.rows[-1] - table.rows).max(axis=0)
    assert moved[1] == 0
    assert moved[0] <= STEPS * 0.03 + 1e-6
    assert 0 < moved[2] <= STEPS * 0.01 + 1e-6


def test_the_wider_set_lets_sensitive_features_move(workers, table):
    config = AuditConfig(steps=STEPS, step_size=0.03, perturb_sensitive=True)
    trajectory, _ = run(attack_named("rafair-ff"), planted.network(5), table, workers, config)
    assert np.abs(trajectory.rows[-1] - table.rows)[:, 3:].max() > 0


def test_unions_name_registered_attacks():
    assert all(member in ATTACKS for members in UNIONS.values() for member in members)
    assert expand(["rafair-fb", "rafair"]) == (["rafair-tb", "rafair-ff", "rafair-fb"], ["rafair"])
    assert expand(["rafair-ff"]) == (["rafair-ff"], [])
    with pytest.raises(UnknownNameError, match="did you mean 'rafair-ff'"):
        expand(["rafair-f"])
