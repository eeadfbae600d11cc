"""How long an audit will take: measured on the model itself, by a few steps on its first instances.

The most rows that searches can ask for say too much: they stop where everything is broken, and a
model is slower by small batches than by large ones. A few steps tell what both come to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from rafair.auditing.attack_shard import Examiner, Part
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier
from rafair.results.audit_options import Perturbation
from rafair.search.category_changes import STEPS_PER_CHOICE
from rafair.tabular.schema import Schema

STEPS = 2
"""Steps that are tried: the fewest that every attack can do."""

SLOWING = 1.8
"""How much more a step of the trial costs than one of the whole: later on some instances are broken
and left alone, and what is done once weighs less. The middle of 21 audits (networks and black
boxes, five tables), for which the ratio lay between 1.2 and 2.8 but for two."""

WORTH = 20.0
"""Seconds at the most from which on it is worth the time of a trial."""

WRONG = 1.5
"""The factor by which a forecast may be wrong before it is corrected."""


def trial_of(config: AuditConfig) -> AuditConfig:
    """The options of the trial: the largest budget alone, in the fewest steps that tell."""
    chooses = config.perturbation != Perturbation.PAPER
    fewer = min(STEPS_PER_CHOICE if chooses else STEPS, config.steps)
    return replace(config, steps=fewer, epsilons=None)


def forecast(
    model: Classifier, schema: Schema, config: AuditConfig, part: Part, workers: Workers
) -> float:
    """About how many seconds the instances of one part will take.

    Args:
        model: What is audited.
        schema: The features.
        config: How.
        part: The instances of one shard.
        workers: The open pool of threads.
    """
    tried = trial_of(config)
    begun = time.perf_counter()
    Examiner(model, schema, tried)(part, workers, lambda rows: None)
    whole = (time.perf_counter() - begun) * (1 + len(config.smaller)) * config.steps / tried.steps
    return whole / (SLOWING if config.steps > 2 * tried.steps else 1)


@dataclass
class Clock:
    """Holds a forecast against what the first parts took.

    Args:
        told: The seconds that were told; None where none were.
        parts: How many parts there are to do, one after the other.
    """

    told: float | None
    parts: float
    _begun: float = field(default_factory=time.perf_counter)
    _done: int = 0

    def correction(self) -> float | None:
        """Called when a part is done: the seconds left, if that is news; None else."""
        self._done += 1
        if self._done > 1 or self.told is None or self.parts < 2:
            return None
        whole = (time.perf_counter() - self._begun) * self.parts
        right = self.told / WRONG <= whole <= self.told * WRONG
        return None if right else whole * (1 - 1 / self.parts)
