"""What rows of a stream are called: texts or whole numbers that a store can hold."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

import numpy as np

from rafair.monitoring.stream_record import Record
from rafair.tabular.mixed_values import found, is_missing

LONGEST_ID = 200
EXPECTED = "a text or a whole number"
LARGEST_WHOLE = 2.0**53
"""From here on not every whole number has a float of its own."""

UNSTORABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Control characters, lone surrogates and separators of lines: no store keeps all of them."""


def read_id(value: Any) -> str | None:
    """An id as a text; None where there is none.

    Raises:
        ValueError: If it cannot be one; says what was expected, and found.

    Example:
        >>> read_id("a-17"), read_id(17), read_id(17.0), read_id(None)
        ('a-17', '17', '17', None)
    """
    if type(value) is str and value.isascii() and value.isprintable() and len(value) <= LONGEST_ID:
        return None if is_missing(value) else value
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating) and abs(float(value)) < LARGEST_WHOLE:
        value = int(value) if float(value).is_integer() else value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"expected {EXPECTED}, found {found(value)}")
    if len(value) > LONGEST_ID:
        raise ValueError(
            f"expected at most {LONGEST_ID} characters, found {len(value):,}: {found(value)}"
        )
    if any(unicodedata.category(character) in UNSTORABLE for character in value):
        raise ValueError(f"expected no control characters, found {found(value)}")
    return value


def numbered(record: Record, prefix: str | None = None) -> str:
    """What a row without an id is called: `SOURCE:NUMBER`.

    That is the same whenever the file is read: its name belongs to one content, as a file that
    does not continue what was read under its name is refused.

    Example:
        >>> numbered(Record("may.csv", 17, {}))
        'may.csv:17'
    """
    name = f"{prefix or record.source}:{record.number}"
    if len(name) <= LONGEST_ID:
        return name
    return f"{hashlib.sha256(record.source.encode()).hexdigest()[:16]}:{record.number}"
