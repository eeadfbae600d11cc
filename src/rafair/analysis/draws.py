"""What drawing some counterparts, instead of asking all of them, would have seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom


def chance_unseen(
    disagreeing: NDArray[np.int64], others: NDArray[np.int64], drawn: int
) -> NDArray[np.float64]:
    """The chance that none of the counterparts that disagree is among those drawn.

    With D of N counterparts disagreeing and m of them drawn without replacement it is
    C(N - D, m) / C(N, m): hypergeometric. Where fewer than m exist, all are drawn.

    Args:
        disagreeing: How many counterparts disagree, D; shape `(n,)`.
        others: How many counterparts there are besides the row itself, N; shape `(n,)`.
        drawn: How many are drawn, m.

    Returns:
        Chances; shape `(n,)`.

    Example:
        >>> chance_unseen(np.array([0, 2, 9]), np.array([10, 10, 10]), 4).round(4).tolist()
        [1.0, 0.3333, 0.0]
    """
    few = np.minimum(drawn, others)
    chances: NDArray[np.float64] = hypergeom.pmf(0, others, disagreeing, few)
    return chances
