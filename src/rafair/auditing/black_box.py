"""Models without gradients in an audit: who asks them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rafair.attacks.naming import attack_named, attack_names, expand
from rafair.attacks.registry import UNIONS
from rafair.auditing.config import AuditConfig
from rafair.auditing.cost import Cost
from rafair.errors import InputError, ModelError
from rafair.models.asked_once import AskedOnce
from rafair.models.classifier import Classifier
from rafair.results.twins import keeps_witnesses


@dataclass(frozen=True)
class Asking:
    """Puts what asks about each row once in front of models without gradients.

    Args:
        config: Whether those with gradients are treated so as well, and how much may be asked.
    """

    config: AuditConfig
    _made: dict[int, tuple[Classifier, AskedOnce]] = field(default_factory=dict)

    def __call__(self, classifier: Classifier) -> Classifier:
        """The classifier that the audit asks; the same for the same model."""
        if classifier.differentiable and not self.config.black_box:
            return classifier
        if id(classifier) not in self._made:
            # held, so that no other model gets its number
            self._made[id(classifier)] = classifier, self._once(classifier)
        return self._made[id(classifier)][1]

    def _once(self, classifier: Classifier) -> AskedOnce:
        limit = self.config.max_queries
        if isinstance(classifier, AskedOnce):
            if limit is None or limit == classifier.max_queries:
                return classifier
            return classifier.limited(limit)
        return AskedOnce(classifier, max_queries=limit)


def check_attacks(classifier: Classifier, config: AuditConfig) -> None:
    """Refuses what a model cannot be asked for.

    Raises:
        ModelError: If an attack needs gradients that it does not give.
        InputError: If a limit is set that says nothing of such a model.
    """
    black = not classifier.differentiable
    if not black and config.max_queries is not None:
        raise InputError(
            f"max_queries: expected with a model without gradients, or with --black-box; model "
            f"'{classifier.name}' gives gradients, whose number --budget limits"
        )
    if black and config.max_gradient_rows is not None:
        raise InputError(
            "budget gradient_rows: expected with a model that gives gradients; --max-queries "
            f"limits what model '{classifier.name}' is asked"
        )
    needy = [name for name in expand(config.attacks)[0] if attack_named(name).needs_gradients]
    if black and needy:
        without = [
            name
            for name in attack_names()
            if name in UNIONS or not attack_named(name).needs_gradients
        ]
        raise ModelError(
            f"model '{classifier.name}': attack '{needy[0]}' needs gradients, which it does not "
            f"give; those that do without: {', '.join(without)}"
        )


def check_queries(needed: Callable[[int, int], int], instances: int, config: AuditConfig) -> None:
    """Refuses an audit that may need more queries than it is allowed.

    Args:
        needed: From a number of instances and of steps to the most queries these can need.
        instances: How many are asked for.
        config: The options.

    Raises:
        InputError: If so; says how many instances, or steps, would fit.
    """
    limit, most = config.max_queries, needed(instances, config.steps)
    if limit is None or most <= limit:
        return
    fits = [
        (_largest(lambda n: needed(n, config.steps) <= limit, instances), "instances"),
        (_largest(lambda steps: needed(instances, steps) <= limit, config.steps), "steps"),
    ]
    told = " or ".join(f"{number:,} {what}" for number, what in fits if number)
    one = f"{told} would fit" if told else "not even 1 instance or 1 step would fit"
    much, need = ("most", "can need") if config.queries_each is None else ("least", "must have")
    raise InputError(
        f"max_queries: expected at least {most:,}, the {much} that {instances:,} instances and "
        f"{config.steps:,} steps {need}, got {limit:,}; {one}"
    )


def frugal(config: AuditConfig) -> AuditConfig:
    """The same options with cascades that ask for as little as they can.

    Their stages share what a limit leaves, so that it need not pay for all they could ask.
    """
    shared = config.max_queries is not None and any(map(keeps_witnesses, config.attacks))
    return replace(config, queries_each=0) if shared else config


def with_share(
    cost: Callable[[AuditConfig], Cost], others: int, instances: int, config: AuditConfig
) -> AuditConfig:
    """The options with what each cascade may ask about for each instance, if a limit binds.

    What else is asked takes as much as it can need; the rest is divided equally among cascades and
    instances, so that no figure depends on who is asked about first.

    Args:
        cost: The cost of options.
        others: How many rows are asked about besides.
        instances: How many instances.
        config: The options.
    """
    limit, whole = config.max_queries, cost(config)
    shared = [most for name, most in whole.attacks.items() if keeps_witnesses(name)]
    if limit is None or not shared or whole.total + others <= limit:
        return config
    all_of_them = sum(shared) * whole.budgets
    rest = limit - others - (whole.total - all_of_them)
    return replace(config, queries_each=rest // (len(shared) * whole.budgets * instances))


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, 0 if none does; smaller ones fit as well."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
