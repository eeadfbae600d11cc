"""A rule that names no attack is about the strongest."""

from __future__ import annotations

import pytest

import planted
import rafair
from rafair.errors import InputError


@pytest.fixture(scope="module")
def runs():
    table, network = planted.random_table(60), planted.network(5)
    return {
        attacks: rafair.audit(
            network, table, attacks=attacks, steps=3, epsilons=(0.01, 0.03), labels=None
        )
        for attacks in (("rafair",), ("rafair", "strongest"))
    }


def policy(**rule):
    return {"version": 1, "rule": [{"rate": "robust.accuracy", "at_least": 0.0} | rule]}


def test_it_means_the_strongest(runs):
    run = runs["rafair", "strongest"]
    robust = run.record.attacks["strongest"].robust["accuracy"]
    for least, passed in ((robust.value, True), (robust.value + 1e-6, False)):
        decision = rafair.gate(run, policy(at_least=least))
        (finding,) = decision.findings
        assert (finding.attack, decision.passed) == ("strongest", passed)
    (named,) = rafair.gate(run, policy(attack="rafair-ff")).findings
    assert named.attack == "rafair-ff"
    assert len(rafair.gate(run, policy(attack="*")).findings) == 5


def test_of_groups_and_changes_too(runs):
    run = runs["rafair", "strongest"]
    by_group = rafair.gate(run, policy(group="s0", min_n=1)).findings
    assert {one.attack for one in by_group} == {"strongest"}
    rule = {"rate": "robust.accuracy", "largest_drop": 0.0}
    (change,) = rafair.gate(run, {"version": 1, "rule": [rule]}, baseline=run).findings
    assert change.attack == "strongest"
    with pytest.raises(InputError, match=r"baseline .* attack 'strongest'"):
        rafair.gate(run, {"version": 1, "rule": [rule]}, baseline=runs["rafair",])


def test_a_run_without_it_is_refused_and_told_what_to_do(runs):
    with pytest.raises(InputError) as caught:
        rafair.gate(runs["rafair",], policy())
    said = str(caught.value)
    assert said.startswith("rule 1: rate 'robust.accuracy' without an attack: it is that of ")
    assert f"`rafair attack {runs['rafair',].folder} --attack strongest` makes one" in said
    assert said.endswith("or name one of rafair-tb, rafair-ff, rafair-fb, rafair")
    assert said.count("rafair-tb") == 1
