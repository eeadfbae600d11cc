"""What two runs prove, compared: both ends of the bracket, paired by instance."""

from __future__ import annotations

import copy

import numpy as np
import pyarrow.parquet as pq
import pytest

import rafair
from planted_certificates import certified_by_hand, planted_run
from rafair.gating.audit_conditions import conditions
from rafair.gating.difference_tables import notes, tables
from rafair.gating.pairing import of_both, pair
from rafair.metrics.rate_difference import paired_rates
from rafair.results.rate_names import RateName

EPSILONS = (0.02, 0.1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    found = [planted_run(folder / str(tilt), tilt=tilt) for tilt in (0.0, 0.4)]
    return [certified_by_hand(audit, skip) for audit, skip in zip(found, (5, 7), strict=True)]


@pytest.fixture(scope="module")
def comparison(runs):
    return rafair.diff(*runs)


def holds(audit, epsilon, wanted):
    """By plain rows: whether each instance's accurate fairness has one of the verdicts."""
    rows = pq.read_table(audit.folder / "certificates.parquet").to_pylist()
    found = {
        row["instance"]: row["verdict"] in wanted
        for row in rows
        if row["epsilon"] == epsilon and row["property"] == "accurate_fairness"
    }
    return np.array([found[one] for one in sorted(found)])


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("certified", ["certified"]), ("not_refuted", ["certified", "open", "near_tie"])],
)
def test_both_ends_are_compared_instance_by_instance(runs, comparison, epsilon, kind, wanted):
    name = RateName(kind, "accurate_fairness", None, epsilon)
    (change,) = [one for one in comparison.changes if one.name == name]
    before, after = (holds(audit, epsilon, wanted) for audit in runs)
    expected = paired_rates(after, before)
    assert change.difference == expected
    assert change.difference.low < change.difference.value < change.difference.high
    assert change.better == np.count_nonzero(after & ~before)
    assert change.worse == np.count_nonzero(before & ~after)
    assert change.to_dict()["epsilon"] == epsilon


def test_the_table_has_a_block_for_each_epsilon(comparison):
    rows = [row[0] for row in tables(comparison)[0].rows]
    for epsilon in ("0.02", "0.1"):
        place = rows.index(f"proven, epsilon {epsilon}")
        assert rows[place + 1 : place + 3] == [
            "  certified accurate_fairness",
            "  not refuted accurate_fairness",
        ]
    assert any(note.startswith("Certified: proven") for note in notes(comparison))


def test_those_that_both_certificates_speak_of_are_paired():
    pairing = pair(np.arange(100), np.arange(100))
    first, second = np.ones(100), np.ones(100)
    first[:20], second[60:] = np.nan, np.nan
    found = of_both(pairing, first, second)
    assert found.first.tolist() == found.second.tolist() == list(range(20, 60))
    second[45:] = np.nan
    assert of_both(pairing, first, second) is pairing


def test_certificates_that_differ_are_told(runs):
    def other(**changed):
        document = copy.deepcopy(dict(runs[0].document))
        document["certificate"].update(changed)
        return rafair.Audit(document, runs[0].folder).record

    record = runs[0].record
    found = conditions(record, other(boxes=7, epsilons=[0.1]))
    told = {one.name: one.another_question for one in found}
    assert told == {"certificate boxes": True, "certificate epsilons": False}
    document = dict(runs[0].document)
    del document["certificate"], document["certified"]
    (alone,) = conditions(record, rafair.Audit(document, runs[0].folder).record)
    assert (alone.name, alone.first, alone.second) == ("certificate", "ReLU network", None)
