"""Branch and bound over the boxes of many instances, each searched as if it were alone.

Of each instance the newest boxes are bounded, a fixed number at a time, in batches of one size.
So neither company, nor threads, nor interruptions decide a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rafair.certify.cutting import cut_in_two, cuttable, halves
from rafair.certify.prover import Confirm, Decided, Proof, Told
from rafair.certify.raw_ends import Ends
from rafair.certify.region import Region
from rafair.certify.relaxed import Layer, Relaxation
from rafair.models.classifier import Labels, Rows

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float32]

AT_ONCE = 64
"""Boxes of one instance that are bounded before its next ones are chosen."""

BATCH = 128
"""Boxes bounded in one product; fewer are filled up, so that rounding is the same."""

ACTIVE = 128
"""Instances searched at once: what is known of their open boxes bounds memory."""


@dataclass(frozen=True)
class Open:
    """Open boxes, and what bounds of the hidden layers are known of them; each `(m, units)`."""

    region: Region
    lower: Numbers
    upper: Numbers

    def where(self, chosen: NDArray[np.generic]) -> Open:
        """Those that a mask, or places, choose."""
        return Open(self.region.where(chosen), self.lower[chosen], self.upper[chosen])

    @staticmethod
    def joined(parts: list[Open]) -> Open:
        """All parts, the boxes of each instance together, in the order in which they came."""
        region = Region.joined([part.region for part in parts])
        found = Open(
            region,
            np.concatenate([part.lower for part in parts]),
            np.concatenate([part.upper for part in parts]),
        )
        return found.where(np.argsort(region.owner, kind="stable"))


@dataclass(eq=False)
class Search:
    """Searches regions for rows of another class than is wanted.

    Args:
        relaxation: Bounds of the network.
        precise: The same in double precision.
        ends: From boxes to what the network is given.
        region: Boxes of `n` instances.
        wanted: The class wanted of each; shape `(n,)`.
        budget: An instance is left open after this many boxes.
        confirm: Says which rows count as witnesses.
        told: Told of progress.
    """

    relaxation: Relaxation
    precise: Relaxation
    ends: Ends
    region: Region
    wanted: Labels
    budget: int
    confirm: Confirm
    told: Told

    def __post_init__(self) -> None:
        n = len(self.wanted)
        self._proof = np.full(n, Proof.OPEN, np.int8)
        self._witness = np.full((n, self.region.lower.shape[1]), np.nan, np.float32)
        self._used = np.zeros(n, np.int64)
        self._tied, self._stuck = np.zeros(n, bool), np.zeros(n, bool)
        self._widths = self.relaxation.layers.widths

    def run(self, chosen: Indices) -> Decided:
        """Searches the instances that are chosen; the others stay open."""
        with torch.inference_mode():
            for at in range(0, len(chosen), ACTIVE):
                self._search(chosen[at : at + ACTIVE])
        return Decided(self._proof, self._witness, self._used)

    def _search(self, instances: Indices) -> None:
        region = self.region.where(np.isin(self.region.owner, instances))
        unknown = np.full((len(region), sum(self._widths)), np.inf, np.float32)
        left, going = Open(region, -unknown, unknown), instances
        while len(left.region):
            taken = self._newest(left.region)
            children = [self._look(left.where(part)) for part in _parts(np.flatnonzero(taken))]
            left = Open.joined([left.where(~taken), *(found for found in children if found)])
            left = self._affordable(left)
            waiting = np.isin(going, left.region.owner)
            self._settle(going[~waiting])
            going = going[waiting]

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
        return left.where(~spent & (self._proof != Proof.REFUTED)[owner])

    def _settle(self, instances: Indices) -> None:
        """Says what follows for instances of which no box is left."""
        left = instances[self._proof[instances] != Proof.REFUTED]
        self._proof[left] = np.where(
            self._stuck[left], Proof.OPEN, np.where(self._tied[left], Proof.NEAR_TIE, Proof.PROVEN)
        )
        if instances.size:
            self.told(instances)

    def _look(self, boxes: Open) -> Open | None:
        """Bounds a batch of boxes; returns the halves of those that are not proven."""
        region, n = boxes.region, len(boxes.region)
        np.add.at(self._used, region.owner, 1)
        padded = np.concatenate([np.arange(n), np.zeros(BATCH - n, np.int64)])
        listed = region.listed[padded]
        lower, upper = self.ends(region.lower[padded], region.upper[padded], listed)
        wanted = torch.from_numpy(self.wanted[region.owner][padded])
        known = self._split(boxes.lower[padded], boxes.upper[padded])
        found = self.relaxation.bound(lower, upper, wanted, known)
        least, slack = found.least[:n].numpy(), found.slack[:n].numpy()
        corner = np.where(found.high[:n].numpy(), region.upper, region.lower)
        nearest = self._try(region, corner, wanted)
        left = ~(least > 0) & (self._proof[region.owner] != Proof.REFUTED)
        # rounding alone keeps it from a proof, here and in every smaller box around that row
        tied = left & (least + slack > 0) & (nearest <= slack) & ~_following(region)
        if tied.any():
            self._look_precisely(region.where(tied))
        left &= ~tied
        if not left.any():
            return None
        layers = [torch.cat(side, dim=1).numpy() for side in zip(*found.hidden, strict=True)]
        if not layers:
            layers = [boxes.lower[padded], boxes.upper[padded]]
        open_ = Open(region, layers[0][:n], layers[1][:n]).where(left)
        near = np.abs(nearest[left]) <= slack[left]
        return self._halved(open_, found.influence[:n].numpy()[left], near)

    def _look_precisely(self, region: Region) -> None:
        """Bounds boxes that rounding keeps from a proof in double precision, which loses less."""
        n = len(region)
        padded = np.concatenate([np.arange(n), np.zeros(BATCH - n, np.int64)])
        listed = region.listed[padded]
        lower, upper = self.ends(region.lower[padded], region.upper[padded], listed)
        wanted = torch.from_numpy(self.wanted[region.owner][padded])
        found = self.precise.bound(lower.double(), upper.double(), wanted)
        self._tied[region.owner[~(found.least[:n] > 0).numpy()]] = True

    def _try(self, region: Region, corner: Rows, wanted: Tensor) -> Numbers:
        """Looks for witnesses at corners and centres; returns the least margin met, `(m,)`."""
        nearest = np.full(len(region), np.inf, np.float32)
        for rows in (corner, self._centres(region)):
            values = self._values(rows, wanted)
            nearest = np.minimum(nearest, values)
            there = np.flatnonzero((values <= 0) & (self._proof[region.owner] != Proof.REFUTED))
            if not there.size:
                continue
            owner, placed = region.owner[there], region.placed(region.owner[there], rows[there])
            sure = self.confirm(owner, placed)
            first = np.unique(owner[sure], return_index=True)[1]
            self._proof[owner[sure][first]] = Proof.REFUTED
            self._witness[owner[sure][first]] = placed[sure][first]
        return nearest

    def _values(self, rows: Rows, wanted: Tensor) -> Numbers:
        padded = np.concatenate([rows, np.repeat(rows[:1], BATCH - len(rows), axis=0)])
        values, _ = self.ends(padded, padded, np.ones(padded.shape, bool))
        found: Numbers = self.relaxation.values(values, wanted)[: len(rows)].numpy()
        return found

    def _centres(self, region: Region) -> Rows:
        """The middle of each box; of listed features the value below it."""
        found = halves(region)
        return np.where(region.listed, found.end, (region.lower + region.upper) / 2).astype(
            np.float32
        )

    def _halved(self, boxes: Open, influence: Numbers, near: Flags) -> Open | None:
        """Cuts boxes where their bound loses most."""
        region, found = boxes.region, halves(boxes.region)
        some = cuttable(region, found)
        scores = np.zeros(region.lower.shape, np.float32)
        scores[:, self.relaxation.columns] = influence
        if (derived := region.followers.derivations) is not None:
            for column, taken in zip(derived.columns, derived.takes, strict=True):
                scores[:, taken] += scores[:, [column]]
        width = region.upper - region.lower
        scores = np.where(some, np.maximum(scores, np.float32(1e-30)) + width * 1e-12, -1)
        points = ~np.asarray(some.any(axis=1))
        exact = self._exact(boxes.where(points), near[points])
        boxes = boxes.where(~points)
        if not len(boxes.region):
            return exact
        column = scores[~points].argmax(axis=1)
        codes = found.begin[~points, :][np.arange(len(column)), column]
        cut = cut_in_two(boxes.region, column, codes)
        parts = [replace(boxes, region=half) for half in cut]
        return Open.joined([*parts, exact] if exact else parts)

    def _exact(self, boxes: Open, near: Flags) -> Open | None:
        """Boxes that cannot be cut: the only row they hold, where what follows is known exactly."""
        region = boxes.region
        rows = region.placed(region.owner, region.lower)
        inside = np.asarray(((rows >= region.lower) & (rows <= region.upper)).all(axis=1))
        wide = np.asarray((region.upper > region.lower).any(axis=1))
        again = inside & wide
        # else it is too near to a tie, or no possible row
        self._tied[region.owner[~again & near]] = True
        self._stuck[region.owner[~again & ~near]] = True
        if not again.any():
            return None
        point = replace(region, lower=rows, upper=rows.copy())
        return replace(boxes, region=point).where(again)

    def _split(self, lower: Numbers, upper: Numbers) -> list[Layer]:
        """Bounds of all hidden units as those of each layer."""
        ends = [torch.split(torch.from_numpy(side), self._widths, dim=1) for side in (lower, upper)]
        return [Layer(low, high) for low, high in zip(*ends, strict=True)]


def _following(region: Region) -> Flags:
    """Of which boxes columns that follow others are not known exactly; shape `(m,)`."""
    derived = region.followers.derivations
    columns = list(derived.columns) if derived else []
    found: Flags = np.any((region.upper > region.lower)[:, columns], axis=1)
    return found


def _parts(places: Indices) -> list[Indices]:
    return [places[at : at + BATCH] for at in range(0, len(places), BATCH)]
