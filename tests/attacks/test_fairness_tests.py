"""ADF, EIDIG and DICE: brute force on lattices, plain re-implementations, and what phases promise.

A lattice of eighths or of finer dyadic steps is exact in single precision, so that rows can be
compared without tolerance and every discriminatory input of it can be listed.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import planted
from rafair.attacks.adf import ADF
from rafair.attacks.attack_names import attack_named
from rafair.attacks.dice import DICE
from rafair.attacks.eidig import EIDIG
from rafair.attacks.pgd import PGD
from rafair.attacks.registry import ATTACKS
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.losses import LOSSES
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.queries import Follow
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet

TESTS = [ADF(), EIDIG(), DICE()]
N_FREE, DOMAINS = 3, (3, 2)
SENSITIVE = np.float32(list(itertools.product([0, 0.5, 1], [0, 1])))
"""All combinations of sensitive values, in the order of their indices; shape `(6, 2)`."""


by_name = pytest.mark.parametrize("attack", TESTS, ids=lambda attack: attack.name)


@pytest.fixture(scope="module")
def pool():
    with Workers(1) as made:
        yield made


def run(attack, model, table, workers, *, steps=20, step, epsilon, seed=0, gradient_rows=None):
    """The trajectory, and what the model was asked."""
    counterparts = Counterparts.of(table.schema)
    sweep = CounterpartEvaluator(
        TorchClassifier(model), counterparts, LOSSES["cross-entropy"], workers, chunk_rows=512
    )
    box = PerturbationSet.of(table.schema, epsilon)
    sizes = np.full(len(table.schema), step, np.float32)
    budget = Budget(steps, sizes, box, seed, gradient_rows)
    return attack.run(sweep, table.rows, table.labels, budget), sweep.queries


def dyadic_table(n, parts, *, seed=0, low=0.0, high=1.0):
    """Rows whose free features are whole multiples of `1 / parts` between `low` and `high`."""
    source = planted.random_table(n, n_free=N_FREE, domains=DOMAINS, seed=seed)
    rows = source.rows.copy()
    free = low + (high - low) * rows[:, :N_FREE]
    rows[:, :N_FREE] = np.round(free * parts) / parts
    return planted.table_of(rows, source.labels, source.schema.features)


def logits_of(model, rows):
    """Logits of all counterparts of rows `(n, 5)`, by plain enumeration; `(n, 6, c)`."""
    others = np.repeat(np.asarray(rows, np.float32)[:, None], len(SENSITIVE), axis=1)
    others[:, :, N_FREE:] = SENSITIVE
    with torch.no_grad():
        logits = model(torch.tensor(others.reshape(-1, N_FREE + 2)))
    return logits.numpy().reshape(len(rows), len(SENSITIVE), -1)


def treated_unlike(model, rows):
    predictions = logits_of(model, rows).argmax(axis=2)
    return (predictions != predictions[:, :1]).any(axis=1)


def stored(trajectory):
    """The iterates `(n, T, d)` without the start, and which were called unfair; `(n, T)`."""
    rows = np.stack(trajectory.rows[1:], axis=1)
    return rows, np.stack([~seen.fair for seen in trajectory.observations[1:]], axis=1)


# --- Brute force on a lattice of eighths ---

EIGHTH, REACH = 1 / 8, 3 / 8


def less_sensitive(model, share):
    """The same network, whose sensitive inputs count for less."""
    first = next(p for p in model.parameters() if p.dim() == 2)
    with torch.no_grad():
        columns = first[:, N_FREE:] if first.shape[1] == N_FREE + 2 else first[N_FREE:]
        columns.mul_(share)
    return model


PLANTED = {
    "relu": lambda seed: less_sensitive(planted.network(5, seed=seed + 1, scale=2.0), 0.5),
    "smooth": lambda seed: less_sensitive(planted.Smooth(5, seed=seed), 0.5),
    # a step of one feature moves the logit by up to .375, all sensitive values together by .25
    "thin": lambda seed: planted.linear([3.0, -2.0, 1.5, 0.15, 0.1], -1.07 - 0.2 * seed),
}


class Lattice:
    """A model, a table on the lattice, and all there is to be found."""

    def __init__(self, kind, seed):
        self.model, self.table = PLANTED[kind](seed), dyadic_table(50, 8, seed=seed)
        points = np.zeros((9**N_FREE, N_FREE + 2), np.float32)
        points[:, :N_FREE] = np.array(list(itertools.product(range(9), repeat=N_FREE))) / 8
        logits = logits_of(self.model, points)
        assert np.abs(logits[:, :, 1] - logits[:, :, 0]).min() > 1e-5  # no rounding decides
        self.unlike = treated_unlike(self.model, points)

    def at(self, rows):
        """Whether the lattice says that counterparts of these rows differ."""
        places = np.round(rows[..., :N_FREE] * 8).astype(int)
        assert np.array_equal(places / 8, rows[..., :N_FREE])
        return self.unlike.reshape(9, 9, 9)[tuple(np.moveaxis(places, -1, 0))]

    def exists(self):
        """For which rows the lattice holds a discriminatory input inside Δ."""
        places = np.array(list(itertools.product(range(9), repeat=N_FREE))) / 8
        gaps = np.abs(self.table.rows[:, None, :N_FREE] - places).max(axis=2)
        return ((gaps <= REACH) & self.unlike).any(axis=1)


@pytest.fixture(scope="module", params=PLANTED)
def lattices(request):
    return request.param, [Lattice(request.param, seed) for seed in range(3)]


def share_found(attack, lattices, workers):
    """Of the rows for which there is something to be found, the share for which it was."""
    exist, fair_at_first, found = 0, 0, 0
    for lattice in lattices:
        options = {"step": EIGHTH, "epsilon": REACH}
        trajectory, _ = run(attack, lattice.model, lattice.table, workers, **options)
        rows, unlike = stored(trajectory)
        assert np.array_equal(unlike, lattice.at(rows))
        assert np.abs(rows - lattice.table.rows[:, None]).max() <= REACH
        assert np.array_equal(
            rows[:, :, N_FREE:], np.repeat(lattice.table.rows[:, None, N_FREE:], 20, axis=1)
        )
        exists = lattice.exists()
        assert not (unlike.any(axis=1) & ~exists).any()
        exist += exists.sum()
        fair_at_first += (exists & ~lattice.at(lattice.table.rows)).sum()
        found += unlike.any(axis=1).sum()
    assert fair_at_first >= 60  # there was something to search for
    return found / exist


@by_name
def test_calls_unfair_just_what_is_and_finds_what_brute_force_finds(attack, lattices, pool):
    assert share_found(attack, lattices[1], pool) >= 0.95


@by_name
def test_the_published_steps_jump_over_thin_bands(attack, pool):
    thin = [Lattice("thin", seed) for seed in range(3)]
    assert share_found(replace(attack, fine_steps=False), thin, pool) < 0.8


# --- The global phases beside plain re-implementations ---


class Plain:
    """One instance in double precision: probabilities by autograd, no batches.

    Args:
        model: A model of two classes.
        row: The clean row; its first three features may move.
        step: The length of a step.
        epsilon: The half-width of the box.
    """

    def __init__(self, model, row, step, epsilon):
        self.model, self.step = model, step
        self.start = row.astype(np.float64)
        self.low, self.high = self.start.copy(), self.start.copy()
        self.low[:N_FREE] = np.maximum(0, self.start[:N_FREE] - epsilon)
        self.high[:N_FREE] = np.minimum(1, self.start[:N_FREE] + epsilon)
        self.unsure = False  # whether rounding may decide another way

    def counterparts(self, x):
        others = np.repeat(x[None], len(SENSITIVE), axis=0)
        others[:, N_FREE:] = SENSITIVE
        return others

    def probabilities(self, rows):
        inputs = torch.tensor(rows, requires_grad=True)
        return inputs, self.model(inputs).softmax(dim=1)

    def biased(self, x):
        _, shares = self.probabilities(self.counterparts(x))
        self.unsure |= bool((shares - 0.5).abs().min() < 1e-6)
        predictions = shares.argmax(dim=1)
        return bool((predictions != predictions[0]).any())

    def farthest(self, x):
        """The counterpart whose probability differs most from that of the row."""
        _, shares = self.probabilities(np.concatenate([x[None], self.counterparts(x)]))
        gaps = (shares[1:, 1] - shares[0, 1]).abs().detach().numpy()
        ahead = np.sort(gaps)
        self.unsure |= ahead[-1] - ahead[-2] < 1e-7
        return self.counterparts(x)[gaps.argmax()]

    def slope_of_loss(self, x):
        """The gradient of cross-entropy against the row's own prediction."""
        inputs, shares = self.probabilities(x[None])
        (gradient,) = torch.autograd.grad(-shares[0].max().log(), inputs)
        return gradient[0].numpy()

    def slope_of_output(self, x):
        """The gradient of the predicted class's probability."""
        inputs, shares = self.probabilities(x[None])
        (gradient,) = torch.autograd.grad(shares[0].max(), inputs)
        return gradient[0].numpy()

    def agreed(self, first, second):
        """The sign of each free feature in which two slopes agree, else 0."""
        for slope in (first, second):
            size = np.abs(slope[:N_FREE])
            self.unsure |= bool(size.min() < 1e-4 * size.max())
        direction = np.where(np.sign(first) == np.sign(second), np.sign(first), 0)
        direction[N_FREE:] = 0
        return direction

    def stepped(self, x, direction):
        return np.minimum(np.maximum(x + self.step * direction, self.low), self.high)


