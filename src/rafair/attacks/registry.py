"""Every attack by name, and the unions that pool several of them."""

from __future__ import annotations

from collections.abc import Iterable

from rafair.arguments import check_name
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


def attack_names() -> list[str]:
    """The names that a user may ask for, unions first."""
    return [*UNIONS, *ATTACKS]


def expand(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The single attacks and the unions that `names` ask for, without repeats.

    Raises:
        UnknownNameError: If there is no such attack.

    Example:
        >>> expand(["rafair"])
        (['rafair-tb', 'rafair-ff', 'rafair-fb'], ['rafair'])
    """
    asked = [check_name("attack", name, attack_names()) for name in names]
    unions = [name for name in UNIONS if name in asked]
    members = {member for union in unions for member in UNIONS[union]}
    singles = [name for name in ATTACKS if name in members or name in asked]
    return singles, unions
