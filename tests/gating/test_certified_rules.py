"""Rules about what is proven: counted in the certificates' own file, by epsilon and group."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import rafair
from planted_certificates import certified_by_hand, planted_run
from rafair.errors import InputError
from rafair.gating.entry import decide
from rafair.gating.gate_decision import Status
from rafair.gating.policy_file import as_policy
from rafair.metrics.rate_difference import paired_rates
from rafair.metrics.rates import rate
from rafair.reports.gate_github import gate_github
from rafair.reports.junit import junit

RULE = {"rate": "certified.accurate_fairness"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two networks on the same rows, both certified at two budgets; and one that is not."""
    folder = tmp_path_factory.mktemp("runs")
    found = [planted_run(folder / str(tilt), tilt=tilt) for tilt in (0.0, 0.4)]
    bare = shutil.copytree(found[0].folder, folder / "bare")
    return [*map(certified_by_hand, found), rafair.Audit.load(bare)]


def judged(audit, *rules, baseline=None):
    return decide(as_policy({"version": 1, "rule": list(rules)}), audit, baseline)


def one(audit, baseline=None, **rule):
    (finding,) = judged(audit, RULE | rule, baseline=baseline).findings
    return finding


def verdicts(audit, epsilon, name="accurate_fairness"):
    """By instance, as the file has them."""
    rows = pq.read_table(audit.folder / "certificates.parquet").to_pylist()
    return {
        row["instance"]: row["verdict"]
        for row in rows
        if row["epsilon"] == epsilon and row["property"] == name
    }


def test_what_is_proven_is_counted_in_its_file(runs):
    audit = runs[0]
    document = copy.deepcopy(dict(audit.document))
    said = document["certified"]["0.02"]["accurate_fairness"]["certified"]
    said.update(rate(50, 50).to_dict())  # what the document says does not count
    lying = rafair.Audit(document, audit.folder)
    found = list(verdicts(audit, 0.02).values())
    expected = rate(found.count("certified"), 50)
    finding = one(lying, epsilon=0.02, at_least=0.0)
    assert (finding.measured.count, finding.measured.n) == (expected.count, 50)
    assert (finding.measured.low, finding.measured.high) == (expected.low, expected.high)
    assert f"{expected.count} of 50 in certificates.parquet: above 0" in finding.sentence
    assert finding.title == "certified.accurate_fairness at epsilon 0.02: at least 0"
    assert 0 < expected.count < 50
    by = {"by": "interval", "at_least": expected.value}
    # told of instances like these, not of these alone
    assert one(audit, epsilon=0.02, **by).status is Status.FAILED


def test_the_largest_budget_is_meant_where_none_is_named(runs):
    largest, smaller = (list(verdicts(runs[0], one).values()) for one in (0.1, 0.02))
    finding = one(runs[0], at_least=0.5)
    assert finding.epsilon == 0.1
    assert finding.measured.count == largest.count("certified") < smaller.count("certified")
    other = one(runs[0], rate="not_refuted.accurate_fairness", at_least=0.5)
    assert other.measured.count == 50 - largest.count("refuted")


def test_groups_are_those_of_the_run_and_add_up(runs):
    feature = next(iter(runs[0].record.groups))
    rule = RULE | {"group": feature, "min_n": 1, "at_least": 0.0}
    findings = [one for one in judged(runs[0], rule).findings if one.measured]
    sizes = {name: group.n for name, group in runs[0].record.groups[feature].items() if group.n}
    assert {one.value: one.measured.n for one in findings} == sizes
    found = list(verdicts(runs[0], 0.1).values()).count("certified")
    assert sum(one.measured.count for one in findings) == found
    assert all(" in certificates.parquet: " in one.sentence for one in findings)
    gap = one(runs[0], group=feature, min_n=1, largest_gap=1.0)
    values = [finding.measured.value for finding in findings]
    assert gap.measured.value == pytest.approx(max(values) - min(values))


def test_a_drop_is_taken_instance_by_instance(runs):
    before, now = (verdicts(audit, 0.02) for audit in runs[:2])
    had, has = ([found[name] == "certified" for name in sorted(before)] for found in (before, now))
    expected = paired_rates(had, has)
    finding = one(runs[1], runs[0], epsilon=0.02, largest_drop=1.0, by="interval")
    assert (finding.measured.value, finding.measured.n) == (expected.value, 50)
    assert "n = 50 pairs in certificates.parquet: " in finding.sentence
    assert (finding.measured.low, finding.measured.high) == (expected.low, expected.high)
    assert np.any(np.not_equal(had, has))


def test_a_run_without_that_certificate_is_refused(runs):
    folder = runs[2].folder
    with pytest.raises(InputError) as error:
        one(runs[2], at_least=0.5)
    assert str(error.value) == (
        "rule 1: rate 'certified.accurate_fairness': the run has no certificate; "
        f"`rafair certify {folder}` makes one"
    )
    with pytest.raises(InputError, match=r"baseline '.*': rate 'certified.*`rafair certify "):
        one(runs[0], runs[2], largest_drop=0.5)
    said = r"certified \(0\.02, 0\.1\), got 0\.05; `rafair certify .* --epsilons 0\.02,0\.05,0\.1`"
    with pytest.raises(InputError, match=said):
        one(runs[0], epsilon=0.05, at_least=0.5)
    with pytest.raises(InputError, match=r"unknown rate 'certified\.accurate_fairnes'"):
        one(runs[0], rate="certified.accurate_fairnes", at_least=0.5)


def test_a_baseline_that_was_proven_otherwise_is_refused(runs):
    from rafair.gating.baseline import check_baseline

    document = copy.deepcopy(dict(runs[1].document))
    document["certificate"]["boxes"] = 7
    other = rafair.Audit(document, runs[1].folder)
    check_baseline(runs[0], other)
    with pytest.raises(InputError, match=r"certificate\.boxes: expected 1000, as in .*, found 7"):
        check_baseline(runs[0], other, certificates=True)


def test_every_format_tells_it(runs):
    decision = judged(runs[0], RULE | {"at_least": 1.0}, RULE | {"epsilon": 0.02, "at_least": 0})
    xml, commands = junit(decision), gate_github(decision)
    for text in (xml, commands.replace("%3A", ":")):
        assert "certified.accurate_fairness at epsilon 0.1: at least 1" in text
        assert "of 50 in certificates.parquet: below 1" in text
    assert xml.count("<failure") == 1
    assert commands.startswith("::error ")
    assert "::notice " in commands
