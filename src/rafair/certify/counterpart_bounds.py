"""Linear bounds of margins over boxes of counterparts, at each of which they can be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rafair.certify.bounding_step import OfThread
from rafair.certify.margins import Margins
from rafair.certify.network_layers import Layers
from rafair.models.classifier import Labels, Rows

Numbers = NDArray[np.float64]

STEEP = 1e-3
"""How much a plane's own fall over a feature counts beside what its bound loses by it."""


class Planes(NamedTuple):
    """Linear bounds over `b` boxes in which `k` features vary, for networks of `c` classes.

    Args:
        label: The class predicted at about the centre, whose margins are bounded; shape `(b,)`.
        level: Its margins over every other class exceed these at the box's centre; `(b, c - 1)`.
        slopes: How these bounds change with the features that vary; shape `(b, c - 1, k)`.
        least: The least of these bounds over the box; where positive, the class is proven; `(b,)`.
        influence: What the bounds lose by each feature that varies, and a little of its slope:
            where to cut a box that is not proven; shape `(b, k)`.
    """

    label: Labels
    level: Numbers
    slopes: Numbers
    least: Numbers
    influence: Numbers

    def where(self, chosen: NDArray[Any]) -> Planes:
        """Those of the boxes that a mask, or places, choose."""
        return Planes(*(values[chosen] for values in self))

    @classmethod
    def joined(cls, parts: Sequence[Planes]) -> Planes:
        """Those of all parts, one after the other."""
        return cls(*(np.concatenate(values) for values in zip(*parts, strict=True)))


class PlaneBounds:
    """Bounds over boxes in which only a few features vary.

    Args:
        layers: The network.
        columns: The features that vary.

    Example:
        >>> layers = Layers([torch.tensor([[0.0, 0.0], [1.0, 2.0]])], [torch.tensor([0.0, -1.0])])
        >>> planes = PlaneBounds(layers, [1]).over(np.float32([[0.5, 0.5]]), np.float32([[0.5, 1]]))
        >>> planes.label.tolist(), planes.level.round(4).tolist(), planes.slopes.tolist()
        ([1], [[1.0]], [[[2.0]]])
        >>> planes.least.round(4).tolist()
        [0.5]
    """

    def __init__(self, layers: Layers, columns: Sequence[int]) -> None:
        self.layers, self._columns = layers, list(columns)
        self._of_thread = OfThread(layers, Margins.of(layers), self._columns)

    def over(self, lower: Rows, upper: Rows) -> Planes:
        """Bounds the margins over boxes.

        Args:
            lower: The least values; shape `(b, d)`.
            upper: The largest; likewise.
        """
        with torch.inference_mode():
            ends = torch.from_numpy(lower), torch.from_numpy(upper)
            label, plane, influence = self._of_thread.here.planes(*ends)
            slopes = plane.ends.double().view(len(lower), -1, lower.shape[1])
            centre = (ends[0].double() + ends[1].double()) / 2
            level = (plane.level.double() - plane.slack.double()).view(len(lower), -1)
            level = level + torch.linalg.vecdot(slopes, centre[:, None])
            moved = slopes[..., self._columns]
            # where no unit switches nothing is lost: then the steepest feature decides
            reach = (ends[1].double() - ends[0].double())[:, None, self._columns] / 2
            falls = moved.abs() * reach
            least = (level - falls.sum(dim=2)).amin(dim=1)
            influence = influence.double() + STEEP * falls.amax(dim=1)
            found = (label, level, moved, least, influence)
            return Planes(*(values.numpy() for values in found))
