"""Models without gradients in an audit: who asks them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from rafair.attacks.attack_names import attack_named, attack_names, expand
from rafair.attacks.registry import UNIONS
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.row_estimate import Cost
from rafair.errors import InputError, ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier
from rafair.results.attack_runs import keeps_witnesses
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows


@dataclass(frozen=True)
class Asking:
    """Puts what asks about each row once in front of models without gradients.

    Args:
        config: Whether those with gradients are treated so as well, and how much may be asked.
    """

    config: AuditConfig
    _made: dict[int, tuple[Classifier, CachedClassifier]] = field(default_factory=dict)

    def __call__(self, classifier: Classifier) -> Classifier:
        """The classifier that the audit asks; the same for the same model."""
        if classifier.differentiable and not self.config.black_box:
            return classifier
        if id(classifier) not in self._made:
            # held, so that no other model gets its number
            self._made[id(classifier)] = classifier, self._once(classifier)
        return self._made[id(classifier)][1]

    def _once(self, classifier: Classifier) -> CachedClassifier:
        limit = self.config.max_queries
        if isinstance(classifier, CachedClassifier):
            if limit is None or limit == classifier.max_queries:
                return classifier
            return classifier.limited(limit)
        return CachedClassifier(classifier, max_queries=limit)


def check_attacks(classifier: Classifier, config: AuditConfig) -> None:
    """Refuses what a model cannot be asked for.

    Raises:
        ModelError: If an attack needs gradients that it does not give.
        InputError: If a limit is set that says nothing of such a model.
    """
    black = not classifier.differentiable
    if not black and config.max_queries is not None:
        raise InputError(
            f"max_queries: expected with a model without gradients, or with `black_box=True`; "
            f"model '{classifier.name}' gives gradients, whose number `max_gradient_rows` limits"
        )
    if black and config.max_gradient_rows is not None:
        raise InputError(
            "max_gradient_rows: expected with a model that gives gradients; `max_queries` "
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

    For where nobody can stop in time: processes that ask side by side count each for itself.

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


def least_asked(table: Rows, instances: Rows, counterparts: Counterparts) -> int:
    """How many rows an audit asks about whatever it finds: each once, and at the least these.

    Args:
        table: All rows, which tell the model's accuracy; shape `(n, d)`.
        instances: Those whose counterparts are looked at; shape `(k, d)`.
        counterparts: What these are.

    Example:
        >>> both = Counterparts([0], [np.float32([0, 1])])
        >>> least_asked(np.float32([[0, 0], [1, 0], [0, 1]]), np.float32([[0, 0], [1, 0]]), both)
        3
    """
    # rows that differ in sensitive values alone have the same counterparts, and the same first one
    firsts, heads = table.copy(), instances.copy()
    counterparts.substitute(firsts, np.zeros(len(firsts), np.int64))
    counterparts.substitute(heads, np.zeros(len(heads), np.int64))
    looked_at = {head.tobytes() for head in heads}
    others = {
        row.tobytes()
        for row, first in zip(table, firsts, strict=True)
        if first.tobytes() not in looked_at
    }
    return len(looked_at) * counterparts.size + len(others)


def check_least(
    table: Rows, instances: Rows, counterparts: Counterparts, config: AuditConfig
) -> None:
    """Refuses an audit that cannot do with the queries that it is allowed.

    Args:
        table: All rows, which tell the model's accuracy; shape `(n, d)`.
        instances: Those whose counterparts are looked at; shape `(k, d)`.
        counterparts: What these are.
        config: The options.

    Raises:
        InputError: If so; says how many instances would fit.
    """
    limit, least = config.max_queries, least_asked(table, instances, counterparts)
    if limit is None or least <= limit:
        return
    alone = least_asked(table, table[:0], counterparts)
    fits = min(max(limit - alone, 0) // counterparts.size, len(instances) - 1)
    told = f"{fits:,} instances would fit" if fits else "not even 1 instance would fit"
    raise InputError(
        f"max_queries: expected at least {least:,}, the least that {len(table):,} rows and the "
        f"counterparts of {len(instances):,} instances need, got {limit:,}; {told}"
    )


def limit_in_words(most: int, limit: int | None) -> str:
    """What becomes of the most queries under a limit.

    Example:
        >>> limit_in_words(9_000, 10_000), limit_in_words(9_000, None)
        ('', '')
        >>> limit_in_words(9_000, 5_000)
        ' (where --max-queries 5,000 are spent it stops; a larger limit carries on)'
    """
    if limit is None or most <= limit:
        return ""
    return f" (where --max-queries {limit:,} are spent it stops; a larger limit carries on)"


@dataclass
class Pace:
    """Tells after the first part whether a limit will do for the rest as well.

    Args:
        model: Who is asked.
        instances: How many are to be done.
    """

    model: Classifier
    instances: int

    def __post_init__(self) -> None:
        self._before = self.model.asked if isinstance(self.model, CachedClassifier) else 0
        self._told = False

    def told(self, done: int) -> str | None:
        """Called when a part of so many instances is done: what is to be feared, if anything is."""
        if self._told or not isinstance(self.model, CachedClassifier) or not self.model.max_queries:
            return None
        self._told = True
        asked, limit = self.model.asked, self.model.max_queries
        expected = self._before + (asked - self._before) * self.instances / done
        if expected <= limit:
            return None
        return (
            f"{asked:,} queries so far, about {float(f'{expected:.2g}'):,.0f} in all: it will stop "
            f"where --max-queries {limit:,} are spent"
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
    instances, so that no figure depends on who is asked about first. Where nothing may be left,
    each asks for as little as it can.

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
    rest = max(limit - others - (whole.total - all_of_them), 0)
    return replace(config, queries_each=rest // (len(shared) * whole.budgets * instances))


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, 0 if none does; smaller ones fit as well."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
