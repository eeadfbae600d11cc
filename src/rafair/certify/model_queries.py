"""Questions that certificates ask a model: the class of rows, and whether counterparts disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafair.models.classifier import Labels, Rows


@dataclass(frozen=True)
class Asked:
    """The model's own answers.

    Args:
        classes: The classes of rows.
        disagreeing: Of each row of a shape `(n, d)` a counterpart that gets another class than the
            row, and NaN where none does.
        enumerates: Whether `disagreeing` looks at all counterparts; where there are too many, it
            gives NaN for all rows.
    """

    classes: Callable[[Rows], Labels]
    disagreeing: Callable[[Rows], Rows]
    enumerates: bool = True

    def unlike(self, rows: Rows, classes: Labels) -> Rows:
        """Of each row a counterpart that gets another class, confirmed by a pass of its own.

        Args:
            rows: Shape `(n, d)`.
            classes: What they get; shape `(n,)`.

        Returns:
            Shape `(n, d)`; NaN where there is none.
        """
        if not (len(rows) and self.enumerates):
            return np.full(rows.shape, np.nan, np.float32)
        found = self.disagreeing(rows).astype(np.float32)
        some = np.flatnonzero(~np.isnan(found[:, 0]))
        if some.size:
            agrees = self.classes(found[some]) == classes[some]
            found[some[agrees]] = np.nan
        return found
