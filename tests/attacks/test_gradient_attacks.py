"""Known answers of the attacks that follow the row's own gradient, and of noise."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy import stats

import planted
import rafair
from rafair.attacks.acg import ACG, hestenes_stiefel
from rafair.attacks.apgd import APGD
from rafair.attacks.fgsm import FGSM
from rafair.attacks.noise import Noise
from rafair.attacks.pgd import PGD
from rafair.errors import UnknownNameError
from rafair.models.losses import LOSSES
from rafair.models.torch_module import TorchClassifier
from rafair.search.best_of_restarts import best_of
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.observation import Observation
from rafair.search.schedules import HalvingSchedule, checkpoints
from rafair.search.search_budget import Budget
from rafair.search.seeded_draws import row_keys, uniform
from rafair.search.trajectory import Trajectory
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet
from rafair.verdicts import FALSE, Verdict

EPSILON = 0.2
N_FREE = 3


def run(attack, model, table, workers, *, steps=20, step=0.01, epsilon=EPSILON, seed=0, loss=None):
    """The trajectory; `step` may be zero, which the commands do not allow."""
    counterparts = Counterparts.of(table.schema)
    sweep = CounterpartEvaluator(
        TorchClassifier(model), counterparts, LOSSES[loss or "cross-entropy"], workers
    )
    box = PerturbationSet.of(table.schema, epsilon)
    sizes = np.full(len(table.schema), step, np.float32)
    return attack.run(sweep, table.rows, table.labels, Budget(steps, sizes, box, seed))


def box_of(table, epsilon=EPSILON):
    """Least and largest values of the free features, each of shape `(n, 3)`."""
    free = table.rows[:, :N_FREE]
    return np.maximum(free - epsilon, 0), np.minimum(free + epsilon, 1)


# --- FGSM and PGD on a logistic model, in closed form ---

WEIGHTS, BIAS = [2.0, -1.0, 0.5, 0.6], -0.7


def worst_corner(table, reach):
    """Where the loss of the logistic model is largest within `reach`."""
    uphill = np.where(table.labels[:, None] == 0, 1, -1) * np.sign(WEIGHTS[:N_FREE])
    rows = table.rows.copy()
    rows[:, :N_FREE] = np.clip(rows[:, :N_FREE] + reach * uphill, 0, 1)
    return rows


def logistic_accurate(rows, labels):
    return (rows.astype(np.float64) @ WEIGHTS + BIAS > 0) == (labels == 1)


@pytest.fixture(scope="module")
def logistic_table():
    return planted.random_table(80, n_free=N_FREE, domains=(4,), seed=5)


def test_fgsm_goes_to_the_worst_corner_and_stays(logistic_table, workers):
    found = run(FGSM(), planted.linear(WEIGHTS, BIAS), logistic_table, workers, steps=4)
    for rows in found.rows[1:]:
        np.testing.assert_allclose(rows, worst_corner(logistic_table, EPSILON), atol=1e-6)


def test_pgd_without_a_random_start_climbs_step_by_step(logistic_table, workers):
    model = planted.linear(WEIGHTS, BIAS)
    found = run(PGD(random_start=False), model, logistic_table, workers, steps=12, step=0.03)
    length = max(0.03, 2.5 * EPSILON / 12)
    for step, rows in enumerate(found.rows):
        reach = min(length * step, EPSILON)
        np.testing.assert_allclose(rows, worst_corner(logistic_table, reach), atol=1e-6)


def test_pgd_with_a_random_start_ends_in_the_worst_corner_too(logistic_table, workers):
    model = planted.linear(WEIGHTS, BIAS)
    found = run(PGD(), model, logistic_table, workers, steps=20, step=0.03)
    np.testing.assert_allclose(found.rows[-1], worst_corner(logistic_table, EPSILON), atol=1e-6)


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "apgd", "acg"])
def test_robust_accuracy_of_a_logistic_model_is_exact(attack, logistic_table):
    model = planted.linear(WEIGHTS, BIAS)
    result = rafair.audit(
        model, logistic_table, attacks=[attack], steps=20, step_size=0.03, epsilon=EPSILON
    )
    worst = worst_corner(logistic_table, EPSILON)
    exact = logistic_accurate(worst, logistic_table.labels).sum()
    clean = logistic_accurate(logistic_table.rows, logistic_table.labels).sum()
    assert result.document["attacks"][attack]["robust"]["accuracy"]["count"] == exact
    assert 0 < exact < clean


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "apgd"])
def test_more_room_never_helps_a_network(attack):
    """On real rows and a trained network: steps of a fixed length did not reach the far side."""
    data = rafair.load_dataset("affairs")
    network = rafair.train(data.train, rafair.TrainConfig(epochs=10))
    options = {"attacks": [attack], "instances": 300, "labels": None}
    found = [
        rafair.audit(network, data.test, epsilon=epsilon, **options).record.attacks[attack]
        for epsilon in (0.05, 0.1, 0.2, 0.4)
    ]
    right = [one.robust["accuracy"].count for one in found]
    assert right == sorted(right, reverse=True)
    assert right[0] > 100 > 10 > right[-1]  # by steps of .01, pgd left 33


# --- PGD's random starts and restarts ---


def starts(table, workers, model=None, seed=0):
    """PGD's random starts: what a first step of no length leaves; shape `(n, 3)`."""
    model = model or planted.linear([0.0] * 5)
    found = run(PGD(), model, table, workers, steps=1, step=0, seed=seed)
    return found.rows[1][:, :N_FREE]


