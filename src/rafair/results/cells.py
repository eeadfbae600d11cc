"""A table as text cells that any format can lay out, and what rates are called in headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = {
    "accuracy": "accuracy",
    "individual_fairness": "indiv. fairness",
    "accurate_fairness": "accurate fairness",
    "true_biased": "true biased",
    "false_fair": "false fair",
    "false_biased": "false biased",
}


@dataclass(frozen=True)
class Cells:
    """One table.

    Args:
        title: What it shows.
        headers: Column names; the first column names the rows.
        rows: The cells; a rate is its value, a line break, and its interval.
        note: How to read it.
        dense: Whether cells are single lines and rows have names of the user's, which are not to
            be cut up.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    dense: bool = False
