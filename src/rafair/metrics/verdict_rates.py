"""All rates of an audit, from verdict codes alone.

Verdicts of an attack have shape `(n, T + 1)`: an instance a row, the clean row first. Every
function gives a dictionary of rates, with the keys of `audit.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import Rate, pooled_share, rate, share
from rafair.verdicts import Verdict

Codes = NDArray[np.int8]
Rates = dict[str, Rate | None]
Share = Callable[[NDArray[np.bool_]], Rate | None]

SEVERITY = (Verdict.TRUE_BIASED, Verdict.FALSE_FAIR, Verdict.FALSE_BIASED)
"""The cell of a union is the first of these that any of its attacks reached, else true fair."""


def accurate(codes: Codes) -> NDArray[np.bool_]:
    """Whether each verdict is of a right prediction."""
    result: NDArray[np.bool_] = np.less(codes, Verdict.FALSE_FAIR)
    return result


def fair(codes: Codes) -> NDArray[np.bool_]:
    """Whether each verdict is of a prediction that all counterparts share."""
    result: NDArray[np.bool_] = np.equal(np.remainder(codes, 2), 0)
    return result


def confusion(codes: Codes, measure: Share = share) -> Rates:
    """The seven rates of verdicts of any shape that `measure` takes.

    Example:
        >>> rates = confusion(np.array([0, 0, 1, 2], np.int8))
        >>> rates["accuracy"].count, rates["individual_fairness"].count, rates["true_fair"].count
        (3, 3, 2)
    """
    cells = {verdict.name.lower(): measure(codes == verdict) for verdict in Verdict}
    return {
        "accuracy": measure(accurate(codes)),
        "individual_fairness": measure(fair(codes)),
        "accurate_fairness": cells["true_fair"],
        **cells,
    }


def confusion_of_counts(cells: NDArray[np.int64]) -> Rates:
    """The seven rates where only the number of rows in each cell is known; shape `(4,)`.

    Example:
        >>> rates = confusion_of_counts(np.array([2, 1, 1, 0]))
        >>> rates == confusion(np.array([0, 0, 1, 2], np.int8))
        True
    """
    codes = np.array(list(Verdict), np.int8)
    total = int(cells.sum())
    return confusion(codes, lambda holds: rate(int(cells[holds].sum()), total))


def iterates(codes: Codes, seed: int) -> Rates:
    """The seven rates of all iterates pooled, clean rows left out."""
    return confusion(codes[:, 1:], lambda holds: pooled_share(holds, seed))


def robust(codes: Codes) -> Rates:
    """The shares of instances whose clean row and every iterate are accurate, fair, both."""
    both = codes == Verdict.TRUE_FAIR
    return {
        "accuracy": share(np.all(accurate(codes), axis=1)),
        "individual_fairness": share(np.all(fair(codes), axis=1)),
        "accurate_fairness": share(np.all(both, axis=1)),
    }


def exposed(codes: Codes) -> Rates:
    """The shares of instances with at least one iterate in each of the three bad cells."""
    return {
        verdict.name.lower(): share((codes[:, 1:] == verdict).any(axis=1)) for verdict in SEVERITY
    }


def union_outcome(outcomes: Sequence[Codes]) -> Rates:
    """The seven rates of a union's outcomes; one array of shape `(n,)` per attack.

    An instance counts as accurate (fair) if every attack's outcome is, so accuracy is not the sum
    of two cells: an instance in cell "true biased" for one attack may be wrong for another.
    """
    stacked = np.stack(outcomes)
    rates = confusion(union_cells(outcomes))
    rates["accuracy"] = share(np.all(accurate(stacked), axis=0))
    rates["individual_fairness"] = share(np.all(fair(stacked), axis=0))
    return rates


def union_cells(outcomes: Sequence[Codes]) -> Codes:
    """The cell of each instance under a union; shape `(n,)`.

    Example:
        >>> union_cells([np.array([0, 2, 3], np.int8), np.array([0, 1, 0], np.int8)]).tolist()
        [0, 1, 3]
    """
    stacked = np.stack(outcomes)
    conditions = [(stacked == verdict).any(axis=0) for verdict in SEVERITY]
    cells: Codes = np.select(conditions, list(SEVERITY), Verdict.TRUE_FAIR).astype(np.int8)
    return cells


def corrected(before: Codes, after: Codes) -> Rate | None:
    """Of the rows that were not true fair before a repair, the share that are after it."""
    broken = before != Verdict.TRUE_FAIR
    return share(after[broken] == Verdict.TRUE_FAIR)