def test_random_starts_depend_on_the_row_and_the_seed_only(workers):
    table = planted.random_table(30, domains=(3, 2))
    first = starts(table, workers)
    backwards = table.take(np.arange(30)[::-1])
    assert np.array_equal(starts(backwards, workers)[::-1], first)
    assert np.array_equal(starts(table, workers, planted.network(5)), first)
    other_labels = planted.table_of(table.rows, 1 - table.labels, table.schema.features)
    assert np.array_equal(starts(other_labels, workers), first)
    assert (starts(table, workers, seed=1) != first).any(axis=1).all()


def test_random_starts_are_uniform_in_the_box_even_where_the_range_cuts_it(workers):
    table = planted.random_table(700, domains=(3, 2), seed=1)
    lower, upper = box_of(table)
    assert (upper - lower < 2 * EPSILON - 1e-6).mean() > 0.2
    shares = (starts(table, workers) - lower) / (upper - lower)
    assert stats.kstest(shares.ravel(), "uniform").pvalue > 0.01
    assert np.abs(np.corrcoef(shares.T) - np.eye(N_FREE)).max() < 0.15


def test_restarts_start_elsewhere():
    rows = np.float32([[0.5, 0.5], [0.2, 0.9]])
    draws = [uniform(row_keys(rows, 0, n), rows - 0.1, rows + 0.1) for n in range(3)]
    assert all((draws[a] != draws[b]).all() for a, b in ((0, 1), (0, 2), (1, 2)))


def test_draws_of_no_rows_are_no_rows():
    none = np.empty((0, 2), np.float32)
    assert uniform(row_keys(none, 0), none, none).shape == (0, 2)


@pytest.mark.parametrize("seed", [1, 4])
def test_restarts_lose_no_broken_instance(seed, workers):
    table = planted.random_table(40, domains=(3, 2), seed=seed)
    model = planted.network(5, seed=seed)
    broken = []
    for restarts in (1, 2, 4):
        found = run(PGD(restarts), model, table, workers, steps=3, step=0.02, epsilon=0.1)
        broken.append(np.isin(found.verdicts()[:, 1:], list(FALSE)).any(axis=1))
    assert (broken[0] <= broken[1]).all()
    assert (broken[1] <= broken[2]).all()


def hand_made(number, wrong_at, last_losses, steps=3):
    """A run whose rows hold `number`, with instances that go wrong at given steps (0: never)."""
    n = len(wrong_at)
    observations = []
    for step in range(steps + 1):
        seen = Observation.empty(n, 1)
        seen.prediction = np.where(np.array(wrong_at) == step, 1, 0) * (step > 0)
        seen.fair[:] = True
        seen.loss = np.float64(last_losses) if step == steps else np.full(n, 9.0)
        observations.append(seen)
    rows = tuple(np.full((n, 1), number, np.float32) for _ in range(steps + 1))
    labels = np.zeros(n, np.int64)
    return Trajectory(labels, labels, rows, tuple(observations))


