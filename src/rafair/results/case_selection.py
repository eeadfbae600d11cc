"""Which rows of a run are its cases, and which cases are shown first."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from rafair.results.adversarial_rows import StoredRows
from rafair.results.attack_runs import FEASIBLE
from rafair.results.parquet_columns import Numbers
from rafair.results.run_files import CLEAN
from rafair.verdicts import BAD, Verdict

SURPRISE = np.array([0, 1, 2, 2], np.int8)
"""By the cell of the row as it was: true fair broke, a right one did, another."""

KNOWN_BEFORE = 3


def telling_rows(stored: StoredRows, wanted: Collection[Verdict] = BAD) -> tuple[Numbers, Numbers]:
    """The rows that are cases, the most telling first, and for each its row as it was.

    Instances that were true fair as they were come first, those that were in this very cell before
    come last; of equals what could really happen, then what was found in fewer steps. Each instance
    is listed once per cell.

    Args:
        stored: Whose each row is.
        wanted: The cells.

    Returns:
        Numbers of rows, of shape `(cases,)` each.
    """
    attacked = np.array([name != CLEAN for name in stored.attacks], bool)[stored.attack]
    clean = np.flatnonzero(attacked & (stored.step == 0))
    instances, first = np.unique(stored.instance[clean], return_index=True)
    clean = clean[first]
    rows = np.flatnonzero(
        attacked & (stored.step > 0) & np.isin(stored.verdict, [int(cell) for cell in wanted])
    )
    instance, after = stored.instance[rows], stored.verdict[rows]
    as_it_was = clean[np.searchsorted(instances, instance)]
    before = stored.verdict[as_it_was]
    surprise = np.where(before == after, KNOWN_BEFORE, SURPRISE[before])
    # of an attack under both perturbations, what could really happen tells more
    unlikely = np.array([not name.startswith(FEASIBLE) for name in stored.attacks], bool)
    keys = (instance, stored.step[rows], unlikely[stored.attack[rows]], surprise)
    order = np.lexsort(keys)
    once = np.unique(instance[order] * len(Verdict) + after[order], return_index=True)[1]
    chosen = order[np.sort(once)]
    return rows[chosen], as_it_was[chosen]
