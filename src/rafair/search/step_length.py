"""How long steps are where only epsilon is given."""

from __future__ import annotations

REACH = 2.5
"""How far all steps of such a search reach together, in radii of the box, as A. Madry et al.
(ICLR 2018) have it: from any point to any other."""


def following_step(epsilon: float, steps: int) -> float:
    """The length of a step of which `steps` cross a box of this radius, in encoded units.

    Example:
        >>> following_step(0.02, steps=20)
        0.0025
    """
    # 12 digits, so that it reads as what it is
    return min(float(f"{REACH * epsilon / steps:.12g}"), 1.0)