def test_the_best_run_is_the_first_to_succeed_then_the_one_of_the_largest_last_loss():
    runs = [
        hand_made(0, [3, 0, 2, 0, 0, 1], [1, 5, 1, 2, 3, 0]),
        hand_made(1, [1, 3, 2, 0, 0, 0], [0, 0, 9, 4, 3, 9]),
        hand_made(2, [2, 0, 0, 0, 0, 1], [9, 9, 9, 3, 3, 9]),
    ]
    chosen = best_of(runs, FALSE)
    #           fewest steps, only success, tie, largest loss, equal losses, tie with a later run
    assert chosen.rows[-1][:, 0].tolist() == [1, 1, 0, 1, 0, 0]
    assert all(np.array_equal(rows, chosen.rows[-1]) for rows in chosen.rows)
    assert chosen.observations[-1].loss.tolist() == [0, 0, 1, 4, 3, 0]
    assert chosen.verdicts()[0].tolist() == [0, Verdict.FALSE_FAIR, 0, 0]
    assert runs[0].rows[0][0, 0] == 0  # the runs themselves stay as they were


# --- The schedule ---


def test_checkpoints_are_the_papers():
    assert checkpoints(20) == [5, 9, 12, 14, 16, 18, 19, 20]
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [1]


def follow(losses):
    """Feeds a schedule of N = 20; tells sizes by checkpoint, and the best rows gone back to.

    Row k stands at k and has the gradient -k, so that a row says which step it is from.
    """
    schedule = HalvingSchedule(np.float32([0.5]), 20)
    told = {}
    for step, loss in enumerate(losses):
        seen = Observation.empty(1, 1)
        seen.loss[:], seen.gradient[:] = loss, -step
        schedule.see(np.full((1, 1), step, np.float32), seen)
        back = schedule.halve(step)
        if step in checkpoints(20):
            assert schedule.best_gradient[0, 0] == -schedule.best_rows[0, 0]
            told[step] = (schedule.size()[0, 0], schedule.best_rows[0, 0] if len(back) else None)
    return told


def test_too_few_increases_halve_the_step_and_go_back_to_the_best_row():
    # three increases in five steps are fewer than 3.75; the first of two equal losses is the best
    assert follow([0, 1, 2, 1, 2, 1]) == {5: (0.5, 2)}


def test_enough_increases_keep_the_step():
    assert follow([0, 1, 2, 1, 2, 3]) == {5: (1.0, None)}


def test_no_new_best_halves_only_where_the_step_was_not_just_halved():
    first = [0, 1, 2, 3, 4, 10]
    assert follow([*first, 1, 2, 3, 4, 5, 6, 7, 8, 9]) == {
        5: (1.0, None),
        9: (0.5, 5),  # 3 of 4 increased, not fewer than ρ says, but 10 stays the best
        12: (0.5, None),  # nothing won again, but the step was halved a window before
        14: (0.25, 5),  # and now it was not
    }


def test_rows_have_schedules_of_their_own():
    schedule = HalvingSchedule(np.float32([0.5, 0.0]), 20)
    for step in range(6):
        seen = Observation.empty(2, 2)
        seen.loss[:], seen.gradient[:] = (step, -step), step
        best = schedule.see(np.full((2, 2), step, np.float32), seen)
        assert best.tolist() == ([0, 1] if step == 0 else [0])
    assert schedule.halve(5).tolist() == [1]
    assert schedule.size().tolist() == [[1, 0], [0.5, 0]]


# --- APGD and ACG beside plain re-implementations ---


