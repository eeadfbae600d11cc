"""What the one loop does, whatever the algorithm."""

from __future__ import annotations

import numpy as np
import pytest

import planted
from rafair.attacks.apgd import APGD
from rafair.attacks.pgd import PGD
from rafair.models.losses import CrossEntropy
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.loop import Problem
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet


@pytest.mark.parametrize("attack", [PGD(), APGD()])
def test_a_search_may_leave_its_judging_out(attack, workers):
    table = planted.random_table(30)
    classifier = TorchClassifier(planted.network(len(table.schema)))
    box = PerturbationSet.of(table.schema, 0.2)
    budget = Budget(6, np.full(len(table.schema), 0.05, np.float32), box)
    found, asked = {}, {}
    for judged in (True, False):
        sweep = CounterpartEvaluator(
            classifier, Counterparts.of(table.schema), CrossEntropy(), workers
        )
        problem = Problem(sweep, table.rows, table.labels, budget, judged)
        found[judged] = attack.solve(problem, None)
        asked[judged] = sweep.queries
    assert np.array_equal(found[True].rows, found[False].rows)
    assert all(seen.judged.all() for seen in found[True].observations)
    assert not any(seen.judged.any() for seen in found[False].observations)
    assert asked[True].gradient_rows == asked[False].gradient_rows > 0
    assert asked[True].prediction_rows > asked[False].prediction_rows == 0