def plain_adf(plain, steps):
    """Rows until one is biased, or none of the features agrees or can move."""
    x, path = plain.start, [plain.start]
    while len(path) <= steps and not plain.biased(x):
        other = plain.farthest(x)
        x = plain.stepped(x, plain.agreed(plain.slope_of_loss(x), plain.slope_of_loss(other)))
        if plain.unsure or np.abs(x - path[-1]).max() < 1e-6:
            break
        path.append(x)
    return path


def plain_eidig(plain, steps):
    """The same with outputs for losses, momentum, and steps that take confidence away."""
    x, path = plain.start, [plain.start]
    own, others = np.zeros(len(x)), np.zeros(len(x))
    while len(path) <= steps and not plain.biased(x):
        own = 0.5 * own + plain.slope_of_output(x)
        others = 0.5 * others + plain.slope_of_output(plain.farthest(x))
        x = plain.stepped(x, -plain.agreed(own, others))
        if plain.unsure or np.abs(x - path[-1]).max() < 1e-6:
            break
        path.append(x)
    return path


def plain_dice(plain, pairs):
    """Until a random move, whatever is biased; `pairs` are the counterparts that were drawn."""
    x, path = plain.start, [plain.start]
    for pair in pairs:
        first, second = plain.counterparts(x)[pair]
        x = plain.stepped(x, plain.agreed(plain.slope_of_loss(first), plain.slope_of_loss(second)))
        if plain.unsure or np.abs(x - path[-1]).max() < 1e-6:
            break
        path.append(x)
    return path


