"""Every feasible row counts as one, to the last bit, and rows beside it do not."""

from __future__ import annotations

import numpy as np
import pytest

from planted_loans import loan_schema, loans
from rafair.certify.membership import Membership
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema


def derived_schema() -> Schema:
    whole = [Feature(name=n, kind="integer", minimum=0, maximum=40) for n in "ab"]
    total = Feature(name="total", kind="integer", minimum=0, maximum=80, derive="a + b")
    ratio = Feature(name="ratio", kind="numeric", minimum=0, maximum=41, derive="a / (b + 1)")
    who = Feature(
        name="who", kind="categorical", levels=("f", "m"), sensitive=True, domain=("f", "m")
    )
    return Schema(features=(*whole, total, ratio, who), label="y", classes=("no", "yes"))


def derived_rows(n: int = 200) -> np.ndarray:
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 41, (2, n))
    columns = [a / 40, b / 40, (a + b) / 80, a / (b + 1) / 41, generator.integers(0, 2, n)]
    return np.column_stack(columns).astype(np.float32)


@pytest.mark.parametrize("epsilon", [0.1, 0.3])
@pytest.mark.parametrize(
    ("schema", "rows"),
    [(loan_schema(), loans(40).rows), (derived_schema(), derived_rows())],
    ids=["relations", "formulas"],
)
def test_feasible_rows_and_their_counterparts_are_inside(schema, rows, epsilon):
    box, counterparts = FeasibleSet.of(schema, epsilon), Counterparts.of(schema)
    members, generator = Membership(box, counterparts), np.random.default_rng(1)
    for _ in range(2):
        wanted = rows + generator.normal(0, epsilon, rows.shape).astype(np.float32)
        shadows = box.with_levels(box.project(wanted, rows), rows[generator.permutation(len(rows))])
        found = box.nearest(shadows, rows)
        assert (found != rows).any(axis=1).mean() > 0.2
        assert members.inside(found, rows).all()
        others = found.copy()
        counterparts.substitute(others, generator.integers(0, counterparts.size, len(others)))
        assert members.inside(others, rows).all()
        changed = (others != found).any(axis=1)
        assert not members.inside(others, rows, own=True)[changed].any()
        movable = int(np.flatnonzero(box.movable)[0])
        beside = found.copy()
        beside[:, movable] = np.nextafter(found[:, movable], np.float32(2))
        assert not members.inside(beside, rows)[beside[:, movable] != rows[:, movable]].any()


def test_boxes_end_at_the_last_bit():
    members = Membership(
        PerturbationSet(np.float32([0.1, 0])), Counterparts([1], [np.float32([0, 1])])
    )
    centre = np.float32([[0.5, 0.0]])
    upper = members.box.bounds(centre)[1][0, 0]
    for value, inside in ((upper, True), (np.nextafter(upper, np.float32(1)), False)):
        assert members.inside(np.float32([[value, 1]]), centre)[0] == inside
    assert members.connected
    assert not Membership(FeasibleSet.of(loan_schema(), 0.1), members.counterparts).connected
