"""JSON as its standard has it, without what Python's reader takes besides."""

from __future__ import annotations

import json
from typing import Any, Never

from rafair.models.http.scores import Malformed
from rafair.visible import shortened


def strict_json(content: bytes) -> Any:
    """What a JSON text says.

    Args:
        content: The text, in UTF-8, -16 or -32.

    Raises:
        Malformed: If an object has a key twice, of which nobody can say which counts; or for NaN
            and Infinity, which JSON does not know.
        ValueError: If it is no JSON.
        RecursionError: If it is nested too deeply.

    Example:
        >>> strict_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        rafair.models.http.scores.Malformed: an answer that says 'a' twice
    """
    return json.loads(content, object_pairs_hook=_object, parse_constant=_refuse)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Malformed(f"an answer that says '{shortened(key)}' twice")
        found[key] = value
    return found


def _refuse(constant: str) -> Never:
    raise Malformed(f"an answer with {constant}, which is no number in JSON")