SELDOM_BIASED = {
    "relu": lambda: less_sensitive(planted.network(5, seed=5, scale=2.0), 0.15),
    "smooth": lambda: less_sensitive(planted.Smooth(5, seed=7), 0.4),
}


@pytest.mark.parametrize("kind", SELDOM_BIASED)
@by_name
def test_the_global_phase_is_that_of_a_plain_implementation(attack, kind, pool):
    model, table = SELDOM_BIASED[kind](), planted.random_table(40, domains=DOMAINS, seed=11)
    attack = replace(attack, fine_steps=False)
    trajectory, _ = run(attack, model, table, pool, steps=16, step=0.03, epsilon=0.3)
    model.double()
    compared, disagreed = 0, 0
    for i, row in enumerate(table.rows):
        plain = Plain(model, row, np.float64(np.float32(0.03)), np.float64(np.float32(0.3)))
        if attack.name == "dice":
            path = plain_dice(plain, [seen.leaders[i] for seen in trajectory.observations[:8]])
        else:
            path = (plain_adf if attack.name == "adf" else plain_eidig)(plain, 16)
        for expected, rows in zip(path, trajectory.rows, strict=False):
            np.testing.assert_allclose(rows[i], expected, atol=1e-6)
        moves = np.diff(path, axis=0)[:, :N_FREE]
        compared, disagreed = compared + len(moves), disagreed + (moves == 0).sum()
    assert compared >= 100  # steps, of which some leave features alone
    assert disagreed >= 10


