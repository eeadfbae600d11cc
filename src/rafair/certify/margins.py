"""What a class must exceed for a network to decide for it: differences of logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rafair.certify.network_layers import TINY, UNIT, Layers
from rafair.models.decision import Threshold


@dataclass(frozen=True)
class Margins:
    """For each class the sums of the last layer's inputs that must be positive.

    Args:
        weights: Shape `(classes, margins, units)`.
        constant: Shape `(classes, margins)`.
        magnitudes: By what rounding of the logits grows with the last layer's inputs; as `weights`.
        lost: What is lost whatever these are; shape `(classes, margins)`.

    Example:
        >>> layers = Layers([torch.tensor([[1.0], [3.0]])], [torch.tensor([0.0, 1.0])])
        >>> margins = Margins.of(layers)
        >>> margins.weights.tolist(), margins.constant.tolist()
        ([[[-2.0]], [[2.0]]], [[-1.0], [1.0]])
    """

    weights: Tensor
    constant: Tensor
    magnitudes: Tensor
    lost: Tensor

    @classmethod
    def of(
        cls,
        layers: Layers,
        order: Sequence[int] | None = None,
        threshold: Threshold | None = None,
    ) -> Margins:
        """The margins of a network that decides for its largest logit, or by a threshold.

        Args:
            layers: The network.
            order: Where among its outputs each class stands; None where they are in order.
            threshold: Of a network with two classes.
        """
        weight, bias = layers.weights[-1], layers.biases[-1]
        each = list(range(layers.n_classes)) if order is None else list(order)
        others = [[other for other in each if other != own] for own in each]
        own, other = torch.tensor(each)[:, None], torch.tensor(others)
        constant = bias[own] - bias[other]
        lost = (bias[own].abs() + bias[other].abs()) * layers.lost[-1] + 2 * TINY
        if threshold is not None:
            signs = torch.full((len(each), 1), 1.0, dtype=bias.dtype)
            signs[threshold.place] = -1
            constant = constant + signs * threshold.offset
            lost = lost + _lost_by(threshold)
        return cls(
            weight[own] - weight[other],
            constant,
            (weight[own].abs() + weight[other].abs()) * layers.lost[-1],
            lost,
        )


def _lost_by(threshold: Threshold) -> float:
    """How far a logit is from where a threshold of probabilities, which are rounded, decides.

    A probability loses some units of itself in its exponential, its sum and its quotient, and as
    many as its exponent is large; its slope over the logit is `p·(1 − p)`.
    """
    chance = min(max(threshold.at, 0.0), 1.0) if threshold.odds else 0.5
    least = max(min(chance, 1 - chance), 1e-30)
    return (64 + 4 * abs(threshold.offset)) * UNIT / least