class Plain:
    """One instance of a smooth model in double precision, without batches.

    Args:
        model: The model.
        row: The clean row; its first three features may move.
        label: Its class, of two.
        epsilon: The half-width of the box.
    """

    def __init__(self, model, row, label, epsilon):
        self.model, self.label = model, int(label)
        self.start = row.astype(np.float64)
        self.low, self.high = self.start.copy(), self.start.copy()
        for i in range(N_FREE):
            self.low[i] = max(0.0, self.start[i] - epsilon)
            self.high[i] = min(1.0, self.start[i] + epsilon)
        self.near = np.inf  # how near a comparison or a sign came to tipping

    def margin_and_gradient(self, x):
        inputs = torch.tensor(x[None], requires_grad=True)
        logits = self.model(inputs)[0]
        margin = logits[1 - self.label] - logits[self.label]
        (gradient,) = torch.autograd.grad(margin, inputs)
        gradient = gradient[0].numpy().copy()
        gradient[N_FREE:] = 0
        return float(margin.detach()), gradient

    def project(self, x):
        return np.minimum(np.maximum(x, self.low), self.high)

    def sign(self, v):
        self.near = min(self.near, np.abs(v[:N_FREE]).min())
        return np.sign(v)

    def above(self, a, b):
        if a != b:
            self.near = min(self.near, abs(a - b))
        return a > b

    def beta(self, g, y, s):
        if np.linalg.norm(y) < 1e-5 * np.linalg.norm(g):
            return 0
        below = s @ y
        cosine = abs(below) / np.linalg.norm(s) / np.linalg.norm(y)
        if 1e-6 < cosine < 1e-3:
            self.near = 0  # rounding may decide whether it counts as orthogonal
        return -(g @ y) / below if cosine > 1e-4 else 0


