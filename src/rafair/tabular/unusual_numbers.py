"""Numbers that may be none: outliers, and what stands for a missing value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.scales import USUAL, usual_spread

FAR = 10
"""How many usual spreads away from what is usual a value is an outlier."""

FEWEST = 30
"""Of fewer rows, percentiles say little."""

NINES = frozenset(
    float(f"{sign}{digit * n}") for sign in "+-" for digit in "98" for n in range(2, 9)
)
"""What people write where they know no number: 99, 999999, -88."""

APART = 2
"""How many usual spreads such a number lies away from all others, where it is none."""


@np.errstate(over="ignore", invalid="ignore")
def unusual(values: NDArray[np.float64]) -> list[str]:
    """Sentences about the numbers of a column that a person should look at.

    Args:
        values: Its finite numbers.

    Example:
        >>> print(*unusual(np.array([*range(100), 5000.0])))
        usual: 5 to 95; 1 value lies far outside, up to 5000: epsilon is a share of the usual \
spread, which it does not stretch
    """
    rest, found = stand_ins(values)
    found = [f"{said}? then leave it empty in the file, and say missing = true" for said in found]
    spread = usual_spread(rest)
    if spread is None or len(values) < FEWEST:
        return found
    low, high = np.percentile(rest, USUAL)
    far = (rest > high + FAR * spread) | (rest < low - FAR * spread)
    if n := int(np.count_nonzero(far)):
        most = rest[far][np.abs(rest[far]).argmax()]
        found.append(
            f"usual: {low:.10g} to {high:.10g}; {n:,} {'value lies' if n == 1 else 'values lie'} "
            f"far outside, up to {most:.10g}: epsilon is a share of the usual spread, which "
            f"{'it does' if n == 1 else 'they do'} not stretch"
        )
    return found


@np.errstate(over="ignore", invalid="ignore")
def stand_ins(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """The numbers without those that may stand for a missing value, and sentences about these.

    Args:
        values: The finite numbers of a column.

    Example:
        >>> print(*stand_ins(np.array([*range(50), 9999.0]))[1])
        9999 in 1 row, apart from all others (0 to 49): does it stand for a missing value
    """
    found, rest = [], values
    for end in (values.max(), values.min()) if len(values) >= FEWEST else ():
        others = rest[rest != end]
        if end not in NINES or not len(others):
            continue
        gap = np.abs(others - end).min()
        if gap > APART * (usual_spread(others) or 0.0):
            n = int(np.count_nonzero(rest == end))
            found.append(
                f"{end:.10g} in {n:,} {'row' if n == 1 else 'rows'}, apart from all others "
                f"({others.min():.10g} to {others.max():.10g}): does it stand for a missing value"
            )
            rest = others
    return rest, found
