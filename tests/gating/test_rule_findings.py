"""Rules held against rates: thresholds, bounds, groups, gaps and changes, by known figures."""

from __future__ import annotations

import copy
import json
import shutil
from typing import Any

import numpy as np
import pytest

import planted
import rafair
from rafair.errors import InputError
from rafair.gating.entry import decide
from rafair.gating.gate_decision import Decision, Status
from rafair.gating.policy_file import as_policy
from rafair.metrics.rate_difference import independent_rates, paired_rates
from rafair.metrics.rates import rate

ROBUST = {"rate": "robust.accurate_fairness", "attack": "rafair"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two real networks on the same rows, and the audit of each."""
    table = planted.random_table(90, n_free=3, domains=(4, 3), seed=8)
    folder = tmp_path_factory.mktemp("runs")
    return [
        rafair.audit(
            planted.network(5, seed=seed),
            table,
            attacks=("rafair", "pgd"),
            steps=4,
            step_size=0.05,
            out=folder / str(seed),
        )
        for seed in (1, 2)
    ]


def judged(audit: rafair.Audit, *rules: dict[str, Any], baseline: Any = None) -> Decision:
    return decide(as_policy({"version": 1, "rule": list(rules)}), audit, baseline)


def one(audit: rafair.Audit, baseline: Any = None, **rule: Any) -> Any:
    decision = judged(audit, rule, baseline=baseline)
    assert len(decision.findings) == 1
    return decision.findings[0]


def statuses(decision: Decision) -> list[str]:
    return [str(finding.status) for finding in decision.findings]


# values and bounds ----------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "bound"), [("at_least", "low"), ("at_most", "high")])
def test_a_rate_passes_up_to_its_threshold_and_by_its_bound(runs, threshold, bound):
    found = runs[0].document["clean"]["accuracy"]
    away = -1e-6 if threshold == "at_least" else 1e-6
    for by, held in (("value", found["value"]), ("interval", found[bound])):
        rule = {"rate": "clean.accuracy", "by": by}
        exact = one(runs[0], **rule, **{threshold: held})
        assert exact.status is Status.PASSED
        assert one(runs[0], **rule, **{threshold: held + away}).status is Status.PASSED
        missed = one(runs[0], **rule, **{threshold: held - away})
        assert (missed.status, missed.blocks) == (Status.FAILED, True)
        assert missed.measured.value == found["value"]
        assert (missed.measured.count, missed.measured.n) == (found["count"], found["n"])


def test_every_attack_is_meant_by_a_star(runs):
    decision = judged(runs[0], {"rate": "robust.accuracy", "attack": "*", "at_least": 0.0})
    names = [finding.attack for finding in decision.findings]
    assert names == ["rafair-tb", "rafair-ff", "rafair-fb", "pgd", "rafair"]
    # a union has no last iterate
    decision = judged(runs[0], {"rate": "final.accuracy", "attack": "*", "at_least": 0.0})
    assert [f.attack for f in decision.findings] == ["rafair-tb", "rafair-ff", "rafair-fb", "pgd"]


def test_the_verdict_counts_rules_and_not_findings(runs):
    decision = judged(
        runs[0],
        {"rate": "clean.accuracy", "at_least": 0.0},
        {"rate": "robust.accuracy", "attack": "*", "at_least": 1.0},
    )
    assert decision.verdict == "failed: 1 of 2 rules"
    assert decision.failed_rules == [2]
    assert len(decision.findings) == 6
    assert judged(runs[0], {"rate": "clean.accuracy", "at_least": 0}).verdict == "passed: 1 rule"


def test_what_was_not_counted_fails_unless_the_rule_says_otherwise(runs):
    audit = altered(runs[0], lambda d: d["repairs"]["rafair"].update(corrected=None))
    rule = {"rate": "corrected", "attack": "rafair", "at_least": 0.1}
    finding = one(audit, **rule)
    assert (finding.status, finding.blocks) == (Status.NOT_MEASURED, True)
    decision = judged(audit, rule | {"if_not_measured": "pass"})
    assert decision.passed
    assert decision.verdict == "passed: 1 rule, 1 of them not measured"


# groups ---------------------------------------------------------------------------------------

GENDERS = {"female": (40, 28), "male": (60, 54), "other": (12, 0)}


def altered(audit: rafair.Audit, change: Any) -> rafair.Audit:
    document = copy.deepcopy(dict(audit.document))
    change(document)
    return rafair.Audit(document, audit.folder)


def with_groups(audit: rafair.Audit, counts: dict[str, tuple[int, int]]) -> rafair.Audit:
    rates = {
        group: {"accuracy": found.to_dict() if (found := rate(count, n)) else None}
        for group, (n, count) in counts.items()
    }
    section = {
        group: {"n": counts[group][0], "clean": rates[group], "robust": {"rafair": rates[group]}}
        for group in counts
    }
    return altered(audit, lambda document: document.update(groups={"gender": section}, gaps={}))


def test_each_group_that_is_large_enough_is_judged(runs):
    audit = with_groups(runs[0], GENDERS)
    rule = {"rate": "robust.accuracy", "attack": "rafair", "group": "gender", "at_least": 0.8}
    decision = judged(audit, rule)
    assert {f.value: str(f.status) for f in decision.findings} == {
        "female": "failed",
        "male": "passed",
        "other": "not judged",
    }
    assert decision.findings[0].measured.value == 0.7
    assert decision.findings[2].sentence == "12 instances, fewer than 30"
    # the small group alone does not fail
    assert judged(audit, rule | {"at_least": 0.6}).passed
    assert statuses(judged(audit, rule | {"min_n": 12})) == ["failed", "passed", "failed"]


def test_one_group_can_be_named(runs):
    audit = with_groups(runs[0], GENDERS)
    rule = {"rate": "clean.accuracy", "group": "gender", "at_least": 0.8}
    assert one(audit, **rule, value="male").status is Status.PASSED
    assert one(audit, **rule, value="other").status is Status.NOT_MEASURED
    with pytest.raises(InputError, match=r"rule 1: unknown value of 'gender' 'mal': did you mean"):
        one(audit, **rule, value="mal")


def test_groups_that_are_all_too_small_are_not_measured(runs):
    audit = with_groups(runs[0], {"female": (10, 10), "male": (29, 29), "other": (0, 0)})
    rule = {"rate": "clean.accuracy", "group": "gender", "at_least": 0.5}
    assert statuses(judged(audit, rule)) == ["not measured", *["not judged"] * 3]
    gap = {"rate": "clean.accuracy", "group": "gender", "largest_gap": 0.5}
    assert statuses(judged(audit, gap)) == ["not measured", *["not judged"] * 3]
    assert not judged(audit, gap).passed
    assert judged(audit, gap | {"if_not_measured": "pass"}).passed


def test_the_gap_is_between_the_groups_that_are_large_enough(runs):
    audit = with_groups(runs[0], GENDERS)
    rule = {"rate": "clean.accuracy", "group": "gender"}
    finding = judged(audit, rule | {"largest_gap": 0.2}).findings[0]
    expected = independent_rates(54, 60, 28, 40)
    assert finding.measured.value == pytest.approx(0.2)
    assert (finding.measured.low, finding.measured.high) == (expected.low, expected.high)
    # 0.9 - 0.7 is a little more than 0.2 to a computer
    assert finding.status is Status.PASSED
    assert "between male (0.900, n = 60) and female (0.700, n = 40)" in finding.sentence
    by_interval = judged(audit, rule | {"largest_gap": 0.2, "by": "interval"}).findings[0]
    assert by_interval.status is Status.FAILED
    smaller = judged(audit, rule | {"largest_gap": 0.8, "min_n": 10}).findings[0]
    assert smaller.measured.value == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"rate": "clean.accuracy", "group": "gendre"}, "unknown group 'gendre': did you mean"),
        ({"rate": "clean.true_fair", "group": "gender"}, "unknown rate by group 'true_fair'"),
        (
            {"rate": "robust.accuracy", "attack": "pgd", "group": "gender"},
            "unknown rate by group 'accuracy'",
        ),
    ],
)
def test_groups_that_the_run_does_not_have_are_told(runs, rule, expected):
    with pytest.raises(InputError, match=f"rule 1: {expected}"):
        one(with_groups(runs[0], GENDERS), **rule, at_least=0.5)


def test_rates_by_group_are_those_of_the_stored_rows(runs):
    """Also of an older run, whose document has no groups."""
    rows = runs[0].adversarial
    rows = rows[rows["attack"].isin(["rafair-tb", "rafair-ff", "rafair-fb"])]
    feature = runs[0].schema.sensitive[0]
    by_instance = rows.groupby("instance")
    robust = by_instance["accurate"].all()
    value = rows[rows["step"] == 0].groupby("instance")[f"encoded.{feature}"].first()
    shares = robust.groupby(value).mean()
    counts = robust.groupby(value).size()
    older = altered(runs[0], lambda d: [d.pop(key, None) for key in ("groups", "gaps")])
    rule = {"rate": "robust.accuracy", "attack": "rafair", "group": feature, "min_n": 1}
    for audit in (runs[0], older):
        found = judged(audit, rule | {"at_least": 0.0}).findings
        assert [finding.measured.n for finding in found] == counts.tolist()
        assert [finding.measured.value for finding in found] == pytest.approx(shares.tolist())
        gap = judged(audit, rule | {"largest_gap": 1.0}).findings[0]
        assert gap.measured.value == pytest.approx(shares.max() - shares.min())


# changes --------------------------------------------------------------------------------------


def robust_by_hand(audit: rafair.Audit) -> np.ndarray:
    """Whether each instance and all its iterates are right and alike, from the stored rows."""
    rows = audit.adversarial
    rows = rows[rows["attack"].isin(["rafair-tb", "rafair-ff", "rafair-fb"])]
    good = rows["accurate"] & rows["fair"]
    return good.groupby(rows["instance"]).all().sort_index().to_numpy()


def test_a_drop_is_paired_instance_by_instance(runs):
    now, before = runs
    expected = paired_rates(robust_by_hand(before), robust_by_hand(now))
    finding = one(now, before, **ROBUST, largest_drop=1.0)
    assert finding.measured.value == pytest.approx(expected.value)
    assert finding.measured.low == pytest.approx(expected.low)
    assert finding.measured.high == pytest.approx(expected.high)
    back = one(before, now, **ROBUST, largest_drop=1.0)
    assert back.measured.value == pytest.approx(-expected.value)


def test_a_rise_is_what_counts_for_rates_that_are_bad_when_high(runs):
    now, before = runs
    rule = {"rate": "exposed.true_biased", "attack": "rafair"}
    rates = [run.document["attacks"]["rafair"]["exposed"]["true_biased"] for run in runs]
    finding = one(now, before, **rule, largest_rise=1.0)
    assert finding.measured.value == pytest.approx(rates[0]["value"] - rates[1]["value"])


def test_a_change_passes_up_to_its_threshold_and_by_its_upper_bound(runs):
    now, before = runs
    if one(now, before, **ROBUST, largest_drop=1.0).measured.value < 0:
        now, before = before, now
    found = one(now, before, **ROBUST, largest_drop=1.0).measured
    for by, held in (("value", found.value), ("interval", found.high)):
        assert one(now, before, **ROBUST, by=by, largest_drop=held).status is Status.PASSED
        less = max(held - 1e-6, 0)
        expected = Status.FAILED if less < held else Status.PASSED
        assert one(now, before, **ROBUST, by=by, largest_drop=less).status is expected


def test_a_run_does_not_change_against_itself(runs):
    rules = [
        {**ROBUST, "largest_drop": 0.0},
        {"rate": "iterates.accuracy", "attack": "*", "largest_drop": 0.0},
        {"rate": "corrected", "attack": "rafair", "largest_drop": 0.0},
        {"rate": "repaired.accuracy", "attack": "rafair", "largest_drop": 0.0},
        {"rate": "clean.false_biased", "largest_rise": 0.0},
    ]
    assert judged(runs[0], *rules, baseline=runs[0]).passed
    by_interval = [rule | {"by": "interval"} for rule in rules]
    assert judged(runs[0], *by_interval, baseline=runs[0]).failed_rules == [1, 2, 3, 4, 5]


def test_a_change_needs_a_baseline_that_has_the_rate(runs):
    with pytest.raises(InputError, match="rule 1: largest_drop: expected a baseline run, found"):
        one(runs[0], **ROBUST, largest_drop=0.1)
    other = altered(runs[1], lambda document: document["attacks"].pop("rafair"))
    with pytest.raises(InputError, match=r"rule 1: baseline '.*': unknown attack 'rafair'"):
        one(runs[0], other, **ROBUST, largest_drop=0.1)


# decisions ------------------------------------------------------------------------------------


def test_a_decision_is_plain_values(runs):
    decision = judged(
        runs[0], {**ROBUST, "at_least": 0.1}, {"rate": "clean.accuracy", "at_most": 1}
    )
    document = json.loads(json.dumps(decision.to_dict(), allow_nan=False))
    assert document["passed"] is decision.passed
    assert [finding["rule"] for finding in document["findings"]] == [1, 2]
    assert document["findings"][0]["threshold"] == "at_least"
    assert set(document["findings"][0]["measured"]) == {"value", "low", "high", "n", "count"}
    assert decision.verdict in str(decision)


def test_gate_takes_an_audit_a_folder_and_a_policy_in_any_form(runs, tmp_path):
    rules = {"version": 1, "rule": [{"rate": "clean.accuracy", "at_least": 0.0}]}
    text = 'version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.0\n'
    (tmp_path / "policy.toml").write_text(text)
    run = runs[0].folder
    forms = [rules, as_policy(rules), tmp_path / "policy.toml", str(tmp_path / "policy.toml")]
    decisions = [rafair.gate(run, form) for form in forms] + [rafair.gate(runs[0], rules)]
    assert all(decision == decisions[0] for decision in decisions)
    for wrong in ([3], 7, None):
        with pytest.raises(InputError, match=r"expected a path, a mapping or a rafair\.Policy"):
            rafair.gate(run, wrong)
    with pytest.raises(InputError, match=r"run: expected a path or a rafair\.Audit, got int"):
        rafair.gate(3, rules)


def test_the_policys_baseline_lies_beside_it_and_gives_way_to_another(runs, tmp_path):
    shutil.copytree(runs[1].folder, tmp_path / "last")
    text = 'version = 1\n[baseline]\nrun = "last"\n[[rule]]\nrate = "clean.accuracy"\n'
    (tmp_path / "policy.toml").write_text(text + "largest_drop = 1.0\n")
    decision = rafair.gate(runs[0], tmp_path / "policy.toml")
    assert decision.baseline.folder == str(tmp_path / "last")
    other = rafair.gate(runs[0], tmp_path / "policy.toml", baseline=runs[0])
    assert other.baseline.folder == str(runs[0].folder)
    assert other.findings[0].measured.value == 0