def windows(steps):
    """The checkpoints after 0, by the paper's recursion in whole hundredths."""
    p, found = [0, 22], []
    while p[-1] <= 100:
        found.append(-(-p[-1] * steps // 100))
        p.append(p[-1] + max(p[-1] - p[-2] - 3, 6))
    return found


def plain_search(plain, epsilon, steps, conjugate):
    """Algorithm 1 of APGD, or ACG's: the same schedule, another direction, and no momentum.

    The listing's idle iterate is left out: where it sets x(k+1) to the best row, the next step is
    taken from there at once, and is x(k+1).

    Returns:
        The iterates, the first of them the clean row, and how often the step was halved.
    """
    eta, halved, path = 2 * epsilon, 0, [plain.start]
    losses, (f, g) = [], plain.margin_and_gradient(plain.start)
    losses.append(f)
    s = g
    x_max, f_max, g_max, s_max = plain.start, f, g, s
    w_before, f_max_before, eta_before = 0, f, eta
    x, x_before = plain.start, plain.start
    for k in range(1, steps + 1):
        if conjugate:
            x_next = plain.project(x + eta * plain.sign(s))
        else:
            z = plain.project(x + eta * plain.sign(g))
            alpha = 0.75 if k > 1 else 1.0
            x_next = plain.project(x + alpha * (z - x) + (1 - alpha) * (x - x_before))
        x_before, x = x, x_next
        path.append(x)
        g_before, (f, g) = g, plain.margin_and_gradient(x)
        y = g_before - g
        s = g + plain.beta(g, y, s) * s
        losses.append(f)
        if plain.above(f, f_max):
            x_max, f_max, g_max, s_max = x, f, g, s
        if k not in windows(steps):
            continue
        pairs = range(w_before, k)
        rises = sum(plain.above(losses[i + 1], losses[i]) for i in pairs)
        few = rises < 0.75 * (k - w_before)
        stuck = eta == eta_before and f_max == f_max_before
        w_before, f_max_before, eta_before = k, f_max, eta
        if few or stuck:
            eta, halved = eta / 2, halved + 1
            x_before, x, g, s = x, x_max, g_max, s_max
    return np.array(path), halved


def compared_with_plain(attack, workers, loss):
    """Instances that could be compared, and halvings among them."""
    table = planted.random_table(40, domains=(3, 2), seed=8)
    model = planted.Smooth(5, seed=3)
    found = run(attack, model, table, workers, steps=20, epsilon=0.3, loss=loss)
    paths = np.stack(found.rows, axis=1)
    compared, halvings = 0, 0
    for i in range(len(table)):
        plain = Plain(model.double(), table.rows[i], table.labels[i], 0.3)
        expected, halved = plain_search(plain, 0.3, 20, isinstance(attack, ACG))
        if plain.near < 1e-5:
            continue  # rounding may decide another way in single precision
        np.testing.assert_allclose(paths[i], expected, atol=1e-4)
        compared, halvings = compared + 1, halvings + halved
    return compared, halvings


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
@pytest.mark.parametrize("attack", [APGD(), ACG()], ids=["apgd", "acg"])
def test_trajectories_are_those_of_a_plain_implementation(attack, loss, workers):
    compared, halvings = compared_with_plain(attack, workers, loss)
    assert compared >= 15
    assert halvings >= compared


def test_margin_and_cross_entropy_lead_apgd_the_same_way_on_two_classes(workers):
    table, model = planted.random_table(25, domains=(3, 2), seed=3), planted.Smooth(5, seed=6)
    found = [run(APGD(), model, table, workers, loss=loss) for loss in ("cross-entropy", "margin")]
    assert all(np.array_equal(a, b) for a, b in zip(*(f.rows for f in found), strict=True))
    assert rafair.audit(model, table, attacks=["apgd"], loss="margin").document["attacks"]["apgd"]


# --- ACG's conjugate directions ---


def ascend(sign, d=6):
    """Exact line searches up a concave quadratic; its matrix, directions and last gradient."""
    generator = np.random.default_rng(3)
    q, _ = np.linalg.qr(generator.standard_normal((d, d)))
    a = q @ np.diag(np.linspace(1, 6, d)) @ q.T
    b, x = generator.standard_normal(d), np.zeros(d)
    s, gradient, directions = np.zeros(d), np.zeros(d), []
    for _ in range(d):
        before, gradient = gradient, b - a @ x
        beta = hestenes_stiefel(gradient[None], before[None], s[None])[0]
        s = gradient + sign * float(beta) * s
        x = x + (gradient @ s) / (s @ a @ s) * s
        directions.append(s / np.sqrt(s @ a @ s))
    return a, np.array(directions), b - a @ x


def test_hestenes_stiefel_gives_conjugate_directions_and_the_top_in_d_steps():
    a, directions, gradient = ascend(+1)
    np.testing.assert_allclose(directions @ a @ directions.T, np.eye(len(a)), atol=1e-6)
    assert np.abs(gradient).max() < 1e-6


def test_the_negated_sign_of_public_code_does_not():
    a, directions, gradient = ascend(-1)
    assert np.abs(directions @ a @ directions.T - np.eye(len(a))).max() > 0.1
    assert np.abs(gradient).max() > 1e-3


def test_beta_of_small_and_of_orthogonal_gradients():
    def beta(g, last, s):
        return hestenes_stiefel(np.float32([g]), np.float32([last]), np.float32([s]))[0]

    assert beta([0, 1], [1, 0], [1, 0]) == 1
    assert beta([0, 1e-30], [1e-30, 0], [1e-30, 0]) == 1  # products of these are 0 in float32
    assert beta([1, 2], [1, 2], [1, 2]) == 0  # nothing changed: start anew
    assert beta([2, -1], [1, 1], [2, 1]) == 0  # s and y are orthogonal: 0 in the denominator
    assert beta([1, 2], [1, 2 + 2e-7], [0, 1]) == 0  # a change by rounding only


def test_acg_does_not_follow_rounding_where_it_swings_between_two_corners():
    """There y changes its sign and nothing else, and is orthogonal to the last direction."""
    g1, g2 = np.float32([[1.1, 12.35, 3.15]]), np.float32([[0.1, -1.31, 0.65]])
    s1 = np.float32([[1, 1, -1]])
    s2 = (g2 + hestenes_stiefel(g2, g1, s1)[:, None] * s1).astype(np.float32)
    assert hestenes_stiefel(g2, g1, s1)[0] != 0
    assert hestenes_stiefel(g1, g2, s2)[0] == 0


# --- Noise ---


@pytest.fixture(scope="module")
def noisy_table():
    return planted.random_table(600, domains=(3, 2), seed=2)


@pytest.fixture
def noise(noisy_table, workers):
    return run(Noise(), planted.linear([1.0] * 5), noisy_table, workers, steps=6)


def test_odd_iterates_are_uniform_in_the_box(noise, noisy_table):
    lower, upper = box_of(noisy_table)
    for rows in noise.rows[1::2]:
        shares = (rows[:, :N_FREE] - lower) / (upper - lower)
        assert stats.kstest(shares.ravel(), "uniform").pvalue > 0.01


def test_even_iterates_are_normal_with_half_of_epsilon_and_projected(noise, noisy_table):
    lower, upper = box_of(noisy_table)
    whole = upper - lower > 2 * EPSILON - 1e-6
    for rows in noise.rows[2::2]:
        moved = (rows - noisy_table.rows)[:, :N_FREE][whole] / (EPSILON / 2)
        inside = moved[np.abs(moved) < 2 - 1e-5]
        assert stats.kstest(inside, stats.truncnorm(-2, 2).cdf).pvalue > 0.01
        share, expected = 1 - len(inside) / len(moved), 2 * stats.norm.sf(2)
        assert abs(share - expected) < 4 * np.sqrt(expected / len(moved))
        assert (rows[:, :N_FREE] >= lower).all()
        assert (rows[:, :N_FREE] <= upper).all()


def test_iterates_of_noise_are_draws_of_their_own(noise, noisy_table):
    moved = [(rows - noisy_table.rows)[:, :N_FREE].ravel() for rows in noise.rows[1:]]
    # where the range cuts the box, all uniform draws lean the same way
    inner = np.abs(noisy_table.rows[:, :N_FREE].ravel() - 0.5) < 0.3
    middle = np.corrcoef([m[inner] for m in moved]) - np.eye(len(moved))
    assert np.abs(middle).max() < 4 / np.sqrt(inner.sum())


def test_noise_of_a_row_does_not_depend_on_the_others(noise, noisy_table, workers):
    some = np.array([400, 3, 77])
    alone = run(Noise(), planted.network(5), noisy_table.take(some), workers, steps=6)
    assert all(np.array_equal(a, b[some]) for a, b in zip(alone.rows, noise.rows, strict=True))


def test_noise_leaves_sensitive_features_alone(noise, noisy_table):
    for rows in noise.rows:
        assert np.array_equal(rows[:, N_FREE:], noisy_table.rows[:, N_FREE:])


def test_noise_alone_asks_for_no_gradient_and_says_so(tmp_path):
    table = planted.random_table(12, domains=(3, 2))
    out = tmp_path / "run"
    rafair.audit(planted.network(5), table, attacks=["noise"], labels=None, steps=4, out=out)
    told = json.loads((out / "audit.json").read_text())["attacks"]["noise"]
    assert told["zero_gradient"] is None
    assert told["gradient_rows"] == 0


def test_acg_with_the_reference_beta_clamps_the_negated_textbook_beta(workers):
    """Wherever the textbook's β is positive, the authors' code restarts along the gradient."""
    table = planted.random_table(30, n_free=N_FREE, domains=(3,), seed=4)
    model = planted.Smooth(4, seed=5)
    textbook = run(ACG(), model, table, workers, steps=8)
    reference = run(ACG(beta="reference"), model, table, workers, steps=8)
    # the first direction is the gradient in both
    assert np.array_equal(textbook.rows[1], reference.rows[1])
    assert not np.array_equal(textbook.rows[8], reference.rows[8])
    g0, g1 = (reference.observations[t].gradient[:, :N_FREE] for t in (0, 1))
    beta = hestenes_stiefel(g1, g0, g0)
    signs = np.sign(g1 + np.maximum(-beta, 0)[:, None] * g0)
    start, at, low, high = table.rows[:, :N_FREE], reference.rows[1][:, :N_FREE], *box_of(table)
    expected = np.clip(at + 2 * EPSILON * signs, low, high)
    assert start.shape == expected.shape
    # the first checkpoint is step 2, so this step has not been halved
    np.testing.assert_allclose(reference.rows[2][:, :N_FREE], expected, atol=1e-6)
    with pytest.raises(UnknownNameError, match="beta"):
        ACG(beta="theirs")
