"""Attacks by name, with options: `pgd:restarts=5,random_start=false`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING

from rafair.arguments import check_name, read_value
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.attacks.interface import Attack

READ = ("bool", "int", "float", "str")
"""The kinds of values that an option may have: what a field of another kind says is no option."""


def attack_names() -> list[str]:
    """The names that a user may ask for, unions first."""
    return [*UNIONS, *ATTACKS]


@cache
def attack_named(name: str) -> Attack:
    """The attack called `name`, which may be followed by a colon and options.

    The whole name stays the attack's name, so that it can be compared with itself under other
    options.

    Raises:
        UnknownNameError: If there is no such attack or option.
        InputError: If an option cannot be read, or is out of range.

    Example:
        >>> attack_named("adf:local_steps=1000").local_steps
        1000
    """
    base, colon, text = name.partition(":")
    _check(name, base)
    if base in UNIONS:
        raise InputError(f"attack '{name}': expected a single attack, {base} is a union of them")
    attack = ATTACKS[base].load()
    if not colon:
        return attack
    told = {field.name: str(field.type) for field in fields(attack) if field.name != "name"}  # type: ignore[arg-type]  # every registered attack is a dataclass
    kinds = {option: kind for option, kind in told.items() if kind.partition(" ")[0] in READ}
    if not kinds:
        raise InputError(f"attack '{name}': expected no options, {base} has none")
    options = {}
    for part in text.split(","):
        option, _, value = part.partition("=")
        kind = kinds[check_name(f"option of {base}", option.strip(), kinds)]
        if option.strip() in options:
            raise InputError(f"attack '{name}': expected each option once")
        options[option.strip()] = read_value(
            f"attack '{name}': {option.strip()}", kind, value.strip()
        )
    try:
        made: Attack = replace(attack, name=name, **options)  # type: ignore[type-var]
    except InputError as error:
        raise InputError(f"attack '{name}': {error}") from error
    return made


def check_attacks(names: Iterable[str]) -> None:
    """Loads attacks that are asked for with options, and so sees whether these are good.

    Raises:
        UnknownNameError: If there is no such attack or option.
        InputError: If an option cannot be read, or is out of range.
    """
    for name in names:
        if ":" in name:
            attack_named(name)


def expand(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The single attacks and the unions that `names` ask for, without repeats; loads none.

    Raises:
        UnknownNameError: If there is no such attack.
        InputError: If a union is given options.

    Example:
        >>> expand(["rafair", "pgd:restarts=2", "pgd"])
        (['rafair-tb', 'rafair-ff', 'rafair-fb', 'pgd:restarts=2', 'pgd'], ['rafair'])
    """
    asked = list(dict.fromkeys(names))
    unions = [name for name in UNIONS if name in asked]
    singles = [name for name in asked if name not in UNIONS]
    for name in singles:
        _check(name, name.partition(":")[0])
    members = [member for union in unions for member in UNIONS[union]]
    order = list(ATTACKS)
    wanted = dict.fromkeys([*members, *singles])
    return sorted(wanted, key=lambda name: order.index(name.partition(":")[0])), unions


def _check(name: str, base: str) -> None:
    check_name("attack", base, attack_names())
    if base in UNIONS and name != base:
        raise InputError(f"attack '{name}': expected no options, {base} is a union of attacks")
