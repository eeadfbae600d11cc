"""The embedded table, and what every adapter must show on it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import rafair


@pytest.fixture(scope="session")
def affairs():
    return rafair.load_dataset("affairs")


@pytest.fixture(scope="session")
def network(affairs):
    return rafair.train(affairs.train, rafair.TrainConfig(epochs=3))


@pytest.fixture
def agrees(affairs):
    """Audits a classifier, whose predictions must be what its own library predicts."""

    def check(classifier, expected):
        table = affairs.test
        expected = np.asarray(expected)
        assert 0 < expected.mean() < 1  # a constant would agree with anything
        assert np.array_equal(classifier.logits(table.rows).argmax(axis=1), expected)
        again = pickle.loads(pickle.dumps(classifier))
        assert np.array_equal(again.logits(table.rows[:50]), classifier.logits(table.rows[:50]))
        assert again.sha256 == classifier.sha256
        assert len(classifier.sha256) == 64
        some = table.take(range(0, len(table), 4))  # an audit asks about all their counterparts
        clean = rafair.audit(classifier, some, attacks=(), labels=None).document["clean"]
        assert clean["accuracy"]["n"] == len(some.labels)
        assert clean["accuracy"]["count"] == np.count_nonzero(expected[::4] == some.labels)

    return check
