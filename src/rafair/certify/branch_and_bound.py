"""Branch and bound over the boxes of many instances, each searched as if it were alone.

Of each instance the newest boxes are bounded, a fixed number at a time, in batches of one size.
So neither company, nor threads, nor interruptions decide a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rafair.certify.bounding_step import OfThread, Relaxation
from rafair.certify.box_memory import Memory
from rafair.certify.cutting import cut_in_two, cuttable, halves
from rafair.certify.margins import Margins
from rafair.certify.network_layers import Layers
from rafair.certify.prover_interface import Confirm, Decided, Proof
from rafair.certify.raw_boxes import Ends
from rafair.certify.region import Region
from rafair.certify.relu_relaxation import Layer
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Labels, Rows

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float32]

AT_ONCE = 512
"""Boxes of one instance that are bounded before its next ones are chosen: batches for two cores."""

BATCH = 256
"""Boxes bounded in one product; fewer are filled up, so that rounding is the same."""

CUT = 64
"""Boxes to be cut whose features are compared in one product, likewise."""

ACTIVE = 128
"""Instances searched at once: what is known of their open boxes bounds memory."""


@dataclass(frozen=True)
class Open:
    """Open boxes, and where in the memory lie the bounds of the boxes that they were cut from."""

    region: Region
    known: Indices

    def where(self, chosen: NDArray[np.generic]) -> Open:
        """Those that a mask, or places, choose."""
        return Open(self.region.where(chosen), self.known[chosen])

    @staticmethod
    def joined(parts: list[Open]) -> Open:
        """All parts, the boxes of each instance together, in the order in which they came."""
        found = Open(
            Region.joined([part.region for part in parts]),
            np.concatenate([part.known for part in parts]),
        )
        return found.where(np.argsort(found.region.owner, kind="stable"))


class Looked(NamedTuple):
    """What is computed of a batch of `n` boxes.

    Args:
        boxes: The boxes.
        hidden: Their bounds of all hidden units; shape `(n, 2, units)`.
        least: No margin of the box is smaller; shape `(n,)`.
        slack: What of the distance to that is allowed for rounding.
        rows: The row where the bound is least, and the middle of the box; shape `(2, n, d)`.
        values: The least margins of these; shape `(2, n)`.
        influence: What the bounds lose by each feature; shape `(n, k)`.
    """

    boxes: Open
    hidden: Numbers
    least: Numbers
    slack: Numbers
    rows: Rows
    values: Numbers
    influence: Numbers


@dataclass(eq=False)
class Search:
    """Searches regions for rows of another class than is wanted.

    Args:
        layers: The network.
        margins: From its layers to what each class must exceed.
        ends: From boxes to what the network is given.
        region: Boxes of `n` instances.
        wanted: The class wanted of each; shape `(n,)`.
        budget: An instance is left open after this many boxes.
        confirm: Says which rows count as witnesses.
        workers: The open pool of threads, each of which bounds batches.
    """

    layers: Layers
    margins: Callable[[Layers], Margins]
    ends: Ends
    region: Region
    wanted: Labels
    budget: int
    confirm: Confirm
    workers: Workers

    def __post_init__(self) -> None:
        region, layers, n = self.region, self.layers, len(self.wanted)
        self._columns = np.flatnonzero((region.upper > region.lower).any(axis=0)).tolist()
        self._single, self._double = (
            OfThread(one, self.margins(one), self._columns) for one in (layers, layers.in_double())
        )
        self._proof = np.full(n, Proof.OPEN, np.int8)
        self._witness = np.full((n, region.lower.shape[1]), np.nan, np.float32)
        self._used = np.zeros(n, np.int64)
        self._tied, self._stuck = np.zeros(n, bool), np.zeros(n, bool)
        self._widths = layers.widths
        self._memory = Memory(sum(self._widths))

    def run(self, chosen: Indices) -> Decided:
        """Searches the instances that are chosen; the others stay open."""
        with torch.inference_mode():
            for at in range(0, len(chosen), ACTIVE):
                self._search(chosen[at : at + ACTIVE])
        return Decided(self._proof, self._witness, self._used)

    def _search(self, instances: Indices) -> None:
        region = self.region.where(np.isin(self.region.owner, instances))
        left, going = self._begun(region), instances
        while len(left.region):
            taken = self._newest(left.region)
            parts = [left.where(part) for part in _parts(np.flatnonzero(taken))]
            # in their own order: neither threads nor their speed decide anything
            children = [self._judge(found) for found in self.workers.map(self._look, parts)]
            left = Open.joined([left.where(~taken), *(found for found in children if found)])
            left = self._affordable(left)
            waiting = np.isin(going, left.region.owner)
            self._settle(going[~waiting])
            going = going[waiting]

    def _begun(self, region: Region) -> Open:
        """The whole boxes, with what affine forms say of them."""
        parts = [region.where(places) for places in _parts(np.arange(len(region)))]
        known = [self._memory.put(found, 1) for found in self.workers.map(self._rough, parts)]
        return Open(region, np.concatenate(known))

    def _newest(self, region: Region) -> Flags:
        """The newest boxes of each instance, as many as are looked at together and can be paid."""
        ends = np.append(np.flatnonzero(np.diff(region.owner)), len(region) - 1)
        from_end = np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(region))
        most = np.minimum(self.budget - self._used, AT_ONCE)[region.owner]
        return np.asarray(from_end < most)

    def _affordable(self, left: Open) -> Open:
        """Leaves open what has cost its budget, and drops the boxes of what is refuted."""
        owner = left.region.owner
        spent = (self._used >= self.budget)[owner]
        self._stuck[owner[spent]] = True
        going = ~spent & (self._proof[owner] != Proof.REFUTED)
        self._memory.drop(left.known[~going])
        return left.where(going)

    def _settle(self, instances: Indices) -> None:
        """Says what follows for instances of which no box is left."""
        left = instances[self._proof[instances] != Proof.REFUTED]
        self._proof[left] = np.where(
            self._stuck[left], Proof.OPEN, np.where(self._tied[left], Proof.NEAR_TIE, Proof.PROVEN)
        )

    @torch.inference_mode()
    def _rough(self, region: Region) -> Numbers:
        lower, upper, _ = self._filled(region)
        return _flat(self._single.here.rough(lower, upper), BATCH)[: len(region)]

    @torch.inference_mode()
    def _look(self, boxes: Open) -> Looked:
        """Bounds a batch of boxes; decides nothing."""
        region, n = boxes.region, len(boxes.region)
        lower, upper, wanted = self._filled(region)
        known = self._split(self._memory.take(_filled(boxes.known, BATCH)))
        relaxation = self._single.here
        found = relaxation.bound(lower, upper, wanted, known)
        least, slack = found.least[:n].numpy(), found.slack[:n].numpy()
        corner = np.where(found.high[:n].numpy(), region.upper, region.lower)
        rows = np.stack([corner, self._centres(region)])
        values = np.stack([self._values(relaxation, some, wanted) for some in rows])
        influence = np.zeros((n, len(self._columns)), np.float32)
        unproven = np.flatnonzero(~(least > 0))
        for some in _parts(unproven, CUT):
            filled = torch.from_numpy(_filled(some, CUT))
            hidden = [Layer(here.lower[filled], here.upper[filled]) for here in found.hidden]
            weights = [weight[filled] for weight in found.weights]
            lost = relaxation.influence((upper - lower)[filled], hidden, weights)
            influence[some] = lost[: len(some)].numpy()
        within = _flat(found.hidden, BATCH)[:n]
        return Looked(boxes, within, least, slack, rows, values, influence)

    def _judge(self, found: Looked) -> Open | None:
        """What follows of bounds; returns the halves of boxes that are not proven."""
        region, slack = found.boxes.region, found.slack
        self._memory.drop(found.boxes.known)
        np.add.at(self._used, region.owner, 1)
        self._take_witnesses(region, found)
        nearest = found.values.min(axis=0)
        left = ~(found.least > 0) & (self._proof[region.owner] != Proof.REFUTED)
        # rounding alone keeps it from a proof, here and in every smaller box around that row
        tied = left & (found.least + slack > 0) & (nearest <= slack) & ~_following(region)
        if tied.any():
            self._look_precisely(region.where(tied))
        left &= ~tied
        if not left.any():
            return None
        near = np.abs(nearest[left]) <= slack[left]
        return self._halved(region.where(left), found.hidden[left], found.influence[left], near)

    def _take_witnesses(self, region: Region, found: Looked) -> None:
        """Confirms rows of another class, each instance's first one after the other."""
        for rows, values in zip(found.rows, found.values, strict=True):
            there = np.flatnonzero((values <= 0) & (self._proof[region.owner] != Proof.REFUTED))
            if not there.size:
                continue
            owner = region.owner[there]
            placed = region.placed(owner, rows[there])
            sure = self.confirm(owner, placed)
            first = np.unique(owner[sure], return_index=True)[1]
            self._proof[owner[sure][first]] = Proof.REFUTED
            self._witness[owner[sure][first]] = placed[sure][first]

    def _look_precisely(self, region: Region) -> None:
        """Bounds boxes that rounding keeps from a proof in double precision, which loses less."""
        lower, upper, wanted = self._filled(region)
        found = self._double.here.bound(lower.double(), upper.double(), wanted)
        self._tied[region.owner[~(found.least[: len(region)] > 0).numpy()]] = True

    def _filled(self, region: Region) -> tuple[Tensor, Tensor, Tensor]:
        """What the network is given of a batch, and the classes wanted; the first box fills up."""
        some = region.where(_filled(np.arange(len(region)), BATCH))
        lower, upper = self.ends(some.lower, some.upper)
        return lower, upper, torch.from_numpy(self.wanted[some.owner])

    def _values(self, relaxation: Relaxation, rows: Rows, wanted: Tensor) -> Numbers:
        filled = rows[_filled(np.arange(len(rows)), BATCH)]
        values, _ = self.ends(filled, filled)
        found: Numbers = relaxation.values(values, wanted)[: len(rows)].numpy()
        return found

    def _centres(self, region: Region) -> Rows:
        """The middle of each box; of listed features the value below it."""
        found = halves(region)
        return np.where(region.listed, found.end, (region.lower + region.upper) / 2).astype(
            np.float32
        )

    def _halved(
        self, region: Region, hidden: Numbers, influence: Numbers, near: Flags
    ) -> Open | None:
        """Cuts boxes where their bound loses most."""
        found = halves(region)
        some = cuttable(region, found)
        scores = np.zeros(region.lower.shape, np.float32)
        scores[:, self._columns] = influence
        if (derived := region.followers.derivations) is not None:
            for column, taken in zip(derived.columns, derived.takes, strict=True):
                scores[:, taken] += scores[:, [column]]
        width = region.upper - region.lower
        scores = np.where(some, np.maximum(scores, np.float32(1e-30)) + width * 1e-12, -1)
        points = ~np.asarray(some.any(axis=1))
        exact = self._exact(region.where(points), hidden[points], near[points])
        if points.all():
            return exact
        column = scores[~points].argmax(axis=1)
        codes = found.begin[~points, :][np.arange(len(column)), column]
        known = self._memory.put(hidden[~points], 2)
        parts = [Open(half, known) for half in cut_in_two(region.where(~points), column, codes)]
        return Open.joined([*parts, exact] if exact else parts)

    def _exact(self, region: Region, hidden: Numbers, near: Flags) -> Open | None:
        """Boxes that cannot be cut: the only row they hold, where what follows is known exactly."""
        rows = region.placed(region.owner, region.lower)
        inside = np.asarray(((rows >= region.lower) & (rows <= region.upper)).all(axis=1))
        wide = np.asarray((region.upper > region.lower).any(axis=1))
        again = inside & wide
        # else it is too near to a tie, or no possible row
        self._tied[region.owner[~again & near]] = True
        self._stuck[region.owner[~again & ~near]] = True
        if not again.any():
            return None
        point = replace(region, lower=rows, upper=rows.copy()).where(again)
        return Open(point, self._memory.put(hidden[again], 1))

    def _split(self, hidden: Numbers) -> list[Layer]:
        """Bounds of all hidden units, of shape `(n, 2, units)`, as those of each layer."""
        parts = torch.split(torch.from_numpy(hidden), self._widths, dim=2)
        return [Layer(part[:, 0], part[:, 1]) for part in parts]


def _following(region: Region) -> Flags:
    """Of which boxes columns that follow others are not known exactly; shape `(m,)`."""
    derived = region.followers.derivations
    columns = list(derived.columns) if derived else []
    found: Flags = np.any((region.upper > region.lower)[:, columns], axis=1)
    return found


def _filled(places: Indices, size: int) -> Indices:
    """Places, and the first of them again until there are `size`."""
    return np.concatenate([places, np.repeat(places[:1], size - len(places))])


def _flat(hidden: list[Layer], n: int) -> Numbers:
    """Bounds of each layer as those of all hidden units; shape `(n, 2, units)`."""
    if not hidden:
        return np.empty((n, 2, 0), np.float32)
    lower, upper = (torch.cat(side, dim=1).numpy() for side in zip(*hidden, strict=True))
    return np.stack([lower, upper], axis=1)


def _parts(places: Indices, size: int = BATCH) -> list[Indices]:
    return [places[at : at + size] for at in range(0, len(places), size)]
