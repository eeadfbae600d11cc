"""Attacks are found by name, with options that the name carries."""

from __future__ import annotations

import numpy as np
import pytest

import planted
import rafair
from rafair.attacks.acg import ACG
from rafair.attacks.adf import ADF
from rafair.attacks.attack_names import attack_named, attack_names, expand
from rafair.attacks.eidig import EIDIG
from rafair.attacks.pgd import PGD
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.errors import InputError, UnknownNameError

MADE = {
    "pgd:restarts=3,random_start=false": PGD(restarts=3, random_start=False),
    "pgd: restarts = 3": PGD(restarts=3),
    "acg:beta=reference": ACG(beta="reference"),
    "eidig:momentum=0.25,update_interval=2": EIDIG(momentum=0.25, update_interval=2),
    "adf:local_steps=none,fine_steps=True": ADF(),
}


@pytest.mark.parametrize("name", MADE)
def test_options_become_the_attacks_fields(name):
    made, expected = attack_named(name), MADE[name]
    assert made.name == name
    for field in set(vars(expected)) - {"name"}:
        assert getattr(made, field) == getattr(expected, field)


def test_a_name_alone_is_the_registered_attack():
    for name, entry in ATTACKS.items():
        attack = attack_named(name)
        assert (attack.name, attack.sought) == (name, entry.sought)
    assert attack_names() == [*UNIONS, *ATTACKS]


def test_attacks_run_in_the_registrys_order_each_once():
    asked = ["noise", "pgd:restarts=2", "pgd", "rafair-ff", "rafair", "pgd"]
    singles, unions = expand(asked)
    assert singles == ["rafair-tb", "rafair-ff", "rafair-fb", "pgd:restarts=2", "pgd", "noise"]
    assert unions == ["rafair"]


@pytest.mark.parametrize(
    "name", ["rafair:goal=x", "rafair-tb:goal=x", "fgsm:name=x", "strongest:skipped=rafair-ff"]
)
def test_what_makes_an_attack_itself_is_no_option(name):
    with pytest.raises((InputError, UnknownNameError)):
        attack_named(name)


def test_an_attack_can_be_compared_with_itself():
    table = planted.random_table(15, domains=(3, 2))
    found = rafair.audit(
        planted.network(5), table, attacks=("pgd", "pgd:restarts=4"), steps=4, step_size=0.02
    )
    attacks = found.document["attacks"]
    assert attacks["pgd:restarts=4"]["gradient_rows"] > 3 * attacks["pgd"]["gradient_rows"]
    once, best = (
        attacks[name]["robust"]["accuracy"]["count"] for name in ("pgd", "pgd:restarts=4")
    )
    assert best <= once
    assert set(found.adversarial["attack"].unique()) == {"pgd", "pgd:restarts=4"}
    assert np.isfinite(found.repaired["loss"]).all()