def test_momentum_and_loss_decide_where_eidig_goes(pool):
    """What the comparison above would not tell if all ways were the same."""
    model, table = SELDOM_BIASED["smooth"](), planted.random_table(40, domains=DOMAINS, seed=11)
    attacks = EIDIG(), EIDIG(momentum=0), ADF()
    paths = [
        np.stack(
            run(replace(a, fine_steps=False), model, table, pool, step=0.03, epsilon=0.3)[0].rows
        )
        for a in attacks
    ]
    assert all((a != b).any() for a, b in itertools.combinations(paths, 2))


@by_name
def test_fine_steps_begin_where_the_band_was_jumped_over(attack, pool):
    lattice = Lattice("thin", 1)
    options = {"step": EIGHTH, "epsilon": REACH}
    coarse, _ = run(
        replace(attack, fine_steps=False), lattice.model, lattice.table, pool, **options
    )
    fine, _ = run(attack, lattice.model, lattice.table, pool, **options)
    crossed = 0
    for i in range(len(lattice.table)):
        ways = [np.stack([rows[i] for rows in found.rows]) for found in (coarse, fine)]
        own = np.array([seen.prediction[i] for seen in fine.observations])
        unlike = np.array([not seen.fair[i] for seen in fine.observations])
        last = 10 if attack.name == "dice" else (unlike.argmax() if unlike.any() else 20)
        flips = np.flatnonzero((own[1:] != own[:-1]) & ~unlike[1:]) + 1
        first = min(flips[0] if len(flips) else last, last)
        assert np.array_equal(ways[0][: first + 1], ways[1][: first + 1])
        after = np.abs(np.diff(ways[1][first : last + 1, :N_FREE], axis=0))
        assert ((after > 0).sum(axis=1) <= 1).all()
        assert set(after.ravel()) <= {0, EIGHTH}
        crossed += len(after)
    assert crossed >= 30


@by_name
def test_in_a_corner_one_feature_is_moved_at_random(attack, pool):
    table, sure = free_interior(60, 18), planted.linear([1.0, 2.0, -1.0, 0.0, 0.0], 20.0)
    trajectory, _ = run(attack, sure, table, pool, steps=3, step=FINE, epsilon=2 * FINE)
    corner = table.rows + 2 * np.float32([-FINE, -FINE, FINE, 0, 0])
    assert np.array_equal(trajectory.rows[2], corner)
    change = trajectory.rows[3] - corner
    assert ((change != 0).sum(axis=1) <= 1).all()
    assert set(np.abs(change).ravel()) == {0, FINE}
    # half of all moves would lead out of the box
    assert stats.binomtest(int(change.any(axis=1).sum()), 60).pvalue > 0.01
    assert (change != 0).any(axis=0).tolist() == [True, True, True, False, False]


def test_the_pairs_of_dice_follow_the_seed(pool):
    table, constant = free_interior(100, 19), planted.linear([0.0] * 5, 1.0)
    options = {"steps": 1, "step": FINE, "epsilon": 0.4}
    pairs = [
        run(DICE(), constant, table, pool, seed=seed, **options)[0].observations[0].leaders
        for seed in (0, 1)
    ]
    assert (pairs[0] != pairs[1]).any(axis=1).sum() > 80


# --- Local phases ---

FINE = 1 / 64


