"""From a perturbation that flips with all its counterparts to one whose counterparts disagree.

Where scores change without jumps, and every row between an instance and its perturbation may be
reached, classes cannot all change at one point unless they all tie there. On the way from the row,
whose counterparts all get one class, to the perturbation, whose counterparts all get another, some
row therefore has counterparts that disagree, but where they tie at the very same point.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.certify.membership import Membership
from rafair.certify.model_queries import Asked
from rafair.models.classifier import Labels, Rows

MOST_HALVINGS = 64
"""Single precision has no more values between two numbers than so many halvings tell apart."""


def bisect(
    asked: Asked, members: Membership, centres: Rows, flips: Rows, classes: Labels
) -> tuple[Rows, Rows]:
    """Rows between instances and their perturbations whose counterparts disagree.

    Args:
        asked: The model's answers.
        members: The rows that instances may become; connected.
        centres: The instances, all of whose counterparts get `classes`; shape `(n, d)`.
        flips: Perturbations of theirs, all of whose counterparts get other ones; likewise.
        classes: Shape `(n,)`.

    Returns:
        The rows, and a counterpart of each that gets another class; NaN where the way ended without
        one, each of shape `(n, d)`.
    """
    rows, others = (np.full(centres.shape, np.nan, np.float32) for _ in range(2))
    near, far = np.zeros(len(centres)), np.ones(len(centres))
    left = np.arange(len(centres))
    for _ in range(MOST_HALVINGS):
        middle = (near[left] + far[left]) / 2
        at = _between(members, centres[left], flips[left], middle)
        new = np.ones(len(left), bool)
        for end in (near[left], far[left]):
            new &= (at != _between(members, centres[left], flips[left], end)).any(axis=1)
        left, at, middle = left[new], at[new], middle[new]
        if not left.size:
            break
        found = asked.classes(at)
        unlike = asked.unlike(at, found)
        some = ~np.isnan(unlike[:, 0])
        rows[left[some]], others[left[some]] = at[some], unlike[some]
        same = found == classes[left]
        near[left[same]], far[left[~same]] = middle[same], middle[~same]
        left = left[~some]
    return rows, others


def _between(members: Membership, centres: Rows, flips: Rows, shares: NDArray[np.float64]) -> Rows:
    """The rows so far on the way; shape `(n, d)`."""
    step = flips.astype(np.float64) - centres
    return members.box.project((centres + shares[:, None] * step).astype(np.float32), centres)
