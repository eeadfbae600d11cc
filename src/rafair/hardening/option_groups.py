"""The options of a hardening that decide its figures, but for those of the model."""

from __future__ import annotations

from collections.abc import Sequence

import rafair.option_values as typed
from rafair.engine.option_groups import Boxed, Seeded
from rafair.options import group, option
from rafair.results.audit_option_groups import MOST_INSTANCES, MOST_STEPS

DEFAULT = "counterpart-adversarial"
EPSILONS = (0.02, 0.05, 0.1, 0.2)
MOST_MODELS = 100


@group
class Hardening(Boxed, Seeded):
    """What a hardening is asked."""

    method: str = option(
        DEFAULT,
        "Trains anew: counterpart-adversarial, pgd-at, trades, augment, "
        "counterpart-logit-pairing. Wraps any model: consensus, benign.",
        "NAME",
    )
    options: Sequence[str] = option(
        (),
        "An option of the method, as steps=5; may be repeated.",
        "NAME=VALUE",
        typed="--option",
        many=True,
    )
    epsilon: float | None = option(
        None,
        "The largest change that training lets happen, as a share of each feature's range; judged "
        "as well, and told first.",
        "SIZE",
        high=1,
        said="0.05; of what wraps, that or the smallest of --epsilons",
    )
    models: int = option(
        1, "How many networks, each with its own seed.", "N", low=1, high=MOST_MODELS
    )
    instances: int | None = option(
        200,
        "How many test rows are judged, or all.",
        "N",
        low=1,
        high=MOST_INSTANCES,
        said="200; of your own table all",
        read=typed.count_or_all,
    )
    steps: int = option(20, "Steps of each judge.", "N", low=1, high=MOST_STEPS)
    judges: Sequence[str] = option(
        (), "The attacks that judge, or all.", "NAME,NAME", said="strongest", read=typed.names
    )
    epsilons: Sequence[float] = option(
        EPSILONS,
        "The largest changes that the judges may make.",
        "SIZE,SIZE",
        said=",".join(map(str, EPSILONS)),
        read=typed.numbers,
    )
    perturbation: str | None = option(
        None,
        "What the judges try: paper (all codes move continuously) or feasible (only rows that "
        "could really happen).",
        "NAME",
        said="paper; of your own data feasible",
    )
    certify: bool = option(
        False,
        "Prove as well of which judged rows the properties hold for every perturbation, before and "
        "after.",
    )
