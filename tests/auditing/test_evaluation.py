"""What is found of rows in memory, against what a linear model's own formula says."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest

from planted import linear, random_table
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.evaluation import Company, Inquiry, evaluate
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.torch_module import TorchClassifier
from rafair.verdicts import verdicts

WEIGHTS = np.array([1.0, -2.0, 0.5, 0.3, -0.2])
COMBINATIONS = [np.array(values) for values in product((0, 0.5, 1), (0, 1))]
CONFIG = AuditConfig(steps=3, step_size=0.05, epsilon=0.1, labels=None)


@pytest.fixture
def table():
    return random_table(40, domains=(3, 2), seed=2)


@contextmanager
def asking(table, classifier=None, config=CONFIG):
    told = []
    with Workers(1) as workers:
        classifier = classifier or TorchClassifier(linear(list(WEIGHTS)))
        yield Inquiry(classifier, table.schema, config, workers, told.append), told


def by_formula(rows):
    """Predictions of a linear model, and whether all counterparts get the same."""
    own, free = rows @ WEIGHTS > 0, rows[:, :3] @ WEIGHTS[:3]
    others = np.stack([free + values @ WEIGHTS[3:] > 0 for values in COMBINATIONS])
    return own, (others == own).all(axis=0)


def test_without_attacks_rows_are_looked_at_as_they_came(table):
    with asking(table) as (inquiry, told):
        found = evaluate(inquiry, Company(table.rows, table.labels))
    own, fair = by_formula(table.rows)
    assert np.array_equal(found.clean.prediction, own)
    assert np.array_equal(found.fair, fair)
    assert np.array_equal(found.accurate, own == table.labels)
    assert np.array_equal(found.clean_verdicts, verdicts(own == table.labels, fair))
    assert found.zero_gradient is None
    assert found.asked == sum(told) == len(table) * len(COMBINATIONS)


def test_what_is_returned_holds_at_every_iterate_that_is_handed_on(table):
    kept = []
    with asking(table) as (inquiry, _):
        found = evaluate(
            inquiry, Company(table.rows, table.labels), ["rafair-tb", "apgd"], each=kept.append
        )
    assert [one.name for one in kept] == ["rafair-tb", "apgd"]
    accurate, fair = np.ones(len(table), bool), np.ones(len(table), bool)
    for one in kept:
        assert len(one.trajectory.rows) == CONFIG.steps + 1
        for step, rows in enumerate(one.trajectory.rows):
            own, alike = by_formula(rows)
            assert np.array_equal(one.accurate[:, step], own == table.labels)
            assert np.array_equal(one.fair[:, step], alike)
            accurate &= own == table.labels
            fair &= alike
    assert np.array_equal(found.accurate, accurate)
    assert np.array_equal(found.fair, fair)
    assert 0 < np.count_nonzero(~accurate) < len(table)
    assert found.zero_gradient == 0
    assert found.asked == sum(one.spent.rows for one in kept)


def test_rows_that_lost_both_are_spared_and_what_is_returned_stays(table):
    names, sizes = ["rafair-tb", "rafair-fb", "noise"], []
    wide = AuditConfig(steps=3, step_size=0.2, epsilon=0.4, labels=None)
    with asking(table, config=wide) as (inquiry, _):
        every = evaluate(inquiry, Company(table.rows, table.labels), names)
        spared = evaluate(
            inquiry,
            Company(table.rows, table.labels),
            names,
            sparing=True,
            each=lambda one: sizes.append(len(one.where)),
        )
    assert np.array_equal(every.accurate, spared.accurate)
    assert np.array_equal(every.fair, spared.fair)
    assert len(table) == sizes[0] > sizes[-1]
    assert spared.asked < every.asked


def test_what_was_seen_is_not_asked_about_again(table):
    with asking(table) as (inquiry, told):
        first = evaluate(inquiry, Company(table.rows, table.labels), ["rafair-tb"])
        told.clear()
        again = evaluate(inquiry, Company(table.rows, table.labels, first.clean))
        assert not told
        assert again.asked == 0
        known = evaluate(inquiry, Company(table.rows, table.labels, first.clean), ["rafair-ff"])
        anew = evaluate(inquiry, Company(table.rows, table.labels), ["rafair-ff"])
    assert np.array_equal(known.accurate, anew.accurate)
    assert np.array_equal(known.fair, anew.fair)
    assert known.asked == anew.asked - len(table) * len(COMBINATIONS)


def test_queries_are_counted_where_a_model_gives_no_gradients(table):
    kept = []
    once = CachedClassifier(TorchClassifier(linear(list(WEIGHTS))))
    with asking(table, once) as (inquiry, _):
        evaluate(
            inquiry, Company(table.rows, table.labels), ["rafair-tb", "noise"], each=kept.append
        )
    assert sum(one.spent.queries for one in kept) == once.asked > 0
    assert all(one.spent.gradient_rows == 0 for one in kept)
