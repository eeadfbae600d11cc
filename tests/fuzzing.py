"""Inputs that went wrong on the way, or on purpose: bytes, and what JSON holds; drawn by a seed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

WEIRD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**70, -(2**63), 0.5, 1e308, 5e-324, -0.0, "", "abc", "0", "1e400",
    "\u202e", "\ud800", "../../x", "::error::x", "a" * 5000, [], {}, [[]], [None], {"a": 1},
    {"": {"": []}}, [1, 2, 3], "NaN", "Infinity", "true", 12345678901234567890123456789,
)  # fmt: skip
"""Values that stand where another kind is expected."""

SIGNS = b'"[]{}=,\n\0\xff-.eE'
"""Bytes that mean something to a reader."""

Random = np.random.Generator


def fuzzed_bytes(content: bytes, random: Random) -> bytes:
    """A few bytes flipped, lost, doubled, moved or strewn in; or the end cut off."""
    found = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        place = int(random.integers(0, max(len(found), 1)))
        length = int(random.integers(1, 40))
        piece = bytes(found[place : place + length])
        match int(random.integers(7)):
            case 0 if found:
                found[min(place, len(found) - 1)] ^= 1 << int(random.integers(8))
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = piece * int(random.integers(1, 30))
            case 3:
                found[place : place + length] = random.bytes(length)
            case 4:
                del found[place:]
            case 5:
                found[place : place + length] = b"9" * length
            case _:
                found[place:place] = bytes(
                    random.choice(list(b'"[]{}=,\n\0\xff-.eE')) for _ in "ab"
                )
    return bytes(found)


def fuzzed_json(document: Any, random: Random) -> Any:
    """One to three values, anywhere in a document, gone, renamed, or something else."""
    found = copy.deepcopy(document)
    for _ in range(int(random.integers(1, 4))):
        places = [place for place in _places(found) if place[0]]
        if not places:
            break
        holder, key = places[int(random.integers(len(places)))]
        if key not in holder and isinstance(holder, dict):
            continue
        match int(random.integers(5)):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.extend(holder[:50])
            case _:
                holder[key] = copy.deepcopy(WEIRD[int(random.integers(len(WEIRD)))])
    return found


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key in a document, each section as likely as its size."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs) if isinstance(value, dict | list) else []:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
