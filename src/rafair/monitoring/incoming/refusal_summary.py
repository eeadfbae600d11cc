"""Why records were refused, summed up: one line for each column and kind of fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from rafair.monitoring.stream_record import Refusal, Refused

MOST_FAULTS = 20
"""How many lines a window tells; a hostile stream could have one for each record."""

FOUND = ", found "
KINDS_OF_THEIR_OWN = ("no such column", "a missing value", "none")
"""What is found that is no example of other values."""

_ID = re.compile(r"(?:label of )?(id .*): expected (once|one label|the values|the one)\b.*", re.S)
_TWICE = {
    "once": "one row of each",
    "the values": "one row of each",
    "one label": "one label of each",
    "the one": "one label of each",
}
"""What contradicts is told alike, whether both were read at once or one of them before."""

_JSON = "expected JSON: "


def fault_of(sentence: str) -> tuple[str, str]:
    """The kind of a fault, equal for all records that have it, and what was there.

    Args:
        sentence: One reason of a refusal: where, what was expected, and what was found.

    Example:
        >>> fault_of("column 'age': expected a number from 20 to 40, found 'old'")
        ("column 'age': expected a number from 20 to 40", "'old'")
        >>> fault_of("column 'age': expected a number from 20 to 40, found no such column")
        ("column 'age': expected a number from 20 to 40, found no such column", '')
        >>> fault_of("id 'a-17': expected once, found again with other values")
        ('id: expected one row of each', "others of id 'a-17'")
    """
    if of_id := _ID.fullmatch(sentence):
        return f"id: expected {_TWICE[of_id[2]]}", f"others of {of_id[1]}"
    if sentence.startswith(_JSON):
        why = sentence.removeprefix(_JSON)
        return _JSON.removesuffix(": "), f"text that is none ({why})"
    kind, _, there = sentence.partition(FOUND)
    return (sentence, "") if there in KINDS_OF_THEIR_OWN else (kind, there)


def summed(refused: Iterable[Refused]) -> list[Refusal]:
    """What is wrong with refused records, the most frequent first.

    A record with several faults counts for each of them. In what order they came is all the same:
    it may be another one after a restart.

    Example:
        >>> bad = [Refused("-", n, f"column 'a': expected 1, found {n}", "") for n in (5, 6)]
        >>> summed(bad)
        [Refusal(reason="column 'a': expected 1", count=2, example='5')]
    """
    counts, examples = Counter[str](), dict[str, str]()
    for one in sorted(refused, key=lambda one: (one.source, one.number)):
        for sentence in one.faults or (one.reason,):
            kind, there = fault_of(sentence)
            examples.setdefault(kind, there)
            counts[kind] += 1
    found = [Refusal(kind, count, examples[kind]) for kind, count in counts.items()]
    return sorted(found, key=lambda one: (-one.count, one.reason))[:MOST_FAULTS]
