"""Times as a user writes them."""

from __future__ import annotations

import re

from rafair.errors import InputError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
FOREVER, NOT_AT_ALL = "forever", "0s"


def seconds_of(option: str, text: str) -> float:
    """A time that the user gave.

    Raises:
        InputError: If it is none.

    Example:
        >>> seconds_of("patience", "90s"), seconds_of("patience", "1.5h")
        (90.0, 5400.0)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if not found or float(found[1]) <= 0:
        raise InputError(
            f"{option}: expected a time above 0, such as 90s, 15m, 1h or 1d, got '{text}'"
        )
    return float(found[1]) * UNITS[found[2]]


def patience_of(text: str) -> float | None:
    """How long to wait for what is away; None for ever.

    Raises:
        InputError: If it is no time.

    Example:
        >>> patience_of("60s"), patience_of("0s"), patience_of("forever")
        (60.0, 0.0, None)
    """
    if text.strip() in (FOREVER, NOT_AT_ALL):
        return None if text.strip() == FOREVER else 0.0
    return seconds_of("patience", text)
