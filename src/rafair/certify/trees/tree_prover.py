"""The prover of ensembles of trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.certify.cutting import confirmed, started
from rafair.certify.prover_interface import Confirm, Decided, Indices, Proof
from rafair.certify.reading.tree_form import Flags
from rafair.certify.region import Region
from rafair.certify.trees.ensemble import Ensemble
from rafair.certify.trees.ensemble_part import WORD, Part
from rafair.certify.trees.tree_search import Asking, Replies, Search
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier, Labels, Rows

TOGETHER = 64
"""How many instances ask the model together."""


class TreeProver:
    """Proves the classes of regions for an ensemble of trees; what it decides is exact.

    Bounds leave room for how the library rounds. Where they do not tell, the model is asked about
    a row of a box in which no split is left: it answers so for all of them.

    Args:
        ensemble: The trees.
        classifier: The model, for its own decisions.
        kind: What kind of model it is, for reports.
    """

    continuous = False

    def __init__(self, ensemble: Ensemble, classifier: Classifier, kind: str) -> None:
        self._ensemble, self._classifier = ensemble, classifier
        self.kind = kind

    @property
    def reads(self) -> frozenset[int]:
        """The columns that some tree splits on."""
        return self._ensemble.columns

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        workers: Workers,
    ) -> Decided:
        """Searches the regions of instances; see `Prover`."""
        n = len(wanted)
        found = Decided(
            np.full(n, Proof.OPEN, np.int8),
            np.zeros((n, region.lower.shape[1]), np.float32),
            np.zeros(n, np.int64),
        )
        boxes = started(region, chosen)
        left = self._bounded(boxes, wanted, found.boxes)
        some = np.zeros(n, np.bool_)
        for flags in left.values():
            some[boxes.owner[flags]] = True
        proven = np.asarray(chosen)[~some[chosen]]
        found.proof[proven] = Proof.PROVEN
        rest = np.asarray(chosen)[some[chosen]]
        for at in range(0, len(rest), TOGETHER):
            self._search(boxes, left, wanted, rest[at : at + TOGETHER], budget, confirm, found)
        return found

    def _bounded(self, boxes: Region, wanted: Labels, used: Indices) -> dict[int, Flags]:
        """By other class, the boxes whose bounds do not prove the wanted one against it."""
        left: dict[int, Flags] = {}
        of_box = wanted[boxes.owner]
        for other in range(self._ensemble.n_classes):
            left[other] = np.zeros(len(boxes), np.bool_)
            for own in np.unique(of_box[of_box != other]).tolist():
                pair = self._ensemble.pair(own, other)
                here = np.flatnonzero(of_box == own)
                np.add.at(used, boxes.owner[here], 1)
                for at in range(0, len(here), WORD):
                    places = here[at : at + WORD]
                    lower, upper = boxes.lower[places], boxes.upper[places]
                    hull = lower.min(axis=0, keepdims=True), upper.max(axis=0, keepdims=True)
                    bounds = Part(self._ensemble, pair, *hull).bounds(lower, upper)
                    left[other][places] = bounds <= pair.slack
        return left

    def _search(
        self,
        boxes: Region,
        left: dict[int, Flags],
        wanted: Labels,
        instances: Indices,
        budget: int,
        confirm: Confirm,
        found: Decided,
    ) -> None:
        """Searches some instances, whose questions to the model are put together."""
        running = []
        for one in instances.tolist():
            search = Search(self._ensemble, int(wanted[one]), budget, int(found.boxes[one]))
            own = slice(*np.searchsorted(boxes.owner, [one, one + 1]))
            running.append(_Running(one, search, _against_all(search, boxes, left, own)))
        for each in running:
            each.go_on(None, found)
        while running := [each for each in running if each.rows is not None]:
            rows = [each.rows for each in running if each.rows is not None]
            ends = np.cumsum([len(some) for some in rows])
            owners = np.repeat([each.instance for each in running], [len(some) for some in rows])
            replies = self._replies(boxes, owners, np.concatenate(rows), wanted, confirm)
            parts = zip(*(np.split(values, ends[:-1]) for values in replies), strict=True)
            for each, part in zip(running, parts, strict=True):
                each.go_on(Replies(*part), found)

    def _replies(
        self, boxes: Region, owners: Indices, rows: Rows, wanted: Labels, confirm: Confirm
    ) -> Replies:
        refutes, moved = confirmed(boxes, owners, rows, confirm)
        as_wanted = np.zeros(len(rows), np.bool_)
        rest = np.flatnonzero(~refutes)
        if len(rest):
            decided = self._classifier.logits(rows[rest]).argmax(axis=1)
            as_wanted[rest] = decided == wanted[owners[rest]]
        return Replies(refutes, as_wanted, moved)


@dataclass
class _Running:
    """The search of one instance.

    Args:
        instance: Which.
        search: Its state.
        asking: What goes on with it.
        rows: What the model is to be asked about; None where the search has ended.
    """

    instance: int
    search: Search
    asking: Asking
    rows: Rows | None = None

    def go_on(self, replies: Replies | None, found: Decided) -> None:
        """Searches up to the next question, or to the end, which is written down."""
        try:
            self.rows = self.asking.send(replies)  # type: ignore[arg-type]  # None begins
        except StopIteration as end:
            self.rows = None
            found.proof[self.instance] = end.value
            if self.search.witness is not None:
                found.witness[self.instance] = self.search.witness
        found.boxes[self.instance] = self.search.boxes


def _against_all(search: Search, boxes: Region, left: dict[int, Flags], own: slice) -> Asking:
    """Searches one instance against every class that its bounds leave a chance."""
    proof = Proof.PROVEN
    here = np.arange(len(boxes))[own]
    for other, flags in left.items():
        some = here[flags[own]]
        if len(some):
            found = yield from search.against(other, boxes.where(some))
            if found == Proof.REFUTED:
                return found
            proof = found if found == Proof.OPEN else proof
    return proof