class Mixed(nn.Module):
    """Slopes of the free features that depend on the first sensitive value."""

    def __init__(self):
        super().__init__()
        self.register_buffer("at_zero", torch.tensor([4.0, 1.0, 0.5]))
        self.register_buffer("at_one", torch.tensor([-0.5, 2.0, 8.0]))

    def forward(self, rows):
        slopes = self.at_zero + rows[:, 3:4] * (self.at_one - self.at_zero)
        score = ((rows[:, :3] - 0.5) * slopes).sum(dim=1) + 3 * rows[:, 3] - 0.7 + 0.1 * rows[:, 4]
        return torch.stack([torch.zeros_like(score), score], dim=1)


def free_interior(n, seed):
    """Rows from which twenty steps of 1/64 do not leave [0, 1]."""
    return dyadic_table(n, 64, seed=seed, low=0.35, high=0.65)


def first_moves(model, table, workers, attack=None, **options):
    """The one feature that each row moved in its first step, -1 where none."""
    options = {"steps": 1, "step": FINE, "epsilon": 0.4, **options}
    trajectory, _ = run(attack or ADF(), model, table, workers, **options)
    change = trajectory.rows[1] - table.rows
    assert ((change != 0).sum(axis=1) <= 1).all()
    assert set(np.abs(change).ravel()) <= {0, FINE}
    return np.where(change.any(axis=1), np.abs(change).argmax(axis=1), -1), change


def always_biased(weights):
    """A linear model whose sensitive values outweigh all else."""
    return planted.linear([*weights, 40.0, 0.0], -20.5)


def test_features_are_drawn_by_the_inverse_of_their_slopes(pool):
    table = free_interior(900, 3)
    chosen, change = first_moves(always_biased([1.0, -2.0, 4.0]), table, pool)
    expected = 900 * np.array([4, 2, 1]) / 7
    assert stats.chisquare(np.bincount(chosen, minlength=3), expected).pvalue > 0.01
    for feature in range(3):
        up = (change[chosen == feature, feature] > 0).sum()
        assert stats.binomtest(int(up), int((chosen == feature).sum())).pvalue > 0.01


def test_both_counterparts_slopes_count_by_their_true_length(pool):
    table, model = free_interior(1000, 4), Mixed()
    table = table.take(np.flatnonzero(treated_unlike(model, table.rows)))
    chosen, _ = first_moves(model, table, pool)
    shares = np.zeros((len(table), N_FREE))
    model.double()
    for i, row in enumerate(table.rows):
        plain = Plain(model, row, FINE, 0.4)
        slopes = [plain.slope_of_loss(x)[:N_FREE] for x in (plain.start, plain.farthest(row))]
        shares[i] = 1 / np.abs(slopes).sum(axis=0)
    shares /= shares.sum(axis=1, keepdims=True)
    hit = np.eye(N_FREE)[chosen]
    # rows differ in their shares, so that each third of them has counts of its own to meet
    for third in np.array_split(np.argsort(shares[:, 0]), 3):
        missing = hit[third].sum(axis=0) - shares[third].sum(axis=0)
        deviation = np.sqrt((shares[third] * (1 - shares[third])).sum(axis=0))
        assert (np.abs(missing) < 3 * deviation).all()
    assert len(table) > 500


def test_features_without_slope_come_first(pool):
    chosen, _ = first_moves(always_biased([1.0, 0.0, 4.0]), free_interior(50, 5), pool)
    assert set(chosen) == {1}
    chosen, _ = first_moves(always_biased([0.0, 5.0, 0.0]), free_interior(300, 5), pool)
    assert stats.chisquare(np.bincount(chosen, minlength=3)[[0, 2]]).pvalue > 0.01
    assert set(chosen) == {0, 2}


@by_name
def test_what_may_not_move_is_never_drawn(attack, pool):
    source = free_interior(60, 6)
    frozen = planted.numeric("x1", mutable=False)
    features = tuple(frozen if f.name == "x1" else f for f in source.schema.features)
    table = planted.table_of(source.rows, source.labels, features)
    for model in (always_biased([1.0, 0.0, 4.0]), planted.linear([0.0] * 5, 1.0)):
        trajectory, _ = run(attack, model, table, pool, step=FINE, epsilon=0.4)
        moved = (np.stack(trajectory.rows) != table.rows).any(axis=(0, 1))
        assert moved.tolist() == [True, False, True, False, False]
    sizes = {"step": FINE, "epsilon": {"x0": 0.4}}
    trajectory, _ = run(attack, always_biased([1.0, 0.0, 4.0]), source, pool, **sizes)
    moved = (np.stack(trajectory.rows) != source.rows).any(axis=(0, 1))
    assert moved.tolist() == [True, False, False, False, False]


