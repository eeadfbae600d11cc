"""Names that differ only in spaces, capitals or a dot at the end."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

MOST_SHOWN = 3
"""Sets of such names that a sentence lists."""


def alike(what: str, names: Iterable[Any]) -> list[str]:
    """A sentence about names that differ only by spaces, capitals or a dot at their end, if any do.

    Args:
        what: What the names are of, such as "classes".
        names: The names; what is no text is left out.

    Example:
        >>> alike("classes", ["<=50K", "<=50K.", ">50K"])
        ["classes '<=50K', '<=50K.' differ only by spaces, capitals or a dot at the end: are they \
one? then write them alike"]
        >>> alike("classes", ["no", "yes"])
        []
    """
    sets: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if isinstance(name, str):
            sets[_bare(name)].append(name)
    found = [members for members in sets.values() if len(members) > 1]
    if not found:
        return []
    listed = "; ".join(", ".join(map(repr, members)) for members in found[:MOST_SHOWN])
    more = f"; and {len(found) - MOST_SHOWN:,} more such sets" if len(found) > MOST_SHOWN else ""
    return [
        f"{what} {listed}{more} differ only by spaces, capitals or a dot at the end: are they one? "
        "then write them alike"
    ]


def _bare(name: str) -> str:
    """A name without what people do not tell names apart by."""
    words = unicodedata.normalize("NFKC", name).casefold().split()
    return " ".join(words).rstrip(". ") or name
