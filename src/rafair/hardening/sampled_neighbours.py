"""Counterparts and small changes of a row, drawn at random for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rafair.search.step_length import REACH
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerFeature, PerturbationSet
from rafair.tabular.schema import Schema

LossOfRows = Callable[[Tensor], Tensor]
"""From rows `(n, d)` to the loss of each, `(n,)`."""


@dataclass(frozen=True)
class Neighbourhood:
    """Boxes around training rows, and the sensitive values that a row might have instead.

    Args:
        reach: The largest change of each feature, encoded; zero where it may not move; `(d,)`.
        columns: The positions of the sensitive features.
        domains: For each of them its encoded values.
        share: How much of `reach` counts, from 0 to 1: schedules raise it.
    """

    reach: Tensor
    columns: tuple[int, ...]
    domains: tuple[Tensor, ...]
    share: float = 1.0

    @classmethod
    def of(cls, schema: Schema, epsilon: PerFeature) -> Neighbourhood:
        """What a schema allows, with moves of at most `epsilon`.

        Raises:
            InputError: If a number is out of range, nothing may move, or nothing is sensitive.
        """
        counterparts = Counterparts.of(schema)
        reach = torch.from_numpy(PerturbationSet.of(schema, epsilon).epsilon.copy())
        domains = tuple(torch.from_numpy(domain.copy()) for domain in counterparts.domains)
        return cls(reach, counterparts.columns, domains)

    def bounds(self, centre: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest value of each feature around rows `(n, d)`; alike.

        A missing value has nowhere to go.
        """
        reach = torch.where(centre >= 0, self.reach * self.share, 0.0)
        free = reach > 0
        lower = torch.where(free, (centre - reach).clamp(min=0), centre)
        upper = torch.where(free, (centre + reach).clamp(max=1), centre)
        return lower, upper

    def somewhere(self, centre: Tensor, randomness: torch.Generator) -> Tensor:
        """A random point of each row's box; shape `(n, d)`."""
        lower, upper = self.bounds(centre)
        return lower + (upper - lower) * torch.rand(centre.shape, generator=randomness)

    def counterparts(self, rows: Tensor, n: int, randomness: torch.Generator) -> Tensor:
        """Each row itself, and `n - 1` of its counterparts drawn at random; shape `(m, n, d)`."""
        drawn = rows[:, None].repeat(1, n, 1)
        for column, domain in zip(self.columns, self.domains, strict=True):
            places = torch.randint(len(domain), (len(rows), n - 1), generator=randomness)
            drawn[:, 1:, column] = domain[places]
        return drawn

    def uphill(self, rows: Tensor, centre: Tensor, loss: LossOfRows, steps: int) -> Tensor:
        """One of `steps` steps along the sign of the loss's gradient, inside the boxes.

        Sensitive values stay those of `rows`.

        Args:
            rows: Where the step starts; shape `(n, d)`.
            centre: The rows at the centre of the boxes, of any sensitive values.
            loss: What is to grow.
            steps: How many such steps there are in all.
        """
        at = rows.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(loss(at).sum(), at)
        length = REACH * self.share / steps * self.reach
        lower, upper = self.bounds(centre)
        moved = torch.minimum(torch.maximum(rows + length * slope.sign(), lower), upper)
        for column in self.columns:
            moved[:, column] = rows[:, column]
        return moved.detach()


def worst_of(drawn: Tensor, loss: LossOfRows) -> Tensor:
    """Of each row's counterparts `(m, n, d)` the one with the largest loss; shape `(m, d)`."""
    m, n, d = drawn.shape
    with torch.no_grad():
        losses = loss(drawn.reshape(m * n, d)).reshape(m, n)
    return drawn[torch.arange(m), losses.argmax(dim=1)]
