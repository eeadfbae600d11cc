"""Figures of a hardening, against ones made by hand."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from made_hardenings import hardening, side
from rafair.hardening.attack_panel import Judgement
from rafair.hardening.gain_sentences import majority_explains, summary
from rafair.hardening.judge_checks import pooled, rises, zero_gradients
from rafair.hardening.network_rates import Measured, mean_changes, mean_rates, rates_of
from rafair.metrics.rates import rate
from rafair.results.hardening_record import Broken, MeanRate, Side


def judgement(accurate, fair, clean=(0, 0, 1, 2)):
    return Judgement(np.int8(clean), np.array(accurate, bool), np.array(fair, bool), 0)


@pytest.fixture
def one():
    labels = np.array([0, 0, 0, 1])
    return Measured(labels, np.array([0, 0, 1, 1]), {0.05: judgement([1, 1, 0, 0], [1, 0, 0, 1])})


@pytest.fixture
def other(one):
    found = {0.05: judgement([1, 1, 1, 0], [1, 1, 0, 1], (0, 0, 0, 3))}
    return Measured(one.labels, np.array([0, 0, 0, 0]), found)


def test_rates_of_one_network_count(one):
    found = rates_of(one)
    assert asdict(found.test["accuracy"]) == rate(3, 4).to_dict()
    assert found.test["balanced_accuracy"].value == pytest.approx((2 / 3 + 1) / 2)
    assert found.clean["accuracy"].count == 3
    assert found.clean["individual_fairness"].count == 3
    assert found.clean["accurate_fairness"].count == 2
    robust = found.robust["0.05"]
    assert [robust[name].count for name in robust] == [2, 2, 1]


def test_one_network_has_wilsons_interval_and_no_spread(one):
    found = mean_rates([one], 0).robust["0.05"]["accurate_fairness"]
    wilson = rate(1, 4)
    assert found == MeanRate(0.25, None, wilson.low, wilson.high)


def test_several_networks_have_their_mean_and_spread(one, other):
    found = mean_rates([one, other], 0)
    robust = found.robust["0.05"]["accurate_fairness"]
    assert robust.value == pytest.approx(3 / 8)
    assert robust.sd == pytest.approx(np.std([1 / 4, 2 / 4], ddof=1))
    assert 0 <= robust.low < 3 / 8 < robust.high <= 1
    balanced = found.test["balanced_accuracy"]
    assert balanced.value == pytest.approx(((2 / 3 + 1) / 2 + 1 / 2) / 2)
    clean = found.clean
    cells = ("true_fair", "true_biased", "false_fair", "false_biased")
    assert sum(clean[cell].value for cell in cells) == pytest.approx(1)


def rates(value, low=0.0, high=1.0):
    return MeanRate(value, None, low, high)


def test_a_larger_epsilon_that_raises_a_rate_beyond_its_interval_is_told():
    robust = {
        "0.02": {"accuracy": rates(0.5, 0.4, 0.6)},
        "0.1": {"accuracy": rates(0.59, 0.5, 0.7)},
        "0.2": {"accuracy": rates(0.61, 0.5, 0.7)},
    }
    (found,) = rises(robust, "after")
    assert found.epsilons == (0.02, 0.2)
    assert found.values == (0.5, 0.61)


def test_masking_is_told_where_it_is_beyond_chance():
    few = {"black_box": {"broken": 3, "n": 100}, "noise": {"broken": 0, "n": 100}}
    many = {"black_box": {"broken": 14, "n": 100}, "noise": {"broken": 0, "n": 100}}
    assert not pooled([few], 0.05).black_box.beyond_chance
    found = pooled([few, many], 0.05)
    assert found.black_box == Broken(17, 200, beyond_chance=True)
    assert not found.noise.beyond_chance
    none = {"black_box": {"broken": 0, "n": 0}, "noise": {"broken": 0, "n": 0}}
    assert not pooled([none], 0.05).black_box.beyond_chance


def test_zero_gradients_are_pooled_and_unknown_where_none_was_asked_for(one, other):
    known = [each.judgements[0.05] for each in (one, other)]
    assert zero_gradients(known).n == 8
    blind = Judgement(known[0].clean, known[0].accurate, known[0].fair, None)
    assert zero_gradients([blind]) is None


def record(*, after=0.7, accuracy=0.72, balanced=0.65, share=0.68, uses=True, constant=0.6):
    sides = side(0.73, 0.66, 0.3), side(accuracy, balanced, after)
    typed = (Side(**{part: rated(found) for part, found in one.items()}) for one in sides)
    explains = majority_explains(*typed, "0.05", share, constant)
    majority = {"share": share, "robust_accurate_fairness": constant, "explains": explains}
    return hardening(*sides, majority, uses=uses)


def rated(found):
    if "sd" in found:
        return MeanRate(**found)
    return {key: rated(value) for key, value in found.items()}


def test_the_first_sentence_says_what_was_gained_and_what_it_cost():
    first, second = summary(record())
    assert "rose from 0.300 to 0.700 (+40.0 points, 95 % interval +35.0 to +45.0)" in first
    assert "from 0.730 to 0.720 (−1.0 points), means of 2 networks" in first
    assert second.startswith("The hardened model still looks at a row's own age and sex")


def test_a_fall_and_a_change_within_the_interval_are_not_called_gains():
    assert "fell from 0.300 to 0.200" in summary(record(after=0.2))[0]
    assert "went, within its interval, from 0.300 to 0.320" in summary(record(after=0.32))[0]


@pytest.mark.parametrize(
    ("accuracy", "balanced", "told"),
    [
        (0.69, 0.52, "fell from 0.660 to 0.520"),
        (0.69, 0.65, "went from 0.660 to 0.650"),
        (0.60, 0.52, "fell from 0.660 to 0.520"),
        (0.72, 0.52, None),
    ],
)
def test_the_majority_is_named_where_it_explains_a_gain(accuracy, balanced, told):
    named = [
        each
        for each in summary(record(accuracy=accuracy, balanced=balanced))
        if each.startswith("The largest class explains")
    ]
    assert len(named) == (told is not None)
    for sentence in named:
        assert "right for 0.680 of the test split" in sentence
        assert "robust accurate fairness 0.600" in sentence
        assert f"Balanced accuracy {told}." in sentence


def test_a_consensus_is_said_not_to_look_at_sensitive_values():
    assert "does not look at a row's own age and sex" in summary(record(uses=False))[-1]


@pytest.mark.parametrize(
    ("after", "constant", "explains"),
    [(0.7, 0.69, True), (0.7, 0.7, True), (0.7, 0.67, False), (0.2, 0.7, False), (0.3, 0.7, False)],
)
def test_only_a_gain_is_explained_and_robust_rates_count_too(after, constant, explains):
    found = record(after=after, constant=constant)
    assert found.checks.majority.explains == explains
    told = [each for each in summary(found) if each.startswith("The largest class explains")]
    assert len(told) == explains


def test_changes_are_of_the_same_instances(one, other):
    change = mean_changes([one], [other])["0.05"]["accurate_fairness"]
    before, after = one.judgements[0.05].both, other.judgements[0.05].both
    assert change.value == pytest.approx(after.mean() - before.mean())
    assert change.low < change.value < change.high
    alike = mean_changes([one], [one])["0.05"]["accuracy"]
    assert alike.value == 0
    assert alike.low < 0 < alike.high
    both = mean_changes([one, other], [other, one])["0.05"]["accurate_fairness"]
    assert both.value == pytest.approx(0)
