"""What follows from the options of an audit: its sweeps, budgets, perturbations and repair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafair.attacks.attack_names import check_attacks
from rafair.attacks.registry import WITNESSES
from rafair.engine.shards import INSTANCES_PER_SHARD, Advance
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.classifier import Classifier
from rafair.models.losses import Loss, loss_named
from rafair.repairs.benign_perturbation import BenignPerturbation
from rafair.results.attack_runs import keeps_witnesses
from rafair.results.audit_options import AuditOptions, Perturbation
from rafair.search.counterpart_evaluator import (
    CHUNK_ROWS,
    CounterpartEvaluator,
    suitable_chunk_rows,
)
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet, per_feature
from rafair.tabular.schema import Schema

REPAIR_OPTIONS = (
    "steps",
    "step_size",
    "epsilon",
    "loss",
    "labels",
    "perturbation",
    "max_category_changes",
)
"""Those of a repair, which may differ from those of the attacks that it repairs."""


@dataclass(frozen=True)
class AuditConfig(AuditOptions):
    """The options of an audit, with what they come to on rows of a schema.

    Args:
        queries_each: The most rows that a cascade may ask a model without gradients about, for each
            instance: what `max_queries` leaves for it. None sets no limit.

    Raises:
        InputError: If an option is out of range.
    """

    queries_each: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_attacks(self.attacks)
        for name in filter(keeps_witnesses, self.attacks):
            if self.steps < WITNESSES:
                raise InputError(
                    f"steps: expected {WITNESSES} or more for {name}, which keeps as many rows of "
                    f"each instance, got {self.steps}"
                )

    @classmethod
    def of(cls, options: AuditOptions) -> AuditConfig:
        """The same options."""
        return cls(**vars(options))

    def resolved(self, schema: Schema, device: str) -> AuditConfig:
        """The same with `chunk_rows` and all bands filled in for rows of this schema.

        Raises:
            InputError: If the bands are none of this schema's sensitive numbers.
        """
        resolved = replace(self, bands=self.bands_of(schema))
        if self.chunk_rows is not None:
            return resolved
        rows = Counterparts.of(schema).size * INSTANCES_PER_SHARD
        return replace(resolved, chunk_rows=suitable_chunk_rows(rows, device))

    def at(self, epsilon: float) -> AuditConfig:
        """The same with one smaller budget; steps that follow their budget follow this one."""
        one = replace(self, epsilon=epsilon, epsilons=None)
        follows = self.step_size == self.following
        return replace(one, step_size=one.following) if follows else one

    def sweep(
        self, classifier: Classifier, schema: Schema, workers: Workers, advance: Advance
    ) -> CounterpartEvaluator:
        """A new sweep over the counterparts of rows with this schema, which counts its own rows.

        Args:
            classifier: The model.
            schema: The features of the rows.
            workers: The open pool of threads.
            advance: Told how many rows were done.
        """
        return CounterpartEvaluator(
            classifier=classifier,
            counterparts=Counterparts.of(schema),
            loss=self.loss_function,
            workers=workers,
            k=self.k,
            chunk_rows=self.chunk_rows or CHUNK_ROWS,
            on_rows=advance,
        )

    @property
    def loss_function(self) -> Loss:
        """The loss that attacks follow."""
        return loss_named(self.loss)

    @property
    def repair(self) -> BenignPerturbation | None:
        """The repair, if one is wanted."""
        return None if self.labels is None else BenignPerturbation(self.labels)

    def budget(self, schema: Schema, *, feasible: bool = False) -> Budget:
        """The budget that every attack gets on rows of this schema.

        Args:
            schema: The features of the rows.
            feasible: Whether perturbations are to be feasible; without, they are the paper's.

        Raises:
            InputError: If nothing may move.
        """
        wanted = per_feature("epsilon", self.reach, schema)
        sizes = per_feature("step_size", self.step_size, schema)
        box = self.feasible_set(schema) if feasible else self._paper_set(schema)
        # what may move a step of its grid, although epsilon is less, takes longer steps as well
        sizes *= np.maximum(box.epsilon / np.where(wanted > 0, wanted, 1), 1).astype(np.float32)
        if feasible:  # so that no step takes a level, which has no distance, anywhere
            sizes = np.where(box.movable, sizes, 0).astype(np.float32)
        if not box.categories and not (sizes[box.movable] > 0).any():
            raise InputError("step_size: expected a step for at least one feature that may move")
        limits = self.max_gradient_rows, self.queries_each
        return Budget(self.steps, sizes, box, self.seed, *limits)

    def probed(self, schema: Schema) -> int:
        """How many features are probed, of a model without gradients."""
        kinds = {Perturbation.PAPER: (False,), Perturbation.FEASIBLE: (True,)}
        each = kinds.get(Perturbation(self.perturbation), (False, True))
        return max(int(self.budget(schema, feasible=kind).usable.sum()) for kind in each)

    def feasible_set(self, schema: Schema) -> FeasibleSet:
        """The feasible perturbations of rows of this schema.

        Raises:
            InputError: If nothing may move, or a relation of the schema cannot be read.
        """
        box = FeasibleSet.of(
            schema,
            self.reach,
            perturb_sensitive=self.perturb_sensitive,
            max_category_changes=self.max_category_changes,
        )
        # what is given no step does not move, categories included
        steps = per_feature("step_size", self.step_size, schema) > 0
        return replace(
            box, categories=tuple(c for c in box.categories if steps[list(c.columns)].all())
        )

    def _paper_set(self, schema: Schema) -> PerturbationSet:
        epsilon = self.reach
        return PerturbationSet.of(schema, epsilon, perturb_sensitive=self.perturb_sensitive)
