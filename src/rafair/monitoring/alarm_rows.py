"""The rows behind an alarm: which they are, and which of them are new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.monitoring.alarm_types import Case, Cases, Fall
from rafair.monitoring.judged_rows import UNLABELLED, Flags, JudgedRows
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.store.stored_values import StoredRows
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, Watched

MOST_LOOKED_AT = 10_000
"""How many rows of earlier windows, the newest, are looked at for one alarm."""

MOST_LISTED = 20
"""How many rows an alarm names: new ones before others, the newest first."""


def first_window(falls: Sequence[Fall]) -> int:
    """The first window whose rows may be behind falls."""
    return min(fall.since for fall in falls)


def cases_of(falls: Sequence[Fall], rows: StoredRows, unseen: int, reference: Reference) -> Cases:
    """What an alarm says of its rows.

    A row counts as wrong when its label comes, whenever it came itself, and as unfair at once. It
    is new if no row of the reference with the same values was a case there.

    Args:
        falls: The rates that fell.
        rows: Rows among which cases are looked for, those of this window among them.
        unseen: How many further cases there are, in earlier windows.
        reference: What they are compared with.
    """
    rates = [Watched.of(fall.rate) for fall in falls]
    since = first_window(falls)
    told = rows.label_windows >= since
    behind = _behind(rates, rows.judged, rows.labels, told, rows.windows >= since)
    known = reference.rows
    always = np.ones(len(known), bool)
    seen = known.keys[_behind(rates, known.judged, known.labels, always, always)]
    new = behind & ~np.isin(rows.keys, seen)
    order = np.lexsort((-rows.windows, ~new))
    chosen = order[behind[order]][:MOST_LISTED]
    return Cases(
        since=since,
        found=int(np.count_nonzero(behind)) + unseen,
        looked_at=int(np.count_nonzero(behind)),
        new=int(np.count_nonzero(new)),
        listed=[
            _described(rows, place, reference, new=bool(new[place])) for place in chosen.tolist()
        ],
    )


def _behind(
    rates: Sequence[Watched],
    judged: JudgedRows,
    labels: NDArray[np.int64],
    told: Flags,
    seen: Flags,
) -> Flags:
    """Whether a row is one of those by which one of some rates is below 1; shape `(n,)`.

    Args:
        rates: The rates.
        judged: What the model did with the rows.
        labels: Their classes; shape `(n,)`.
        told: Whether a row may count for accuracy; shape `(n,)`.
        seen: Whether it may for fairness; shape `(n,)`.
    """
    found = np.zeros(len(judged), bool)
    come = told & (labels != UNLABELLED)
    for rate in rates:
        good = judged.holds(rate.condition, rate.metric, labels)
        found |= (seen if rate.metric == FAIRNESS else come) & ~good
    return found


def _described(rows: StoredRows, place: int, reference: Reference, *, new: bool) -> Case:
    """One row for people."""
    classes, label = reference.schema.classes, int(rows.labels[place])
    judged = rows.judged
    return Case(
        id=rows.ids[place],
        window=int(rows.windows[place]),
        predicted=classes[int(judged.predictions[place])],
        label=None if label == UNLABELLED else classes[label],
        wrong=None
        if label == UNLABELLED
        else not bool(judged.holds(CLEAN, ACCURACY, rows.labels)[place]),
        unfair=[name for name, fair in judged.fair.items() if not fair[place]],
        moved=[name for name, kept in judged.kept.items() if not kept[place]],
        new=new,
    )
