"""Which columns of a table are one-hot groups: truth values of one name, one of which is true."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEPARATORS = "_=.:-/ "
"""What may stand between the name of a group and that of a level."""


SHORTEST = 4
"""Letters that names of a group begin with alike where nothing separates them from the rest."""


def find_groups(frame: pd.DataFrame) -> dict[str, str]:
    """The group of each column that belongs to one.

    A group is two or more columns of 0 and 1, or of truth values, whose names begin alike, by four
    letters or up to a separator, and whose sum is one in every row. Of overlapping groups, the
    largest counts.

    Args:
        frame: The rows.

    Example:
        >>> frame = pd.DataFrame({"job_cook": [1, 0], "job_smith": [0, 1], "job_since": [3, 4]})
        >>> find_groups(frame)
        {'job_cook': 'job', 'job_smith': 'job'}
    """
    truths = {name: truth for name in frame.columns if (truth := _truth(frame[name])) is not None}
    candidates: defaultdict[str, list[str]] = defaultdict(list)
    for name in truths:
        for place, letter in enumerate(name):
            if (letter in SEPARATORS and 0 < place < len(name) - 1) or (
                place >= SHORTEST and name[:place].isalpha()
            ):
                candidates[name[:place]].append(name)
    groups: dict[str, str] = {}
    # of names for the same columns the longest, as in marital_status and marital
    for prefix in sorted(candidates, key=lambda name: (-len(candidates[name]), -len(name))):
        names = candidates[prefix]
        if len(names) < 2 or any(name in groups for name in names):
            continue
        if (np.sum([truths[name] for name in names], axis=0) == 1).all():
            groups |= dict.fromkeys(names, prefix)
    return {name: groups[name] for name in frame.columns if name in groups}


def _truth(series: pd.Series[Any]) -> NDArray[np.float64] | None:
    """A column as zeros and ones, if it is one of 0 and 1 or of truth values without a gap."""
    if not pd.api.types.is_numeric_dtype(series):  # truth values are numbers to pandas
        return None
    values = series.to_numpy(np.float64, na_value=np.nan)
    return values if np.isin(values, (0, 1)).all() else None
