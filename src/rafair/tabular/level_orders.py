"""Whether levels look as if they had an order, and which."""

from __future__ import annotations

import re
from collections.abc import Sequence

SCALES: tuple[tuple[str, ...], ...] = (
    ("none", "very low", "low", "medium low", "medium", "medium high", "high", "very high"),
    ("very low", "low", "moderate", "high", "very high"),
    ("low", "mid", "high"),
    ("none", "mild", "moderate", "severe", "critical"),
    ("very small", "small", "medium", "large", "very large"),
    ("xs", "s", "m", "l", "xl", "xxl"),
    ("very poor", "poor", "fair", "average", "good", "very good", "excellent"),
    ("very bad", "bad", "neutral", "good", "very good"),
    ("never", "rarely", "seldom", "sometimes", "often", "usually", "always"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"),
    ("not", "slightly", "mildly", "moderately", "fairly", "strongly", "extremely"),
    ("none", "little", "moderate", "quite rich", "rich"),
    ("none", "primary", "secondary", "tertiary"),
    ("unskilled", "skilled", "highly skilled"),
    ("junior", "middle", "senior", "lead"),
    ("bronze", "silver", "gold", "platinum"),
    ("young", "middle-aged", "old"),
    ("child", "teenager", "adult", "senior"),
    ("daily", "weekly", "monthly", "quarterly", "yearly"),
    ("first", "second", "third", "fourth", "fifth"),
    ("i", "ii", "iii", "iv", "v"),
    ("a", "b", "c", "d", "e", "f", "g"),
)
"""Words that people put into an order; a column need not have all of a scale."""

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
DECIMAL = re.compile(r"\d+(?:[.,]\d+)?")
BELOW = re.compile(r"^\s*(?:<|≤|under|below|less than|up to|no more than)", re.IGNORECASE)


def likely_order(levels: Sequence[object]) -> list[str] | None:
    """Levels in the order that they seem to have; None where they seem to have none.

    They do if all of them are words of one scale, or if all of them begin with different numbers,
    as bands do.

    Args:
        levels: The levels, in any order.

    Example:
        >>> likely_order(["high", "low", "medium"])
        ['low', 'medium', 'high']
        >>> likely_order(["25-39", "< 25", "40 and more"])
        ['< 25', '25-39', '40 and more']
        >>> likely_order(["cook", "smith"]) is None
        True
    """
    texts = [level for level in levels if isinstance(level, str)]
    if len(texts) < max(2, len(levels)):
        return None
    words = {level: re.sub(r"[\s_-]+", " ", level.strip().lower()) for level in texts}
    for scale in SCALES:
        plain = [re.sub(r"[\s_-]+", " ", word) for word in scale]
        # one letter is too little to tell a scale from names of groups
        enough = len(texts) >= (3 if max(map(len, plain)) < 4 else 2)
        if enough and all(word in plain for word in words.values()):
            ordered = sorted(texts, key=lambda level: plain.index(words[level]))
            return ordered if len({words[level] for level in texts}) == len(texts) else None
    return _by_numbers(texts)


def _by_numbers(levels: list[str]) -> list[str] | None:
    """Bands in the order of the numbers that they begin with; an open lower end comes first."""
    places = {}
    for level in levels:
        found = NUMBER.search(level)
        if found is None or len(found[0]) == len(level.strip()):
            return None
        if NUMBER.match(level.strip().lstrip("<>=≤≥ ")) is None and BELOW.match(level) is None:
            return None  # a number inside a name, as in "type A 7"
        number = _number(found[0].lstrip("-"))
        if number is None:
            return None  # a version, an address or a date
        places[level] = (number, 0 if BELOW.match(level) else 1)
    ordered = sorted(levels, key=lambda level: places[level])
    return ordered if len(set(places.values())) == len(levels) > 1 else None


def _number(text: str) -> float | None:
    """The number that digits, dots and commas say; None where they say none, as 1.10.2 does."""
    if THOUSANDS.fullmatch(text):
        return float(text.replace(",", ""))
    return float(text.replace(",", ".")) if DECIMAL.fullmatch(text) else None