def one_step_apart(a, b):
    change = np.abs(a - b)
    return (change > 0).sum() == 1 and change.max() == FINE


# bands wide enough to walk in, thin enough to leave
BAND = planted.linear([3.0, -2.0, 1.5, 0.06, 0.04], -1.28)


def test_eidig_goes_out_from_the_seed_again_after_a_failure(pool):
    table = free_interior(120, 8)
    trajectory, _ = run(EIDIG(), BAND, table, pool, step=FINE, epsilon=0.4)
    rows, unlike = (
        np.stack(part, axis=1)
        for part in (trajectory.rows, [~seen.fair for seen in trajectory.observations])
    )
    failures, grown = 0, 0
    for way, biased in zip(rows, unlike, strict=True):
        if not biased.any():
            continue
        first = biased.argmax()
        seed = base = way[first]
        for row, good in zip(way[first + 1 :], biased[first + 1 :], strict=True):
            assert one_step_apart(row, base)
            grown += not np.array_equal(base, seed)
            failures += not good
            base = row if good else seed
    assert failures > 50
    assert grown > 50


@pytest.mark.parametrize("interval", [1, 5])
def test_eidig_asks_for_slopes_anew_after_several_successes_or_a_failure(interval, pool):
    table, most, failed = free_interior(40, 8), 0, 0
    for i in range(len(table)):
        alone = table.take(np.array([i]))
        attack = EIDIG(update_interval=interval)
        trajectory, queries = run(attack, BAND, alone, pool, step=FINE, epsilon=0.4)
        biased = np.array([not seen.fair[0] for seen in trajectory.observations])
        if not biased.any():
            assert queries.gradient_rows == 2 * 20
            continue
        first = int(biased.argmax())
        looks, successes = first + (first < 20), 0
        for good in biased[first + 1 : 20]:  # after the last one, no step follows
            successes = successes + 1 if good else 0
            looks += not good or successes % interval == 0
            most, failed = max(most, successes), failed + (not good)
        assert queries.gradient_rows == 2 * looks
    assert most >= 5
    assert failed >= 10


def hops(attack, model, table, workers, first_of):
    """Gains of local candidates over what they went out from, and whether they were accepted."""
    trajectory, _ = run(attack, model, table, workers, step=FINE, epsilon=0.4)
    rows = np.stack(trajectory.rows, axis=1)
    reach = np.stack([seen.reach for seen in trajectory.observations], axis=1)
    unlike = np.stack([~seen.fair for seen in trajectory.observations], axis=1)
    gains, accepted = [], []
    for i, way in enumerate(rows):
        found = first_of(unlike[i], reach[i])
        if found is None:
            continue
        base, first = found
        for at in range(first, 20):
            assert one_step_apart(way[at], way[base])
            # two steps of one feature never lead one step away: only one of these can hold
            went_on = one_step_apart(way[at + 1], way[at])
            assert went_on != one_step_apart(way[at + 1], way[base])
            gains.append(reach[i, at] - reach[i, base])
            accepted.append(went_on)
            base = at if went_on else base
    return np.array(gains), np.array(accepted)


def assert_metropolis(gains, accepted):
    assert accepted[gains >= 0].all()
    expected = np.exp(np.minimum(gains, 0))
    deviation = np.sqrt((expected * (1 - expected)).sum())
    assert abs(accepted.sum() - expected.sum()) < 3 * deviation
    assert (gains < 0).sum() > 100


def test_adf_hops_by_the_metropolis_rule(pool):
    def first_of(unlike, reach):
        return (unlike.argmax(), unlike.argmax() + 1) if unlike.any() else None

    gains, accepted = hops(ADF(), BAND, free_interior(150, 9), pool, first_of)
    assert set(gains) == {-1, 0, 1}
    assert_metropolis(gains, accepted)


