"""From proofs of regions to verdicts on properties: few boxes, an attack, then many boxes.

All of an instance's perturbations, with the sensitive values of all counterparts, are one joint
region. Where all of it is proven to get the class that the model gives the row as it came, no
counterpart of any perturbation disagrees; where that class is right, accuracy and accurate fairness
are certified too. Where it is not, accuracy is sought in the region of the row's own sensitive
values.

A row of another class refutes what it breaks. Individual fairness it breaks only together with a
counterpart that gets another class than it: see `bisection`.

Few boxes come first since most regions need no more, and an attack costs more than these do; it
comes before many boxes since these are lost on what can be refuted. Budgets count boxes, so that
verdicts depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafair.certify.membership import Membership
from rafair.certify.model_queries import Asked
from rafair.certify.property_status import Property, Stand, Standing
from rafair.certify.prover_interface import Decided, Indices, Proof, Prover
from rafair.certify.refutation import Refuting
from rafair.certify.region import Region, Surroundings
from rafair.engine.option_groups import BOXES
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Labels, Rows
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet

FEW_BOXES = 40
"""How many come before the attack."""

ENUMERATED = 4096
"""Up to so many counterparts it takes less to ask about all of those of a row as it came than to
search for one that disagrees by boxes."""

BOTH, FAIRNESS, ACCURACY = range(len(Property))

Suspects = tuple[Indices, Rows]
"""Instances, and for each a row that may refute something; an instance may come several times."""


@dataclass(frozen=True)
class Level:
    """One budget.

    Args:
        epsilon: It.
        box: What instances may become within it.
        attack: From some instances to rows that may refute something.
        known: Rows that somebody has found before, likewise.
    """

    epsilon: float
    box: PerturbationSet
    attack: Callable[[Indices], Suspects]
    known: Suspects


def _nothing(count: int) -> None:
    """Ignores how many instances are done."""


@dataclass(frozen=True)
class Cascade:
    """Gives verdicts on the properties of instances.

    Args:
        prover: Proves what classes regions get.
        counterparts: The counterparts of a row.
        asked: The model's own answers.
        boxes: After how many boxes an instance is left open.
        constructed: Whether the model itself is such that no counterpart can get another class.
        done: Told how many instances were done at an epsilon.
        workers: The open pool of threads; one thread unless said.
    """

    prover: Prover
    counterparts: Counterparts
    asked: Asked
    boxes: int = BOXES
    constructed: bool = False
    done: Callable[[int], None] = _nothing
    workers: Workers = field(default_factory=lambda: Workers(1))

    def run(self, rows: Rows, labels: Labels, levels: Sequence[Level]) -> Stand:
        """How the properties of instances stand at several budgets.

        Args:
            rows: The instances, encoded; shape `(n, d)`.
            labels: Their true classes; shape `(n,)`.
            levels: The budgets, ascending, each of whose sets holds those of the ones before it.
        """
        found = Refuting(self.asked, rows, labels, constructed=self.constructed)
        parts = []
        for level in levels:
            members = Membership(level.box, self.counterparts)
            at = _AtLevel(self, found, level, members)
            at.go()
            parts.append((found.standing.copy(), at.boxes, found.witness.copy(), found.others))
            self.done(len(rows))
        verdicts, boxes, witness, other = (
            np.stack(some, axis=1) for some in zip(*parts, strict=True)
        )
        return Stand(
            tuple(level.epsilon for level in levels), _nested(verdicts), boxes, witness, other
        )


def _nested(verdicts: NDArray[np.int8]) -> NDArray[np.int8]:
    """With what is certified at a larger budget certified at smaller ones too; `(n, k, 3)`.

    What was refuted at a smaller one was not tried again, so nothing is ever both.
    """
    for place in range(verdicts.shape[1] - 2, -1, -1):
        larger = verdicts[:, place + 1] == Standing.CERTIFIED
        assert not (larger & (verdicts[:, place] == Standing.REFUTED)).any()
        verdicts[:, place][larger] = Standing.CERTIFIED
    return verdicts


class _AtLevel:
    """The search at one budget."""

    def __init__(
        self, cascade: Cascade, found: Refuting, level: Level, members: Membership
    ) -> None:
        self._cascade, self._found, self._level = cascade, found, level
        self._members = members
        self._around = Surroundings(level.box, cascade.counterparts)
        self._attacked = np.zeros(len(found.rows), bool)
        self._few = min(FEW_BOXES, cascade.boxes)
        self._regions: dict[bool, Region] = {}
        self.boxes = np.zeros(found.standing.shape, np.int64)

    def go(self) -> None:
        """All stages, each on what those before it left open."""
        found, cascade = self._found, self._cascade
        found.begin(continuous=cascade.prover.continuous and self._members.connected)
        self._take(self._level.known)
        small = cascade.counterparts.size <= ENUMERATED
        if small:
            self._look_at_clean_rows()
        self._joint(self._few)
        if not small:
            self._look_at_clean_rows()
        self._own(self._few, only=found.flipped | cascade.constructed)
        self._take(self._level.attack(np.flatnonzero(found.unsettled)))
        if cascade.boxes > self._few:
            self._joint(cascade.boxes)
        self._own(cascade.boxes)
        found.mirror()

    def _look_at_clean_rows(self) -> None:
        """Whether the counterparts of the row as it came get its class; asked once."""
        where = np.flatnonzero(self._found.clean_open)
        self._take((where, self._found.rows[where]))

    def _joint(self, budget: int) -> None:
        """Searches the regions of all counterparts, where these may still get one class."""
        found = self._found
        where = found.may_be_constant
        decided = self._decide(where, found.predictions, budget, own=False)
        self.boxes += decided.boxes[:, None]
        found.constant(where & (decided.proof == Proof.PROVEN))
        found.near_tie(where & (decided.proof == Proof.NEAR_TIE))
        self._take_witnesses(where, decided)

    def _own(self, budget: int, only: NDArray[np.bool_] | None = None) -> None:
        """Searches the regions of rows' own sensitive values, where the joint one is not proven."""
        found = self._found
        where = found.may_stay_right
        if only is not None:
            where = where & only
        decided = self._decide(where, found.labels, budget, own=True)
        self.boxes[:, ACCURACY] += decided.boxes
        if self._cascade.constructed:
            self.boxes[:, BOTH] += decided.boxes
        found.stays_right(where & (decided.proof == Proof.PROVEN))
        found.near_tie(where & (decided.proof == Proof.NEAR_TIE), own=True)
        self._take_witnesses(where, decided)

    def _decide(
        self, where: NDArray[np.bool_], wanted: Labels, budget: int, *, own: bool
    ) -> Decided:
        rows, chosen = self._found.rows, np.flatnonzero(where)
        if not chosen.size:
            n = len(rows)
            return Decided(np.zeros(n, np.int8), rows, np.zeros(n, np.int64))
        if own not in self._regions:
            self._regions[own] = (self._around.own if own else self._around.joint)(rows)

        def confirm(instances: Indices, some: Rows) -> NDArray[np.bool_]:
            there = self._members.inside(some, rows[instances], own=own)
            places = np.flatnonzero(there)
            if places.size:
                there[places] = (
                    self._cascade.asked.classes(some[places]) != wanted[instances[places]]
                )
            return there

        return self._cascade.prover.decide(
            self._regions[own], wanted, chosen, budget, confirm, self._cascade.workers
        )

    def _take_witnesses(self, where: NDArray[np.bool_], decided: Decided) -> None:
        refuted = np.flatnonzero(where & (decided.proof == Proof.REFUTED))
        self._take((refuted, decided.witness[refuted]))

    def _take(self, suspects: Suspects) -> None:
        """Takes in rows that may refute something, of each instance one after the other."""
        for instances, rows in _in_turn(*suspects):
            there = self._members.inside(rows, self._found.rows[instances])
            self._found.take(self._members, instances[there], rows[there])


def _in_turn(instances: Indices, rows: Rows) -> Iterator[Suspects]:
    """The first row of each instance, then the second of each that has one, and so on."""
    order = np.argsort(instances, kind="stable")
    ranked = instances[order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    turn = np.arange(len(ranked)) - np.repeat(starts, np.diff(np.append(starts, len(ranked))))
    for number in range(int(turn.max(initial=-1)) + 1):
        places = order[turn == number]
        yield instances[places], rows[places]
