"""How the study's figures are written, and its tables with all their digits."""

from __future__ import annotations

import pandas as pd

from rafair.blocks.block_types import Cells
from rafair.blocks.spreadsheet import as_csv

ROUNDING = 1e-9
"""Means that differ by less are equal: sums of the same shares may be rounded differently."""


def frame_csv(frame: pd.DataFrame) -> str:
    r"""A frame with all its digits; what does not exist is empty.

    Example:
        >>> frame_csv(pd.DataFrame({"attack": ["apgd"], "sd": [None]}))
        'attack,sd\napgd,\n'
    """
    columns = [frame[name].tolist() for name in frame]
    rows = [
        [str(one) if is_known(one) else "" for one in row] for row in zip(*columns, strict=True)
    ]
    return as_csv(Cells("", [*map(str, frame)], rows, prose=True))


def is_known(value: object) -> bool:
    """Whether a figure exists; None and NaN say that it does not."""
    return value is not None and value == value


def figure(value: float | None, sd: float | None = None) -> str:
    """A share with three decimals, and its spread where there is one.

    Example:
        >>> figure(0.2236), figure(0.2236, 0.0124), figure(None)
        ('0.224', '0.224 ± 0.012', '–')
    """
    if not is_known(value):
        return "–"
    spread = f" ± {sd:.3f}" if is_known(sd) else ""
    return f"{value:.3f}{spread}"


def signed(value: float | None) -> str:
    """A difference, with its sign.

    Example:
        >>> signed(-0.0512), signed(0.1)
        ('−0.051', '+0.100')
    """
    if not is_known(value):
        return "–"
    return f"{value:+.3f}".replace("-", "−")