def test_dice_hops_from_the_widest_range_by_the_metropolis_rule(pool):
    def first_of(unlike, reach):
        score = (reach + 1000 * unlike)[:11]  # half of the steps, and the start
        return (score.argmax(), 11) if reach[score.argmax()] > 0 else None

    model = planted.linear([3.0, -2.0, 1.5, 0.5, 0.3], -1.28)
    gains, accepted = hops(DICE(), model, free_interior(150, 9), pool, first_of)
    assert gains.min() <= -1
    assert_metropolis(gains, accepted)


# --- More local steps than there is room for ---


@by_name
def test_of_a_longer_search_the_best_iterates_are_kept(attack, pool, monkeypatch):
    table, steps = free_interior(80, 12), 10
    longer = replace(attack, local_steps=40)
    options = {"steps": steps, "step": FINE, "epsilon": 0.4}
    kept, queries = run(longer, BAND, table, pool, **options)
    assert len(kept.rows) == len(kept.observations) == steps + 1
    assert queries.prediction_rows > 3 * len(table) * 6 * (steps + 1)
    monkeypatch.setattr("rafair.attacks.two_phase_attack.kept", lambda found, _: found)
    whole, _ = run(longer, BAND, table, pool, **options)
    assert whole.steps == steps + 40
    late, chosen_rows = 0, 0
    for i in range(len(table)):
        unlike = [not seen.fair[i] for seen in whole.observations]
        first = unlike.index(True) if any(unlike) else steps
        assert first <= steps
        further = [at for at in range(first + 1, steps + 41) if unlike[at]]
        others = [at for at in range(first + 1, steps + 41) if not unlike[at]]
        places = [*range(1, first + 1), *further, *others][:steps]
        places = [0, *sorted(places)]
        for stored_at, at in enumerate(places):
            assert np.array_equal(kept.rows[stored_at][i], whole.rows[at][i])
            assert kept.observations[stored_at].fair[i] == whole.observations[at].fair[i]
            assert kept.observations[stored_at].reach[i] == whole.observations[at].reach[i]
        late += max(places) > steps
        chosen_rows += len(further)
    assert late > 10
    assert chosen_rows > 100


def test_what_a_long_local_phase_finds_last_is_kept_too(pool):
    """DICE goes out from the widest range, biased or not, and may find late what it is after."""
    table = free_interior(200, 13)
    model = planted.linear([3.0, -2.0, 1.5, 0.12, 0.08], -0.6)
    longer = DICE(local_steps=150, fine_steps=False)
    options = {"steps": 6, "step": FINE, "epsilon": 0.4}
    kept, _ = run(longer, model, table, pool, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rafair.attacks.two_phase_attack.kept", lambda found, _: found)
        whole, _ = run(longer, model, table, pool, **options)
    unlike = stored(whole)[1]
    assert (unlike.any(axis=1) & ~unlike[:, :6].any(axis=1)).sum() >= 5
    assert np.array_equal(stored(kept)[1].any(axis=1), unlike.any(axis=1))
    assert len(kept.rows) == 7


@by_name
def test_a_local_phase_that_is_over_asks_for_nothing_more(attack, pool):
    model, table = always_biased([1.0, -2.0, 4.0]), free_interior(20, 14)
    few = replace(attack, local_steps=2)
    trajectory, queries = run(few, model, table, pool, step=FINE, epsilon=0.4)
    moves = [(b != a).any(axis=1) for a, b in itertools.pairwise(trajectory.rows)]
    first = 10 if attack.name == "dice" else 0
    assert np.array_equal(np.sum(moves[first:], axis=0), np.full(20, 2))
    assert queries.gradient_rows <= 20 * 2 * (first + 2)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        *((make, {"local_steps": wrong}) for make in (ADF, EIDIG, DICE) for wrong in (0, 1.5, "x")),
        (ADF, {"local_steps": True}),
        (ADF, {"local_steps": 100_001}),
        (EIDIG, {"momentum": -0.1}),
        (EIDIG, {"momentum": 1.1}),
        (EIDIG, {"update_interval": 0}),
        (EIDIG, {"update_interval": 2.5}),
        (DICE, {"width": 0}),
        (DICE, {"width": 1.5}),
        (DICE, {"width": float("nan")}),
    ],
)
def test_options_out_of_range_are_refused(make, options):
    (name,) = options
    with pytest.raises(InputError, match=f"^{name}: expected"):
        make(**options)


