"""Streams with and without a planted loss: how often, how soon, and what the watch tells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.watch import ALPHA, NAMES, POPULATIONS, Population, delay, watch

STREAMS = 100


def test_populations_have_the_rates_they_are_asked_for():
    accuracy, fairness = (0.85, 0.84, 0.80), (0.93, 0.92, 0.85)
    for tie in (0, 0.3, 1):
        population = Population.of(accuracy, fairness, tie)
        assert population.cells.sum() == pytest.approx(1)
        assert population.cells.min() >= -1e-12
        rates = dict(zip(NAMES, population.rates, strict=True))
        assert rates["noise.accuracy"] == pytest.approx(0.84)
        assert rates["strongest.individual_fairness"] == pytest.approx(0.85)
    lost = dict(zip(NAMES, population.losing((1,), 0.1).rates, strict=True))
    assert lost["clean.accuracy"] == pytest.approx(0.85)
    assert lost["clean.individual_fairness"] == pytest.approx(0.83)
    assert lost["strongest.individual_fairness"] < 0.8


def test_streams_without_drift_alarm_no_more_often_than_stated():
    """100 streams of 100 windows of each kind, each with a reference of its own."""
    rng, alarmed = np.random.default_rng(11), 0
    plans = [("strong", 1274, 50), ("weak", 15060, 500), ("near perfect", 1274, 500)]
    for name, reference, window in plans:
        sizes = {"reference": reference, "window": window, "looks": 100, "streams": STREAMS}
        found = watch(rng, POPULATIONS[name], **sizes).alarmed
        print(f"{name}, reference {reference}, windows of {window}: {found} of {STREAMS} alarmed")
        assert binomtest(found, STREAMS, ALPHA, alternative="greater").pvalue > 0.001
        alarmed += found
    streams = STREAMS * len(plans)
    assert binomtest(alarmed, streams, ALPHA, alternative="greater").pvalue > 0.001


def test_streams_a_little_worse_than_the_reference_do_alarm():
    """A watch that never alarms would keep its false-alarm rate, too."""
    rng, better = np.random.default_rng(12), POPULATIONS["strong"]
    sizes = {"reference": 15060, "window": 200, "looks": 60, "streams": 20}
    assert watch(rng, better, **sizes, later=better.losing((0,), 0.06)).alarmed == 20


@pytest.mark.parametrize("calm", [0, 50])
@pytest.mark.parametrize("lost", ["accuracy", "fairness", "both"])
@pytest.mark.parametrize(
    ("reference", "points", "within"), [(15060, 0.10, 2000), (1274, 0.15, 2000)]
)
def test_a_planted_loss_is_told_with_its_kind(reference, points, within, lost, calm):
    """Every stream, within the number of rows that `docs/monitor-tests.md` states."""
    streams = 30
    found = delay(
        np.random.default_rng(calm + 1),
        POPULATIONS["strong"],
        lost,
        points,
        reference=reference,
        window=100,
        rows=within,
        streams=streams,
        calm=calm,
    )
    print(f"{lost}, {points} from window {calm + 1}: {found}")
    assert np.all(found.rows <= within)
    assert found.wrong <= 0.05 * streams + 2
