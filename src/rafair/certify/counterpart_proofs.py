"""Verdicts without enumeration: a proof for a whole box of counterparts where there is one.

A box that is proven to get one class is done with. Of any other, only the part where a linear bound
of the margin is not positive is looked at again: its points one by one where they are few, else cut
in four. A row is settled once no open box begins before the first counterpart that disagrees (and,
where the consensus is wanted, no open box can change it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rafair.certify.boxes import Boxes, Grid
from rafair.certify.counterpart_bounds import PlaneBounds, Planes
from rafair.certify.network_layers import Layers
from rafair.certify.partial_verdicts import NEVER, Findings
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier, Labels
from rafair.models.dense_network import linear_layers
from rafair.models.prediction import predict
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.counterparts import NONE, Counterparts, Indices
from rafair.tabular.encoding import Rows

LEAF = 128
"""Boxes with at most so many doubtful counterparts have their bound evaluated at each of them."""

ENUMERATED = 8
"""Where at most so many of these stay doubtful, they are looked at one by one."""

TAKEN, BY_SIZE = 16, 32
"""How many boxes of a row are bounded at once: in order, and largest first for the consensus."""

CUTS = 2
"""How often a box that is not proven is cut in two before its parts are bounded: four parts spare
the bounds of two halves, most of which would not be proven either."""

PIECE = 128
"""How many boxes a thread bounds at once: fewer cost more time each, more leave the cache."""


class Settled(NamedTuple):
    """What enumeration would say of `n` rows; arrays of shape `(n,)` as in `Observation`.

    Args:
        done: Whether the row is settled; where not, the other entries mean nothing.
        fair: Whether no counterpart disagrees.
        disagreeing: The index of the first counterpart that disagrees, else -1.
        disagreeing_prediction: Its predicted class, else -1.
        consensus: The class predicted most often, ties to the lowest; -1 where it was not wanted.
        boxes: How many boxes were bounded.
        points: How many counterparts were looked at one by one.
        predicted: How many of them had to be predicted as enumeration does.
    """

    done: NDArray[np.bool_]
    fair: NDArray[np.bool_]
    disagreeing: Indices
    disagreeing_prediction: Indices
    consensus: Indices
    boxes: Indices
    points: Indices
    predicted: Indices


@dataclass(frozen=True)
class Proofs:
    """Settles rows by boxes of counterparts.

    Args:
        bounds: Bounds of the model's margins, over the sensitive columns.
        counterparts: The counterparts of a row.
        predict: The classes of rows, as enumeration predicts them.
        workers: The open pool of threads to compute with.
        chunk_rows: So many rows are predicted at once, if there are so many.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> with torch.no_grad():
        ...     _ = layer.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        ...     _ = layer.bias.copy_(torch.tensor([0.0, -0.5]))
        >>> counterparts = Counterparts([0], [np.linspace(0, 1, 1000, dtype=np.float32)])
        >>> rows = np.zeros((1, 2), np.float32)
        >>> with Workers(1) as workers:
        ...     proofs = Proofs.of(TorchClassifier(layer), counterparts, workers, chunk_rows=512)
        ...     settled = proofs.settle(rows, np.array([0]))
        >>> bool(settled.fair[0]), int(settled.disagreeing[0])
        (False, 500)
        >>> int(settled.boxes[0] + settled.points[0]) < 50
        True
    """

    bounds: PlaneBounds
    counterparts: Counterparts
    predict: Callable[[Rows], Labels]
    workers: Workers
    chunk_rows: int

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        counterparts: Counterparts,
        workers: Workers,
        chunk_rows: int,
    ) -> Proofs | None:
        """Proofs for a classifier whose sweeps take chunks of `chunk_rows`.

        None where nothing is known of how it computes: of other models than fully connected ReLU
        networks, other devices than the CPU, and products of less than single precision.
        """
        layers = dense_layers(classifier)
        if not layers or not full_precision():
            return None
        weights = [layer.weight for layer in layers]
        biases = [
            torch.zeros(layer.out_features) if layer.bias is None else layer.bias
            for layer in layers
        ]
        bounds = PlaneBounds(Layers(weights, biases), counterparts.columns)

        def classes(rows: Rows) -> Labels:
            return predict(classifier, rows, workers, chunk_rows)

        return cls(bounds, counterparts, classes, workers, chunk_rows)

    def settle(
        self,
        rows: Rows,
        predictions: Labels,
        *,
        consensus: bool = False,
        budget: int | None = None,
    ) -> Settled:
        """Settles rows.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            predictions: Their own classes, as enumeration predicts them; shape `(n,)`.
            consensus: Whether the class predicted most often is wanted too, which costs more.
            budget: Rows that take more boxes and points than this are given up; None gives up
                none but those whose sums could overflow.
        """
        search = _Search(self, rows, np.asarray(predictions, np.int64), consensus)
        values = (rows, *self.counterparts.domains)
        largest = max(float(np.abs(some).max(initial=0)) for some in values)
        if self.bounds.layers.reliable(torch.full((rows.shape[1],), largest)):
            search.run(NEVER if budget is None else budget)
        return search.settled()


class _Search:
    """Boxes of rows, from one of all counterparts down to what is left in doubt."""

    def __init__(self, proofs: Proofs, rows: Rows, predictions: Labels, consensus: bool) -> None:
        self._proofs, self._rows, self._n = proofs, rows, len(rows)
        self._columns = list(proofs.counterparts.columns)
        self._grid = Grid(proofs.counterparts)
        known = proofs.counterparts.own_index(rows) >= 0
        self._found = Findings(
            predictions, known, proofs.counterparts.size, proofs.bounds.layers.n_classes, consensus
        )
        self._boxes, self._points, self._predicted = np.zeros((3, self._n), np.int64)
        self._given_up = np.ones(self._n, bool)
        self._unsure = np.empty(0, np.int64), np.empty(0, np.int64)

    def run(self, budget: int) -> None:
        """Looks at boxes until all rows are settled, or have cost `budget`."""
        self._given_up[:] = False
        left = Boxes.whole(self._n, self._proofs.counterparts)
        while len((left := self._relevant(left, budget)).row):
            taken, left = self._next(left)
            left = left.and_those(self._look(taken))
            self._predict(len(self._unsure[0]) // self._proofs.chunk_rows * self._proofs.chunk_rows)
        self._predict(len(self._unsure[0]))
        self._found.decide()

    def settled(self) -> Settled:
        """What is known of the rows."""
        fair = self._found.first == NEVER
        return Settled(
            ~self._given_up,
            fair,
            np.where(fair, NONE, self._found.first),
            self._found.first_label,
            self._found.consensus,
            self._boxes,
            self._points,
            self._predicted,
        )

    def _relevant(self, boxes: Boxes, budget: int) -> Boxes:
        """What of the boxes can still change something."""
        self._found.decide()
        counted, first = self._found.undecided[boxes.row], self._found.first[boxes.row]
        matters = counted | (self._grid.first(boxes) < first)
        dear = (self._boxes + self._points >= budget)[boxes.row] & matters
        self._given_up[boxes.row[dear]] = True
        matters &= ~self._given_up[boxes.row]
        boxes = boxes.where(matters)
        return self._grid.before(boxes, np.where(counted, NEVER, first)[matters])

    def _next(self, boxes: Boxes) -> tuple[Boxes, Boxes]:
        """The boxes to look at now, and the others; other rows do not change which."""
        by_size = self._found.undecided[boxes.row]
        rank = np.where(by_size, -boxes.sizes, self._grid.first(boxes))
        boxes = boxes.where(np.lexsort((rank, boxes.row)))
        places = np.arange(len(rank))
        begins = np.where(np.diff(boxes.row, prepend=NONE) > 0, places, 0)
        number = places - np.maximum.accumulate(begins)
        now = number < np.where(self._found.undecided[boxes.row], BY_SIZE, TAKEN)
        return boxes.where(now), boxes.where(~now)

    def _look(self, taken: Boxes) -> Boxes:
        """Looks at boxes; returns those that are still to be looked at."""
        single = taken.sizes == 1
        points = taken.row[single], self._grid.first(taken)[single]
        boxes = taken.where(~single)
        if not len(boxes.row):
            self._look_at(*points)
            return boxes
        planes = self._bound(boxes)
        doubtful = self._grid.doubtful(boxes, planes)
        self._note_around(boxes, doubtful, planes.label)
        some = doubtful.sizes > 0
        boxes, doubtful, planes = boxes.where(some), doubtful.where(some), planes.where(some)
        rows, indices, left = self._few(boxes, doubtful, planes)
        self._look_at(np.append(points[0], rows), np.append(points[1], indices))
        boxes, doubtful, planes = boxes.where(left), doubtful.where(left), planes.where(left)
        self._probe(boxes, planes)
        (_, before), (_, now) = self._grid.spread(boxes), self._grid.spread(doubtful)
        influence = planes.influence * np.divide(now, before, np.zeros_like(now), where=before > 0)
        return self._grid.cut(doubtful, influence, CUTS)

    def _bound(self, boxes: Boxes) -> Planes:
        self._boxes += self._of_rows(boxes.row)
        return self._planes(boxes.row, *self._grid.spread(boxes))

    def _note_around(self, boxes: Boxes, doubtful: Boxes, labels: Labels) -> None:
        """Counts what is proven of boxes: all but the part that is doubtful."""
        self._found.count(boxes.row, labels, boxes.sizes - doubtful.sizes)
        first = self._grid.first_around(boxes, doubtful)
        some = first < NEVER
        self._found.disagree(boxes.row[some], first[some], labels[some])

    def _few(
        self, boxes: Boxes, doubtful: Boxes, planes: Planes
    ) -> tuple[Indices, Indices, NDArray[np.bool_]]:
        """Doubtful counterparts where they are few: rows and indices; and which boxes have more."""
        many = np.ones(len(boxes.row), bool)
        leaf = np.flatnonzero(doubtful.sizes <= LEAF)
        boxes, doubtful, planes = boxes.where(leaf), doubtful.where(leaf), planes.where(leaf)
        owner, indices, places = self._grid.points(doubtful)
        rows = boxes.row[owner]
        proven = self._grid.positive(boxes, planes, owner, places)
        counted = self._found.undecided[rows]
        doubt = ~proven & (counted | (indices < self._found.first[rows]))
        few = np.bincount(owner[doubt], minlength=len(leaf)) <= ENUMERATED
        doubt &= few[owner]
        proven &= few[owner]
        self._note(rows[proven], indices[proven], planes.label[owner[proven]])
        many[leaf[few]] = False
        return rows[doubt], indices[doubt], many

    def _probe(self, boxes: Boxes, planes: Planes) -> None:
        """Looks for a first disagreement where the bounds are lowest."""
        some = self._found.first[boxes.row] == NEVER
        some &= ~self._found.undecided[boxes.row]
        # where they are of another class, there most likely is one where they are highest
        some &= planes.label == self._found.predictions[boxes.row]
        boxes, planes = boxes.where(some), planes.where(some)
        indices = self._grid.corner(boxes, planes)
        labels, sure = self._classes(boxes.row, indices)
        self._found.disagree(boxes.row[sure], indices[sure], labels[sure])

    def _look_at(self, rows: Indices, indices: Indices) -> None:
        """Looks at counterparts one by one, and keeps those whose class is not proven."""
        labels, sure = self._classes(rows, indices)
        self._note(rows[sure], indices[sure], labels[sure])
        more_rows, more_indices = rows[~sure], indices[~sure]
        self._unsure = (
            np.append(self._unsure[0], more_rows),
            np.append(self._unsure[1], more_indices),
        )

    def _predict(self, count: int) -> None:
        """Predicts the first `count` counterparts that were kept, as enumeration does.

        Many together: a chunk of the sweeps' shape costs the same for one of them as for all.
        """
        rows, indices = self._unsure[0][:count], self._unsure[1][:count]
        self._unsure = self._unsure[0][count:], self._unsure[1][count:]
        matters = self._found.undecided[rows] | (indices < self._found.first[rows])
        matters &= ~self._given_up[rows]
        rows, indices = rows[matters], indices[matters]
        if len(rows):
            self._predicted += self._of_rows(rows)
            batch = self._rows[rows]
            self._proofs.counterparts.substitute(batch, indices)
            self._note(rows, indices, self._proofs.predict(batch))

    def _note(self, rows: Indices, indices: Indices, labels: Labels) -> None:
        """Notes the classes of counterparts, each of which is met only once."""
        self._found.count(rows, labels, np.ones_like(rows))
        self._found.disagree(rows, indices, labels)

    def _classes(self, rows: Indices, indices: Indices) -> tuple[Labels, NDArray[np.bool_]]:
        """The classes of counterparts, and whether they are proven.

        A proof holds whatever the chunk is that a counterpart would be predicted in, so that only
        those too near to a tie need a chunk of the sweeps' shape.
        """
        self._points += self._of_rows(rows)
        if not len(rows):
            return np.empty(0, np.int64), np.empty(0, bool)
        batch = self._rows[rows]
        self._proofs.counterparts.substitute(batch, indices)
        values = batch[:, self._columns].astype(np.float64)
        planes = self._planes(rows, values, np.zeros_like(values))
        return planes.label, planes.least > 0

    def _planes(
        self,
        rows: Indices,
        centres: NDArray[np.float64],
        radius: NDArray[np.float64],
    ) -> Planes:
        """Bounds over boxes around `centres`, in pieces that threads take."""
        bounds, every = self._proofs.bounds, np.arange(len(rows))
        pieces = [every[at : at + PIECE] for at in range(0, len(rows), PIECE)]

        def bound(piece: Indices) -> Planes:
            lower = self._rows[rows[piece]]
            upper = lower.copy()
            lower[:, self._columns] = centres[piece] - radius[piece]
            upper[:, self._columns] = centres[piece] + radius[piece]
            return bounds.over(lower, upper)

        return Planes.joined(list(self._proofs.workers.map(bound, pieces)))

    def _of_rows(self, rows: Indices) -> Indices:
        """How often each row occurs."""
        return np.bincount(rows, minlength=self._n)


def dense_layers(classifier: Classifier) -> list[nn.Linear] | None:
    """The layers of a fully connected ReLU network on the CPU; None of anything else."""
    # a threshold shifts what the bounds know nothing of
    if not isinstance(classifier, TorchClassifier) or not classifier.decides_by_the_layers:
        return None
    layers = linear_layers(classifier.module)
    return layers if all(layer.weight.device.type == "cpu" for layer in layers) else None


def full_precision() -> bool:
    """Whether torch multiplies single-precision matrices in single precision."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # settings of single backends, which may be lower
        return False
