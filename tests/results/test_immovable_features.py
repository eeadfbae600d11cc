"""What could not move is told apart from what could and did not."""

from __future__ import annotations

import numpy as np
import pytest

import rafair
from rafair.reports.report_builder import contents_of
from rafair.results.immovable_features import resting, still

ROWS = 200


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Of one's own: two constants, a number that decides, and a level that hardly does."""
    random = np.random.default_rng(0)
    pay = random.integers(0, 100, ROWS)
    lines = ["sex,pay,msa,kind,job,y"] + [
        f"{random.choice(['a', 'b'])},{money},41180,x,{random.choice(['p', 'q', 'r'])},"
        f"{'yes' if money > 50 else 'no'}"
        for money in pay
    ]
    path = tmp_path_factory.mktemp("people") / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    return rafair.read_table(path, label="y", sensitive=["sex"])


def audited(people, **options):
    def model(rows):
        slope = rows[:, 1] - 0.5
        return np.stack([-slope, slope], axis=1)

    return rafair.audit(
        model,
        people,
        attacks=("rafair-tb", "noise"),
        instances=40,
        steps=3,
        labels=None,
        **options,
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "msa, kind: one value only"),
        ({"perturbation": "paper"}, ""),
        ({"perturbation": "both"}, "msa, kind: one value only (if feasible)"),
        (
            {"max_category_changes": 0},
            "msa, kind: one value only; job: no category may change",
        ),
        (
            {"epsilon": {"pay": 0.1, "kind": 0.1}},
            "msa, job: no epsilon is given; kind: one value only",
        ),
    ],
)
def test_what_cannot_move_is_named_with_why(people, options, told):
    audit = audited(people, **options)
    record, rows = audit.record, audit.adversarial
    assert still(record) == told
    for name in record.attacks:
        mine = rows[rows["attack"] == name]
        moved = {
            feature.name
            for feature in people.schema.features
            if mine.groupby("instance")[f"encoded.{feature.name}"].nunique().max() > 1
        }
        assert not moved & resting(record, name)


def test_a_picture_says_what_could_not_move_apart_from_what_did_not(people):
    audit = audited(people, epsilon=0.3)
    picture = contents_of(audit).moved
    bars = {bar.label.split(" (")[0]: bar for _, bars in picture.groups for bar in bars}
    assert bars["pay"].rate.count > 0
    assert all(bar.rate.count for bar in bars.values())
    for heading, _ in picture.groups:
        attack = heading.partition(":")[0]
        assert f"What {attack} has not moved, and could not: msa, kind." in picture.note
