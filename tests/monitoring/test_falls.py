"""Which rates are told to have fallen, and with which figures."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import beta

from rafair.errors import InputError
from rafair.metrics.rates import rate
from rafair.monitoring.evidence.drift_tests import bounds, by_name, falls, share_of

REFERENCE = {
    "clean.accuracy": rate(1083, 1274),
    "clean.individual_fairness": rate(1274, 1274),
    "noise.accuracy": rate(0, 1274),
    "noise.individual_fairness": rate(3, 4),
    "strongest.accuracy": None,
}


def counts(*pairs):
    return np.array(pairs, np.int64).reshape(-1, 2)


def test_bounds_are_those_of_the_last_level_less_the_tolerance():
    found = bounds(REFERENCE, 0.05, 0.01)
    level = 0.05 / 5 / 3
    assert found["clean.accuracy"] == pytest.approx(beta.ppf(level, 1083, 192) - 0.01)
    assert found["clean.individual_fairness"] == pytest.approx(level ** (1 / 1274) - 0.01)
    assert found["noise.accuracy"] is None  # nothing was good: nothing can fall
    assert found["noise.individual_fairness"] == pytest.approx(beta.ppf(level, 3, 2) - 0.01)
    assert found["strongest.accuracy"] is None
    assert bounds(REFERENCE, 0.05, 0.5)["noise.individual_fairness"] is None
    assert bounds({}, 0.05, 0.01) == {}


@pytest.mark.parametrize(
    ("alpha", "tolerance", "said"),
    [
        (0, 0.01, "alpha: expected a number above 0 up to 1, got 0"),
        (float("nan"), 0.01, "alpha: expected a number above 0 up to 1, got nan"),
        (0.05, -0.1, "tolerance: expected a number from 0 up to 1, got -0.1"),
    ],
)
def test_bad_rates_are_refused(alpha, tolerance, said):
    with pytest.raises(InputError) as refused:
        bounds(REFERENCE, alpha, tolerance)
    assert str(refused.value) == said


def test_a_fall_has_all_its_figures():
    history = {
        "clean.accuracy": counts((430, 500), (0, 0), (0, 0), (330, 500), (325, 500)),
        "clean.individual_fairness": counts((500, 500), (0, 0), (0, 0), (500, 500), (500, 500)),
        "noise.individual_fairness": counts(*[(300, 500)] * 5),
    }
    [fall] = falls(REFERENCE, history, 0.05, 0.01)
    assert fall.rate == "clean.accuracy"
    assert fall.since == 4  # looks 2 and 3 had no rows
    assert fall.now == rate(655, 1000)
    assert fall.fell_by == pytest.approx(1083 / 1274 - 0.655)
    assert fall.reference == REFERENCE["clean.accuracy"]
    assert fall.bound == bounds(REFERENCE, 0.05, 0.01)["clean.accuracy"]
    assert (fall.alpha, fall.threshold) == (share_of(0.05, 5), 1 / share_of(0.05, 5))
    assert fall.e_value == pytest.approx(np.exp(fall.log_e))
    assert fall.e_value > fall.threshold
    assert json.loads(json.dumps(asdict(fall))) == asdict(fall)


def test_evidence_beyond_what_a_number_holds_has_only_its_logarithm():
    reference = {"clean.accuracy": rate(9000, 10_000)}
    [fall] = falls(reference, {"clean.accuracy": counts((100, 10_000))}, 0.05, 0.01)
    assert fall.e_value is None
    assert 1000 < fall.log_e < np.inf
    json.dumps(asdict(fall), allow_nan=False)


def test_nothing_falls_without_looks_or_rows():
    reference = {"clean.accuracy": REFERENCE["clean.accuracy"]}
    for history in (counts(), counts((0, 0)), counts((0, 0), (0, 0))):
        assert falls(reference, {"clean.accuracy": history}, 0.05, 0.01) == []
    assert falls({}, {}, 0.05, 0.01) == []


def test_evidence_comes_and_may_go():
    rng = np.random.default_rng(0)
    chances = np.repeat([0.85, 0.6, 0.97], [5, 8, 60])
    history = {
        name: np.stack([rng.binomial(60, chances), np.full(len(chances), 60)], axis=-1)
        for name in ("clean.accuracy", "clean.individual_fairness", "noise.individual_fairness")
    }
    told = []
    for look in range(len(chances)):
        so_far = {name: of_rate[: look + 1] for name, of_rate in history.items()}
        found = falls(REFERENCE, so_far, 0.05, 0.01)
        told.append("clean.accuracy" in [fall.rate for fall in found])
    assert told[0] is False
    assert told[12] is True
    assert told[-1] is False  # many good rows since: it closes


def test_rates_are_named_by_condition_and_metric():
    one, two = rate(1, 1), rate(1, 2)
    told = {"accuracy": one, "accurate_fairness": two}
    assert by_name({"clean": told, "noise": {}}) == {"clean.accuracy": one}
