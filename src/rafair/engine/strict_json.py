"""JSON that every program reads alike: without what Python's reader takes besides."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rafair.sanitize import shortened


class DoubtfulJsonError(ValueError):
    """JSON of which programs take one thing or another; says what was expected, and found."""


def strict_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Args:
        text: The text; bytes are UTF-8, -16 or -32.

    Raises:
        DoubtfulJsonError: If a key stands twice in an object, or a number is none of JSON.
        ValueError: If it is no JSON (then a `json.JSONDecodeError`), or no text.
        RecursionError: If it is nested too deeply.

    Example:
        >>> strict_json('{"age": 20, "age": 30}')
        Traceback (most recent call last):
        ...
        rafair.engine.strict_json.DoubtfulJsonError: key 'age': expected once, found more than once
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_none, parse_int=_whole)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise DoubtfulJsonError(
                    f"key '{shortened(name)}': expected once, found more than once"
                )
            seen.add(name)
    return found


def _none(text: str) -> NoReturn:
    raise DoubtfulJsonError(f"expected numbers as JSON writes them, found {text}")


def _whole(digits: str) -> int | float:
    # Python refuses to turn thousands of digits into a number; nobody has such numbers
    return int(digits) if len(digits) < 400 else float(digits)
