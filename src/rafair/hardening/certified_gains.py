"""What is proven of the judged rows, of the model before and of the hardened one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.certificate_run import COMPARED
from rafair.auditing.certify_options import certifying
from rafair.auditing.certify_shard import INSTANCES_PER_SHARD, Certifier, CertifyPart
from rafair.auditing.possible_witnesses import Suspects
from rafair.certify.property_status import Property, Standing
from rafair.certify.prover_registry import prover_of, unwrapped
from rafair.engine.progress import Progress
from rafair.engine.shards import cut
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.hardening.attack_panel import AttackPanel, Judgement
from rafair.hardening.network_rates import mean_rate
from rafair.metrics.rate_difference import paired_rates
from rafair.models.classifier import Classifier
from rafair.models.decision_agreement import faithful
from rafair.results.hardening_record import Change, NetworkProofs, Proven, Standings

Verdicts = NDArray[np.int8]
"""A `Standing` each; shape `(n, k, 3)`, as in `Stand`."""

SIDES = ("before", "after")


@dataclass(frozen=True)
class ProofRecord:
    """Verdicts as they are stored; or why there are none."""

    verdicts: list[list[list[int]]] | None
    why: str | None = None


@dataclass(frozen=True)
class Proofs:
    """Certifies the rows that a judge judges, at all of its epsilons together.

    Args:
        judge: The judge.
        epsilons: The budgets, ascending.
        boxes: After how many boxes an instance is left open.
    """

    judge: AttackPanel
    epsilons: tuple[float, ...]
    boxes: int

    @property
    def cost(self) -> int:
        """How many verdicts on accurate fairness there are."""
        return len(self.judge.table) * len(self.epsilons)

    def __call__(self, model: Classifier, progress: Progress) -> ProofRecord:
        """Gives verdicts on all rows; none of a model of which nothing can be proven."""
        table = self.judge.table
        model = unwrapped(faithful(model, table.rows, table.schema))
        try:
            prover_of(model, table.schema, table.rows[:COMPARED])
        except ModelError as error:
            return ProofRecord(None, str(error))
        config = certifying(self.judge.over(self.epsilons)).resolved(table.schema, "cpu")
        work = Certifier(model, table.schema, config, self.boxes, table.rows[:COMPARED])
        with (
            progress.task("certifying", self.cost, "verdicts") as task,
            Workers(self.judge.threads) as workers,
        ):
            found = [
                work.stand(self._part(slice(part.start, part.stop)), workers, task.advance)
                for part in cut(len(table), INSTANCES_PER_SHARD)
            ]
        return ProofRecord(np.concatenate([one.verdicts for one in found]).tolist())

    def _part(self, where: slice) -> CertifyPart:
        table = self.judge.table
        nothing = Suspects.none(len(table.schema))
        return CertifyPart(
            table.rows[where], table.labels[where], table.row_numbers[where], nothing
        )


def with_broken(verdicts: Verdicts, judgements: Mapping[float, Judgement]) -> Verdicts:
    """The same with what the judges broke refuted, there and at larger epsilons.

    Args:
        verdicts: What was proven and refuted.
        judgements: What the judges found, by epsilon; these are the verdicts', ascending.
    """
    merged = verdicts.copy()
    broken = np.zeros(verdicts[:, 0].shape, bool)
    for place, epsilon in enumerate(sorted(judgements)):
        found = judgements[epsilon]
        broken |= ~np.stack([found.both, found.fair, found.accurate], axis=1)
        at = merged[:, place]
        assert not (broken & (at == Standing.CERTIFIED)).any(), "the judges broke what is certified"
        at[broken] = Standing.REFUTED
    return merged


def proven(
    sides: Mapping[str, Sequence[Verdicts | None]],
    epsilons: Sequence[float],
    boxes: int,
    seeds: Sequence[int],
    said: Sequence[str],
) -> Proven:
    """The section `certified` of `harden.json`.

    Args:
        sides: Before and after the verdicts of each network; None where nothing can be proven.
        epsilons: The budgets, ascending.
        boxes: After how many boxes an instance was left open.
        seeds: Those of the networks.
        said: Why nothing can be proven of a model, a line each.
    """
    whole = {side: [one for one in sides[side] if one is not None] for side in SIDES}
    whole = {side: found if len(found) == len(seeds) else [] for side, found in whole.items()}
    before, after = (_rates(whole[side], epsilons, seeds[0]) for side in SIDES)
    each = [
        NetworkProofs(seed, *(_of_one(sides[side][place], epsilons) for side in SIDES))
        for place, seed in enumerate(seeds)
    ]
    change = _changes(whole["before"], whole["after"], epsilons)
    return Proven(boxes, before, after, change, each, list(said))


def _of_one(verdicts: Verdicts | None, epsilons: Sequence[float]) -> Standings | None:
    return None if verdicts is None else _rates([verdicts], epsilons, 0)


def _rates(networks: Sequence[Verdicts], epsilons: Sequence[float], seed: int) -> Standings | None:
    """By epsilon, property and verdict."""
    if not networks:
        return None
    return {
        f"{epsilon:g}": {
            str(name): {
                one.key: mean_rate([each[:, place, number] == one for each in networks], seed)
                for one in (
                    Standing.CERTIFIED,
                    Standing.REFUTED,
                    Standing.OPEN,
                    Standing.NEAR_TIE,
                )
            }
            for number, name in enumerate(Property)
        }
        for place, epsilon in enumerate(epsilons)
    }


def _changes(
    before: Sequence[Verdicts], after: Sequence[Verdicts], epsilons: Sequence[float]
) -> dict[str, dict[str, dict[str, Change]]] | None:
    """Of both ends of the bracket, of the same instances."""
    if not before or not after:
        return None
    return {
        f"{epsilon:g}": {
            str(name): {
                "certified": _change(*_held(before, after, place, number, Standing.CERTIFIED)),
                "not_refuted": _change(
                    *(1 - one for one in _held(before, after, place, number, Standing.REFUTED))
                ),
            }
            for number, name in enumerate(Property)
        }
        for place, epsilon in enumerate(epsilons)
    }


def _held(
    before: Sequence[Verdicts],
    after: Sequence[Verdicts],
    place: int,
    number: int,
    standing: Standing,
) -> list[NDArray[np.float64]]:
    """After and before, of each instance the share of networks with a verdict."""
    return [
        np.mean([each[:, place, number] == standing for each in side], axis=0)
        for side in (after, before)
    ]


def _change(after: NDArray[np.float64], before: NDArray[np.float64]) -> Change:
    change = paired_rates(after, before)
    assert change is not None  # instances are judged on both sides
    return Change(change.value, change.low, change.high)
