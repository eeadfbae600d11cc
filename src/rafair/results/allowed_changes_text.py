"""How far features may move, in words."""

from __future__ import annotations

from collections.abc import Mapping

from rafair.results.audit_record import LargestMove
from rafair.sanitize import shortened
from rafair.tabular.schema import Feature, Schema

MOST_NAMED = 5


def moves_in_words(moves: Mapping[str, LargestMove], schema: Schema, most: int = MOST_NAMED) -> str:
    """The largest moves of the features on which most depends; empty where nothing may move.

    Those that have a size are named first: of a category there is nothing to say but that it moves.

    Args:
        moves: How far each feature may move.
        schema: The features.
        most: How many are named.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> pay = Feature(name="pay", kind="integer", minimum=0, maximum=9, unit="EUR a month")
        >>> schema = Schema(features=(pay,), label="y", classes=("no", "yes"))
        >>> moves_in_words({"pay": LargestMove(1310.0)}, schema)
        'pay ± 1,310 EUR a month'
    """
    first = sorted(moves.items(), key=lambda item: item[1].by is None)[:most]
    named = [f"{shortened(name)} {move_in_words(move, schema[name])}" for name, move in first]
    more = len(moves) - len(named)
    others = [f"and {more} more {'feature' if more == 1 else 'features'}"] if more else []
    return ", ".join([*named, *others])


def move_in_words(move: LargestMove, feature: Feature) -> str:
    """How far one feature may move."""
    if move.by is None:
        return "to another level"
    by = float(f"{move.by:.3g}")
    levels = "" if feature.kind.is_number else "level" if by == 1 else "levels"
    return f"± {by:,.12g} {shortened(feature.unit or levels)}".rstrip()
