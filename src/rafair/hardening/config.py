"""What a hardening is asked to do, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field

from rafair.arguments import check_name, check_real, check_whole
from rafair.attacks.attack_names import attack_named, attack_names, check_attacks, expand
from rafair.attacks.registry import UNIONS
from rafair.engine.option_groups import LARGEST_SEED
from rafair.errors import InputError
from rafair.hardening.option_groups import EPSILONS, Hardening
from rafair.hardening.registry import Method, method_named
from rafair.options import check_options
from rafair.results.audit_options import Perturbation

PANEL = ("strongest",)
"""The judges: all attacks together, each on what those before it left."""

ALL = "all"
EPSILON = 0.05


@dataclass(frozen=True, kw_only=True)
class HardenConfig(Hardening):
    """The options of a hardening that decide its figures, but for those of the model.

    Args:
        epsilon: None takes 0.05; of a wrapper, which trains at none, the smallest that is judged
            where that is not.
        judges: Empty takes the panel, ("all",) the whole registry.
        epsilons: One after the other; `epsilon` is added.
        perturbation: None takes what suits the data.

    Raises:
        InputError: If an option is out of range.
        UnknownNameError: If a name is not known.

    Example:
        >>> HardenConfig(epsilon=0.03, epsilons=(0.1,)).judged_epsilons
        (0.03, 0.1)
        >>> HardenConfig(method="consensus", epsilons=(0.1, 0.2)).judged_epsilons
        (0.1, 0.2)
    """

    options: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    epsilons: tuple[float, ...] = EPSILONS
    made: Method = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", method_named(self.method, self.options))
        check_options(self)
        check_whole("seed", self.seed, 0, LARGEST_SEED + 1 - self.models)
        if not self.epsilons:
            raise InputError("epsilons: expected at least one number, got none")
        for epsilon in self.epsilons:
            check_real("epsilons", epsilon, 0, 1)
        if len(set(self.epsilons)) < len(self.epsilons):
            raise InputError(
                f"epsilons: expected each once, got {', '.join(map(str, self.epsilons))}"
            )
        if self.judges != (ALL,):
            check_attacks(expand(self.judges)[0])
        if self.perturbation is not None:
            check_name("perturbation", self.perturbation, [Perturbation.PAPER, "feasible"])
        self._check_judge()

    def _check_judge(self) -> None:
        """Keeps the judge apart from the teacher."""
        learned = self.made.training.searched if self.made.training else 0
        if self.steps <= learned:
            raise InputError(
                f"steps: expected more than {learned}, the steps that training by '{self.method}' "
                f"learns from, since the judge must not be the teacher; got {self.steps}"
            )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each network."""
        return tuple(range(self.seed, self.seed + self.models))

    @property
    def at(self) -> float:
        """The epsilon of training, and of the figures that are told first."""
        if self.epsilon is not None:
            return self.epsilon
        free = self.made.training is None and EPSILON not in self.epsilons
        return min(self.epsilons) if free else EPSILON

    @property
    def judged_epsilons(self) -> tuple[float, ...]:
        """Ascending, each once, that of training among them."""
        return tuple(sorted({float(epsilon) for epsilon in (*self.epsilons, self.at)}))

    def panel(self, *, differentiable: bool) -> tuple[str, ...]:
        """The judges of a model.

        Args:
            differentiable: Whether the model gives gradients.

        Raises:
            InputError: If a judge needs gradients that the model does not give.
        """
        if self.judges == (ALL,):
            return all_judges(differentiable=differentiable)
        if not self.judges:
            return PANEL
        needy = [name for name in expand(self.judges)[0] if attack_named(name).needs_gradients]
        if needy and not differentiable:
            without = ", ".join(all_judges(differentiable=False))
            raise InputError(
                f"judges: '{needy[0]}' needs gradients, which the model does not give; those that "
                f"do without: {without}"
            )
        return tuple(dict.fromkeys(self.judges))

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return {
            "method": self.method,
            "options": self.made.options,
            "epsilon": self.at,
            "seeds": list(self.seeds),
            "instances": self.instances,
            "steps": self.steps,
            "judges": list(self.judges),
            "epsilons": list(self.judged_epsilons),
            "perturbation": self.perturbation,
            **({"boxes": self.boxes} if self.certify else {}),
        }


def all_judges(*, differentiable: bool) -> tuple[str, ...]:
    """The whole registry, each attack once; the members of a union are judged with it.

    Args:
        differentiable: Whether the model gives gradients; else those that need none.

    Example:
        >>> all_judges(differentiable=False)
        ('rafair', 'worst-counterpart', 'noise', 'strongest')
    """
    members = {member for union in UNIONS.values() for member in union}
    return tuple(
        name
        for name in attack_names()
        if name not in members
        and (differentiable or name in UNIONS or not attack_named(name).needs_gradients)
    )
