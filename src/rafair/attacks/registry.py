"""Every attack by name, and the unions that pool several of them."""

from __future__ import annotations

from rafair.attacks.acg import ACG
from rafair.attacks.adf import ADF
from rafair.attacks.apgd import APGD
from rafair.attacks.dice import DICE
from rafair.attacks.eidig import EIDIG
from rafair.attacks.fgsm import FGSM
from rafair.attacks.interface import Attack
from rafair.attacks.noise import Noise
from rafair.attacks.pgd import PGD
from rafair.attacks.rafair import RAFair
from rafair.search.goals import Goal

# In the order they are run: what one has seen of the clean rows, those after it need not ask.
ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        RAFair(Goal.TRUE_BIASED),
        RAFair(Goal.FALSE_FAIR),
        RAFair(Goal.FALSE_BIASED),
        FGSM(),
        PGD(),
        APGD(),
        ACG(),
        ADF(),
        EIDIG(),
        DICE(),
        Noise(),
    )
}

UNIONS: dict[str, tuple[str, ...]] = {"rafair": ("rafair-tb", "rafair-ff", "rafair-fb")}
