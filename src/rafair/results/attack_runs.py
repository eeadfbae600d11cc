"""Which attacks an audit runs, and under which perturbations (with `both`, each one twice).

The twin under feasible perturbations is called `feasible/` and the attack's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rafair.arguments import check_name
from rafair.attacks.attack_names import attack_named, expand
from rafair.attacks.registry import ATTACKS, THE_UNION, UNIONS
from rafair.results.audit_options import AuditOptions, Perturbation
from rafair.verdicts import Verdict

if TYPE_CHECKING:
    from rafair.attacks.interface import Attack

FEASIBLE = "feasible/"


def runs_of(config: AuditOptions) -> tuple[list[str], list[str]]:
    """The single attacks and the unions of an audit, in the order they are run.

    Example:
        >>> runs_of(AuditOptions(attacks=("pgd",), perturbation="both"))
        (['pgd', 'feasible/pgd'], [])
    """
    singles, unions = expand(config.attacks)
    if config.perturbation != Perturbation.BOTH:
        return singles, unions
    return [*singles, *map(twin, singles)], [*unions, *map(twin, unions)]


def unions_among(names: Iterable[str], config: AuditOptions) -> list[str]:
    """The unions that were asked for, and their twins, whose attacks are all among `names`.

    Example:
        >>> unions_among(["rafair-tb", "rafair-ff", "rafair-fb", "pgd"], AuditOptions())
        ['rafair']
    """
    there, unions = set(names), expand(config.attacks)[1]
    asked = [*unions, *map(twin, unions)]
    return [name for name in asked if there.issuperset(members_of(name))]


def twin(name: str) -> str:
    """What an attack is called under feasible perturbations, where it is run under both."""
    return FEASIBLE + name


def own_name(name: str) -> str:
    """The attack's name without what makes it a twin.

    Example:
        >>> own_name("feasible/rafair-ff"), own_name("rafair-ff")
        ('rafair-ff', 'rafair-ff')
    """
    return name.removeprefix(FEASIBLE)


def attack_of(name: str) -> Attack:
    """The attack that a run, or its twin, is one of."""
    return attack_named(own_name(name))


def sought_by(name: str) -> frozenset[Verdict]:
    """The verdicts that count as success of the attack that a run, or its twin, is one of.

    Raises:
        UnknownNameError: If there is no such attack.

    Example:
        >>> [str(verdict) for verdict in sought_by("feasible/rafair-ff")]
        ['false fair']
    """
    base = own_name(name).partition(":")[0]
    return ATTACKS[check_name("attack", base, ATTACKS)].sought


def keeps_witnesses(name: str) -> bool:
    """Whether an attack keeps no more than the first row that breaks each property.

    Example:
        >>> keeps_witnesses("feasible/strongest"), keeps_witnesses("rafair")
        (True, False)
    """
    base = own_name(name).partition(":")[0]
    return base in ATTACKS and ATTACKS[base].witnesses


def in_words(name: str) -> str:
    """What an attack does, and its name in brackets.

    Example:
        >>> in_words("strongest"), in_words("feasible/pgd:restarts=5")
        ('all attacks together (strongest)', 'steps towards mistakes (feasible/pgd:restarts=5)')
    """
    does = THE_UNION if is_union(name) else ATTACKS[own_name(name).partition(":")[0]].does
    return f"{does} ({name})"


def bin_width_of(name: str) -> float | None:
    """The width of the bins of probability that an attack counts; None where it counts none.

    Example:
        >>> bin_width_of("dice"), bin_width_of("feasible/dice:width=0.1"), bin_width_of("pgd")
        (0.025, 0.1, None)
    """
    base, _, text = own_name(name).partition(":")
    width = ATTACKS[base].width
    for option, _, value in (part.partition("=") for part in text.split(",")):
        if width is not None and option.strip() == "width":
            return float(value)
    return width


def is_union(name: str) -> bool:
    """Whether a name is that of a union of attacks."""
    return own_name(name) in UNIONS


def members_of(name: str) -> tuple[str, ...]:
    """The attacks of a union, of the same perturbations; of a single attack, itself."""
    prefix = FEASIBLE if name.startswith(FEASIBLE) else ""
    return tuple(prefix + member for member in UNIONS.get(own_name(name), (own_name(name),)))


def is_feasible(name: str, config: AuditOptions) -> bool:
    """Whether an attack is run under feasible perturbations, and its rows are repaired so.

    A twin's always are, also where an earlier run's rows are repaired under other options.
    """
    return config.perturbation == Perturbation.FEASIBLE or name.startswith(FEASIBLE)


def kind_of(name: str, config: AuditOptions) -> str:
    """The perturbations that an attack is run under.

    Example:
        >>> kind_of("feasible/pgd", AuditOptions(attacks=("pgd",), perturbation="both"))
        'feasible'
    """
    return str(Perturbation.FEASIBLE if is_feasible(name, config) else Perturbation.PAPER)
