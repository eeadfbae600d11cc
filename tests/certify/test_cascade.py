"""The cascade against closed forms and against every row that can be listed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import planted
from planted_provers import LinearProver, ListingProver, asked_of
from rafair.certify.cascade import Cascade, Level
from rafair.certify.membership import Membership
from rafair.certify.property_status import Property, Standing
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema

OPEN, CERTIFIED, REFUTED, NEAR_TIE = Standing
BOTH, FAIRNESS, ACCURACY = range(3)
EPSILONS = (0.02, 0.1, 0.3)


def nothing(where):
    return where[:0], np.empty((0, 1), np.float32)


def no_suspects(width):
    return np.empty(0, np.int64), np.empty((0, width), np.float32)


def levels_of(schema, epsilons=EPSILONS, attack=None, make=PerturbationSet.of):
    width = len(schema)
    idle = attack or (lambda where: no_suspects(width))
    return [Level(one, make(schema, one), idle, no_suspects(width)) for one in epsilons]


def linear_classes(weights, bias):
    def classes(rows):
        score = rows.astype(np.float32) @ np.float32(weights) + np.float32(bias)
        return (score > 0).astype(np.int64)

    return classes


def check_witnesses(found, rows, labels, classes, counterparts, levels):
    """Every refutation, by the set's own rules and the model's own answers."""
    for i, k, p in np.argwhere(found.verdicts == REFUTED):
        members = Membership(levels[k].box, counterparts)
        witness, centre = found.witness[i, k, p][None], rows[i][None]
        assert members.inside(witness, centre, own=p == ACCURACY)[0]
        if p == FAIRNESS:
            other = found.other[i, k, p][None]
            assert members.inside(other, centre)[0]
            free = [c for c in range(rows.shape[1]) if c not in counterparts.columns]
            assert np.array_equal(witness[:, free], other[:, free])
            assert classes(witness) != classes(other)
        else:
            assert classes(witness) != labels[i]
    none = found.verdicts != REFUTED
    assert np.isnan(found.witness[none]).all()
    assert np.isnan(found.other[:, :, [BOTH, ACCURACY]]).all()


def linear_truth(table, weights, bias, epsilon, counterparts):
    """By the closed form: the extremes of the score over regions, and over counterparts."""
    rows = table.rows.astype(float)
    free = [c for c in range(rows.shape[1]) if c not in counterparts.columns]
    lower, upper = np.maximum(rows - epsilon, 0), np.minimum(rows + epsilon, 1)
    weights = np.asarray(weights, float)
    low = np.minimum(weights * lower, weights * upper)[:, free].sum(axis=1) + bias
    high = np.maximum(weights * lower, weights * upper)[:, free].sum(axis=1) + bias
    own = (rows * weights)[:, list(counterparts.columns)].sum(axis=1)
    parts = [
        sum(v * weights[c] for v, c in zip(combination, counterparts.columns, strict=True))
        for combination in itertools.product(*counterparts.domains)
    ]
    least, most = min(parts), max(parts)
    constant = np.where(low + least > 0, 1, np.where(high + most <= 0, 0, -1))
    stays = np.where(low + own > 0, 1, np.where(high + own <= 0, 0, -1))
    fair, right = constant >= 0, stays == table.labels
    return np.stack([fair & (constant == table.labels), fair, right], axis=1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("needs", [1, 60, 5000])
def test_verdicts_on_linear_models_are_those_of_the_closed_form(seed, needs):
    generator = np.random.default_rng(seed)
    table = planted.random_table(60, n_free=3, domains=(3, 2), seed=seed)
    weights, bias = generator.normal(size=5), 0.0
    weights[3:] *= 0.2
    bias = -float(weights @ table.rows.mean(axis=0))
    counterparts, classes = Counterparts.of(table.schema), linear_classes(weights, bias)
    table.labels[:45] = classes(table.rows[:45])
    levels = levels_of(table.schema)
    prover = LinearProver(
        np.asarray(np.float32(weights), float), float(np.float32(bias)), needs=needs
    )
    found = Cascade(prover, counterparts, asked_of(classes, counterparts), boxes=1000).run(
        table.rows, table.labels, levels
    )
    check_witnesses(found, table.rows, table.labels, classes, counterparts, levels)
    for place, epsilon in enumerate(EPSILONS):
        truth = linear_truth(table, weights, bias, epsilon, counterparts)
        verdicts = found.verdicts[:, place]
        assert not (verdicts == CERTIFIED)[~truth].any()
        assert not (verdicts == REFUTED)[truth].any()
        if needs < 5000:  # then it is complete
            assert ((verdicts == CERTIFIED) == truth).all()
            assert ((verdicts == REFUTED) == ~truth).all()
        else:  # only what is refuted as it came is known
            assert not (verdicts == CERTIFIED).any()
    assert found.boxes[:, 0].max() <= 1000 + 40 + 1000 + 40
    some = {int(v) for v in found.verdicts.ravel()}
    assert some == ({CERTIFIED, REFUTED} if needs < 5000 else {OPEN, REFUTED})


def test_boxes_come_before_the_attack_and_many_boxes_after_it():
    table = planted.random_table(30, n_free=2, domains=(3,), seed=1)
    weights, bias = np.array([1.0, -1.0, 0.1]), 0.05
    counterparts, classes = Counterparts.of(table.schema), linear_classes(weights, bias)
    table.labels[:] = classes(table.rows)
    asked = asked_of(classes, counterparts)
    seen = []

    def attack(where):
        seen.append(where)
        return no_suspects(3)

    levels = levels_of(table.schema, (0.1,), attack)
    few = Cascade(LinearProver(weights, bias), counterparts, asked)
    assert few.run(table.rows, table.labels, levels).verdicts.min() > OPEN
    assert not seen[0].size
    many = Cascade(LinearProver(weights, bias, needs=100), counterparts, asked)
    found = many.run(table.rows, table.labels, levels)
    assert found.verdicts.min() > OPEN
    open_before = np.isin(seen[1], np.flatnonzero((found.verdicts == CERTIFIED).any(axis=(1, 2))))
    assert open_before.any()
    certified = (found.verdicts == CERTIFIED).all(axis=(1, 2))
    assert (found.boxes[certified, 0, BOTH] == 140).all()


def test_what_an_attack_finds_refutes_only_where_it_really_may_be():
    table = planted.random_table(20, n_free=2, domains=(3,), seed=2)
    weights, bias = np.array([1.0, -1.0, 0.1]), 0.0
    counterparts, classes = Counterparts.of(table.schema), linear_classes(weights, bias)
    table.labels[:] = classes(table.rows)
    asked = asked_of(classes, counterparts)

    def everywhere(where):  # far outside of every box, and of another class
        rows = table.rows[where].copy()
        rows[:, :2] = np.where(table.labels[where, None] == 1, [0, 1], [1, 0])
        return where, rows.astype(np.float32)

    idle = LinearProver(weights, bias, needs=10**6)
    found = Cascade(idle, counterparts, asked).run(
        table.rows, table.labels, levels_of(table.schema, (0.05,), everywhere)
    )
    clean = Cascade(idle, counterparts, asked).run(
        table.rows, table.labels, levels_of(table.schema, (0.05,))
    )
    assert np.array_equal(found.verdicts, clean.verdicts)
    all_of_it = Cascade(idle, counterparts, asked).run(
        table.rows, table.labels, levels_of(table.schema, (1.0,), everywhere)
    )
    assert (all_of_it.verdicts == REFUTED).all()


def test_where_all_counterparts_flip_together_the_way_there_has_some_that_disagree():
    """The class hardly depends on the sensitive feature, but does on the other."""
    features = (planted.numeric("x"), planted.numeric("s", sensitive=5))
    rows = np.float32([[0.3, 0.5]])
    table = planted.table_of(rows, np.array([0]), features)
    weights, bias = np.array([1.0, 1e-4]), -0.5
    counterparts, classes = Counterparts.of(table.schema), linear_classes(weights, bias)
    levels = levels_of(table.schema, (0.3,))
    found = Cascade(LinearProver(weights, bias), counterparts, asked_of(classes, counterparts)).run(
        table.rows, np.array([0]), levels
    )
    assert (found.verdicts == REFUTED).all()
    check_witnesses(found, rows, np.array([0]), classes, counterparts, levels)
    assert 0.49 < found.witness[0, 0, FAIRNESS, 0] < 0.51


def test_where_all_counterparts_tie_at_one_point_it_is_near_a_tie():
    """The sensitive feature plays no part; nobody told the cascade."""
    features = (planted.numeric("x"), planted.numeric("s", sensitive=5))
    rows = np.float32([[0.3, 0.5], [0.3, 0.5]])
    labels = np.array([0, 1])
    table = planted.table_of(rows, labels, features)
    weights, bias = np.array([1.0, 0.0]), -0.5
    counterparts, classes = Counterparts.of(table.schema), linear_classes(weights, bias)
    asked = asked_of(classes, counterparts)
    levels = levels_of(table.schema, (0.1, 0.3, 0.4))
    found = Cascade(LinearProver(weights, bias), counterparts, asked).run(rows, labels, levels)
    assert found.verdicts.tolist() == [
        [[CERTIFIED] * 3, [REFUTED, NEAR_TIE, REFUTED], [REFUTED, NEAR_TIE, REFUTED]],
        [[REFUTED, CERTIFIED, REFUTED], *[[REFUTED, NEAR_TIE, REFUTED]] * 2],
    ]
    constructed = Cascade(LinearProver(weights, bias), counterparts, asked, constructed=True)
    found = constructed.run(rows, labels, levels)
    assert found.verdicts.tolist() == [
        [[CERTIFIED] * 3, *[[REFUTED, CERTIFIED, REFUTED]] * 2],
        [[REFUTED, CERTIFIED, REFUTED]] * 3,
    ]
    check_witnesses(found, rows, labels, classes, counterparts, levels)


def rules(rows):
    """Jumps, more than two classes, and sensitive values that matter in a corner alone."""
    corner = (rows[:, 0] > 0.55) & (rows[:, 1] > 0.55) & (rows[:, 2] > 0.5)
    return np.where(corner, 2, (rows[:, 0] + rows[:, 1] > 1.1).astype(np.int64))


def listed_schema():
    whole = [Feature(name=n, kind="integer", minimum=0, maximum=10) for n in "ab"]
    sensitive = planted.numeric("s", sensitive=3)
    return Schema(
        features=(*whole, sensitive), label="y", classes=("0", "1", "2"), relations=("a <= b + 4",)
    )


def listed_truth(schema, rows, labels, epsilon):
    """All feasible rows by brute force, with all counterparts of each."""
    box, counterparts = FeasibleSet.of(schema, epsilon), Counterparts.of(schema)
    found = []
    for row, label in zip(rows, labels, strict=True):
        grid = np.array(list(itertools.product(range(11), range(11))))
        moved = np.repeat(row[None], len(grid), axis=0)
        moved[:, :2] = (grid / 10).astype(np.float32)
        near = (np.abs(grid - np.round(row[:2] * 10)) <= epsilon * 10 + 1e-6).all(axis=1)
        holds = (
            (grid[:, 0] <= grid[:, 1] + 4) if row[0] <= row[1] + 0.4 + 1e-6 else np.ones(1, bool)
        )
        moved = moved[near & holds]
        assert np.array_equal(box.nearest(moved, np.repeat(row[None], len(moved), axis=0)), moved)
        fair = accurate = both = True
        for one in moved:
            classes = rules(np.concatenate(list(counterparts.enumerate(one))))
            fair &= len(set(classes)) == 1
            both &= bool((classes == label).all())
            accurate &= rules(one[None])[0] == label
        found.append([both and accurate, fair, accurate])
    return np.array(found)


@pytest.mark.parametrize("boxes", [30, 1000])
def test_verdicts_on_rules_are_those_of_listing_every_feasible_row(boxes):
    schema = listed_schema()
    generator = np.random.default_rng(5)
    rows = np.column_stack(
        [generator.integers(0, 11, (40, 2)) / 10, generator.choice([0, 0.5, 1, 0.25], 40)]
    ).astype(np.float32)
    rows = rows[rows[:, 0] <= rows[:, 1] + 0.4 + 1e-6]
    labels = rules(rows)
    labels[::7] = 1 - labels[::7] % 2
    counterparts = Counterparts.of(schema)
    epsilons = (0.1, 0.3)
    levels = levels_of(schema, epsilons, make=FeasibleSet.of)
    found = Cascade(ListingProver(), counterparts, asked_of(rules, counterparts), boxes=boxes).run(
        rows, labels, levels
    )
    check_witnesses(found, rows, labels, rules, counterparts, levels)
    for place, epsilon in enumerate(epsilons):
        truth = listed_truth(schema, rows, labels, epsilon)
        verdicts = found.verdicts[:, place]
        assert not (verdicts == CERTIFIED)[~truth].any()
        assert not (verdicts == REFUTED)[truth].any()
        for column in (BOTH, ACCURACY):
            settled = np.isin(verdicts[:, column], (CERTIFIED, REFUTED))
            assert settled.all() or boxes == 30
        assert not (verdicts == NEAR_TIE).any()
    # of sets that are not connected, what flips with all its counterparts stays open
    fairness = found.verdicts[..., FAIRNESS]
    assert {CERTIFIED, REFUTED, OPEN} == {Standing(int(one)) for one in fairness.ravel()}


def test_a_row_whose_sensitive_value_is_new_counts_with_it():
    features = (planted.numeric("x"), planted.numeric("s", sensitive=2))
    table = planted.table_of(np.float32([[0.5, 0.5]]), np.array([1]), features)
    counterparts = Counterparts.of(table.schema)

    def classes(rows):
        return (rows[:, 1] == 0.5).astype(np.int64)

    class Idle(ListingProver):
        def decide(self, region, wanted, chosen, budget, confirm, workers):
            return ListingProver.decide(self, region, wanted, chosen[:0], budget, confirm, workers)

    found = Cascade(Idle(), counterparts, asked_of(classes, counterparts)).run(
        table.rows, table.labels, levels_of(table.schema, (0.1,))
    )
    assert found.verdicts.tolist() == [[[REFUTED, REFUTED, OPEN]]]
    assert found.witness[0, 0, FAIRNESS].tolist() == [0.5, 0.5]
    assert found.other[0, 0, FAIRNESS].tolist() == [0.5, 0.0]


def test_properties_are_in_the_order_of_files():
    assert [str(one) for one in Property] == [
        "accurate_fairness",
        "individual_fairness",
        "accuracy",
    ]
