"""What is asked of a certificate, and what an audit's options come to for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rafair.arguments import check_whole
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.option_groups import Boxed
from rafair.errors import InputError
from rafair.options import check_options
from rafair.results.attack_runs import keeps_witnesses
from rafair.results.audit_option_groups import MOST_INSTANCES
from rafair.results.audit_options import Perturbation

ATTACK = "strongest"
"""What is tried between few boxes and many."""

FEWEST_STEPS = 2


@dataclass(frozen=True, kw_only=True)
class CertifyOptions(Boxed):
    """What is asked of a certificate, beside the options of its audit.

    Args:
        instances: How many of the audited rows to certify, drawn as an audit draws them; all if
            None.

    Raises:
        InputError: If an option is out of range.
    """

    instances: int | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.instances is not None:
            check_whole("instances", self.instances, 1, MOST_INSTANCES)

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return {"boxes": self.boxes, "instances": self.instances}


def certifying(config: AuditConfig) -> AuditConfig:
    """The options of an audit as a certificate takes them.

    Args:
        config: The audit's; its budgets are those that are certified.

    Raises:
        InputError: If nothing can be proven under them.
    """
    if config.k > 0:
        raise InputError(
            f"k: expected 0 where something is to be certified, got {config.k:g}: what counts "
            "as a disagreement would depend on how far counterparts are"
        )
    if config.perturb_sensitive:
        raise InputError(
            "perturb_sensitive: expected not to be set where something is to be certified: "
            "sensitive features have the values of counterparts there"
        )
    if config.perturbation == Perturbation.BOTH:
        raise InputError(
            "perturbation: expected paper or feasible where something is to be certified, got both"
        )
    if isinstance(config.reach, Mapping):
        raise InputError(
            "epsilons: expected numbers that hold of all features where something is to be "
            "certified, got a budget for each feature; `epsilons` gives some"
        )
    steps = max(config.steps, FEWEST_STEPS)
    return replace(
        config,
        attacks=(ATTACK,),
        steps=steps,
        labels=None,
        max_gradient_rows=None,
        max_queries=None,
        queries_each=None,
    )


def budgets(config: AuditConfig) -> tuple[float, ...]:
    """The budgets of options that hold of all features, ascending."""
    assert not isinstance(config.reach, Mapping)  # refused before
    return (*config.smaller, float(config.reach))


assert keeps_witnesses(ATTACK)
