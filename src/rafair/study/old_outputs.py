"""Files that an earlier call wrote into a reproduction, for other networks or options."""

from __future__ import annotations

from pathlib import Path

DERIVED = (
    "table[34].*",
    "epsilons.*",
    "comparison.csv",
    "quadrants.csv",
    "drawing.csv",
    "networks.csv",
    "cost.csv",
    "figure*-*.*",
    "figures.md",
    "examples.*",
    "reproduction.md",
)
"""Everything but the runs, which take long and say themselves what they are of."""


def remove_leftovers(out: Path) -> list[str]:
    """Removes what can be made again from the runs; says what that was.

    Tables of one network beside a page about five would contradict each other without a word.
    """
    found = sorted(path for pattern in DERIVED for path in out.glob(pattern) if path.is_file())
    for path in found:
        path.unlink()
    return [path.name for path in found]
