"""Searches are measured by random draws, and what was hardly searched says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import planted
import rafair
from rafair.attacks.noise import Noise
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.noise_baseline import DRAWS
from rafair.engine.thread_pool import Workers
from rafair.models.fit_to_table import as_classifier
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName

WEAK = "the search was too weak"
LITTLE = "this tells little"


class Flat(torch.nn.Module):
    """Bands of two classes that only the first column decides; its gradient is zero everywhere."""

    def forward(self, rows):
        first = torch.floor(rows[:, 0] * 12) % 2
        return torch.stack([first, 1 - first], dim=1) + 0 * rows.sum(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def table():
    return planted.random_table(60)


def broken_by_hand(module, result, table, seed):
    """By draws made anew, each judged with all its counterparts by plain enumeration."""
    config = AuditConfig.of(result.options).resolved(table.schema, "cpu")
    each = PerInstance.read(result.folder)
    names = [RateName("robust", "accurate_fairness", name) for name in result.record.attacks]
    standing = np.all([each.holds(name) == 1 for name in names], axis=0)
    with Workers(1) as workers:
        sweep = config.sweep(as_classifier(module), table.schema, workers, lambda rows: None)
        broken = 0
        for number in each.instances[standing]:
            row, label = table.rows[number : number + 1], table.labels[number : number + 1]
            budget = config.budget(table.schema)
            budget = replace(budget, steps=DRAWS, seed=seed)
            path = Noise().run(sweep, row, label, budget)
            rows = np.concatenate([planted.brute_counterparts(r[0], table) for r in path.rows])
            with torch.no_grad():
                predicted = module(torch.tensor(rows)).argmax(dim=1).numpy()
            broken += bool((predicted != label[0]).any())
    return int(standing.sum()), broken


def test_draws_that_break_what_a_search_left_are_told(table):
    result = rafair.audit(Flat(), table, attacks=("pgd",), steps=2, epsilon=0.05, labels=None)
    drawn = result.record.yardstick["paper"]
    assert (drawn.n, drawn.broken) == broken_by_hand(Flat(), result, table, seed=1)
    assert 0 < drawn.broken < drawn.n
    (warning,) = [text for text in result.warnings if WEAK in text]
    assert warning.startswith(f"{drawn.broken:,} of the {drawn.n:,} instances")
    assert "add the attack strongest, or raise the number of steps" in warning


def test_a_search_that_noise_does_not_beat_says_nothing(table):
    result = rafair.audit(planted.network(5), table, labels=None)
    drawn = result.record.yardstick["paper"]
    assert drawn.broken == 0 < drawn.n
    assert not [text for text in result.warnings if WEAK in text or LITTLE in text]


def test_each_kind_of_perturbations_has_its_own(table):
    attacks = ("fgsm",)
    options = {"attacks": attacks, "steps": 2, "labels": None, "perturbation": "both"}
    result = rafair.audit(planted.network(5), table, **options)
    assert set(result.record.yardstick) == {"paper", "feasible"}
    assert not rafair.audit(planted.network(5), table, attacks=()).record.yardstick


def test_few_looks_that_found_nothing_are_told(table):
    mild = planted.network(5)
    with torch.no_grad():
        list(mild.parameters())[-1].add_(torch.tensor([9.0, 0.0]))
    few, many = (
        rafair.audit(mild, table, attacks=("noise",), steps=n, epsilon=0.01, labels=None)
        for n in (2, 20)
    )
    (warning,) = [text for text in few.warnings if LITTLE in text]
    assert "with 3.0 looks" in warning  # the row as it is, and two draws
    assert not [text for text in many.warnings if LITTLE in text]


def test_queries_of_draws_are_counted(table):
    network = as_classifier(planted.network(5))
    asked = set()

    def answer(rows):
        asked.update(map(bytes, np.ascontiguousarray(rows)))
        return network.logits(rows)

    result = rafair.audit(answer, table, instances=40, steps=2, attacks=("noise",), labels=None)
    drawn = result.record.yardstick["paper"]
    assert drawn.queries > 0 == drawn.gradient_rows
    spent = result.record.attacks["noise"].queries + drawn.queries
    before = {bytes(row) for row in table.rows}  # the model's accuracy is that of all rows
    looks = 2 * 40 * len(table.schema)  # at how much each feature decides
    assert spent <= len(asked) <= spent + len(before) + looks
