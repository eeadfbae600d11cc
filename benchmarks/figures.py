"""What a figure is: the median of some rounds with its spread, in a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True)
class Unit:
    """What a figure counts.

    Args:
        name: Its name in tables and files.
        meaning: What that is short for.
        higher_is_better: Whether more of it is better.
    """

    name: str
    meaning: str
    higher_is_better: bool = False


SHARE = Unit(
    "share",
    "operations per second as a share of the product's, counted as if every counterpart were "
    "computed: two per weight forward, four with the gradient",
    higher_is_better=True,
)
STEP = Unit("Mop/step", "millions of the product's operations that fit into an instance's step")
ROW = Unit(
    "Mop/row",
    "millions of the product's operations that fit into a row's epoch of training, on one thread",
)
AUDIT = Unit(
    "Top/audit", "millions of millions of the product's operations that fit into a whole audit"
)
MEMORY = Unit("MiB", "peak memory of an audit, the one figure that is no ratio")

UNITS = {unit.name: unit for unit in (SHARE, STEP, ROW, AUDIT, MEMORY)}


class Figure(BaseModel):
    """The median of some rounds, and the quartiles around it.

    Args:
        unit: The name of its unit.
        ratio: The median.
        low: The lower quartile.
        high: The upper quartile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: str
    ratio: float = Field(gt=0)
    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Figure:
        if not self.low <= self.ratio <= self.high:
            raise ValueError("expected low <= ratio <= high")
        return self

    @classmethod
    def of(cls, values: Sequence[float], unit: Unit) -> Figure:
        """The figure of some rounds, to four digits."""
        low, ratio, high = (float(f"{x:.4g}") for x in np.quantile(values, [0.25, 0.5, 0.75]))
        return cls(unit=unit.name, ratio=ratio, low=low, high=high)