# --- Equal shares of gradient rows ---

PAYING = [*map(attack_named, ATTACKS), PGD(restarts=3)]
PLENTY = 10_000


@pytest.mark.parametrize("attack", PAYING, ids=[*ATTACKS, "pgd with restarts"])
def test_no_instance_spends_more_gradient_rows_than_it_may(attack, pool):
    table, model = planted.random_table(3, domains=DOMAINS, seed=15), PLANTED["smooth"](2)
    options = {"steps": 8, "step": 0.03, "epsilon": 0.15}
    for i in range(len(table)):
        alone = table.take(np.array([i]))
        free, spent = run(attack, model, alone, pool, **options)
        for most in (0, 1, 2, 5, spent.gradient_rows, PLENTY):
            found, queries = run(attack, model, alone, pool, gradient_rows=most, **options)
            assert queries.gradient_rows <= most
            assert len(found.rows) == len(found.observations) == 9
            for rows, seen in zip(found.rows, found.observations, strict=True):
                assert seen.judged.all()
                logits = logits_of(model, rows)[0]
                own = model(torch.tensor(rows)).argmax().item()
                assert seen.prediction[0] == own
                assert seen.fair[0] == (logits.argmax(axis=1) == own).all()
                assert np.isfinite(seen.loss[0])
            if most == 0 and attack.name not in ("noise", "strongest"):
                assert all(np.array_equal(rows, alone.rows) for rows in found.rows)
            if most == PLENTY:
                pairs = zip(found.rows, free.rows, strict=True)
                assert all(np.array_equal(a, b) for a, b in pairs)
                assert np.array_equal(found.verdicts(), free.verdicts())


@pytest.mark.parametrize("attack", PAYING, ids=[*ATTACKS, "pgd with restarts"])
def test_a_row_that_cannot_pay_stands_still_from_then_on(attack, pool):
    """Among others that can, and with what it did before as in a search without limit."""
    if attack.name == "noise":
        return  # asks for nothing
    table, model = planted.random_table(20, domains=DOMAINS, seed=16), PLANTED["relu"](3)
    options = {"steps": 10, "step": 0.02, "epsilon": 0.15}
    free, _ = run(attack, model, table, pool, **options)
    most = 18 if "rafair" in attack.name else 5
    found, queries = run(attack, model, table, pool, gradient_rows=most, **options)
    assert queries.gradient_rows <= most * len(table)
    assert all(seen.judged.all() for seen in found.observations)
    if getattr(attack, "restarts", 1) > 1 or attack.name == "strongest":
        return  # which of the iterates are kept depends on how far the runs get
    same = np.stack([(a == b).all(axis=1) for a, b in zip(found.rows, free.rows, strict=True)])
    stood = 0
    for i in range(len(table)):
        until = 11 if same[:, i].all() else same[:, i].argmin()
        for at in range(until, 11):
            assert np.array_equal(found.rows[at][i], found.rows[until - 1][i])
            stood += 1
    assert stood > 0 or attack.name == "fgsm"


@pytest.mark.parametrize("attack", [a for a in PAYING if isinstance(a.look, Follow)], ids=str)
def test_plain_attacks_rows_are_all_judged(attack, pool):
    table, model = planted.random_table(30, domains=DOMAINS, seed=17), PLANTED["relu"](4)
    found, _ = run(attack, model, table, pool, steps=8, step=0.03, epsilon=0.15)
    for rows, seen in zip(found.rows, found.observations, strict=True):
        assert seen.judged.all()
        predictions = logits_of(model, rows).argmax(axis=2)
        assert np.array_equal(seen.fair, (predictions == predictions[:, :1]).all(axis=1))
