"""Checks of single arguments, with one sentence pattern for what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rafair.errors import InputError, UnknownNameError


def check_whole(name: str, value: Any, low: int, high: int) -> int:
    """Returns `value` as a whole number between `low` and `high`, both included.

    Raises:
        InputError: If it is not one.

    Example:
        >>> check_whole("steps", 20, 1, 10_000)
        20
    """
    whole = not isinstance(value, bool) and _is_number(value) and float(value).is_integer()
    if not whole or not low <= value <= high:
        raise InputError(f"{name}: expected a whole number from {low:,} to {high:,}, got {value!r}")
    return int(value)


def check_real(
    name: str, value: Any, low: float, high: float, *, low_included: bool = False
) -> float:
    """Returns `value` as a finite number above `low` (or equal, if included) and up to `high`.

    Raises:
        InputError: If it is not one.

    Example:
        >>> check_real("step_size", 0.01, 0, 1)
        0.01
    """
    good = not isinstance(value, bool) and _is_number(value)
    if not good or not (low <= value if low_included else low < value) or value > high:
        bound = "from" if low_included else "above"
        raise InputError(f"{name}: expected a number {bound} {low:g} up to {high:g}, got {value!r}")
    return float(value)


def check_name(what: str, name: str, known: Iterable[str]) -> str:
    """Returns `name` if it is one of `known`.

    Raises:
        UnknownNameError: If it is not; the message says the nearest known name.

    Example:
        >>> check_name("loss", "margin", ["cross-entropy", "margin"])
        'margin'
    """
    known = list(known)
    if name not in known:
        raise UnknownNameError(what, str(name), known)
    return name


BOOLEANS = {"true": True, "false": False}


def read_value(what: str, kind: str, text: str) -> Any:
    """The text as a value of the type that a field is annotated with.

    Args:
        what: What the value is of.
        kind: The annotation, such as `"int"` or `"float | None"`.
        text: What was given.

    Raises:
        InputError: If it cannot be read as one.

    Example:
        >>> read_value("steps", "int", "20"), read_value("start", "bool", "false")
        (20, False)
    """
    if "None" in kind and text == "none":
        return None
    try:
        if kind.startswith("bool"):
            return BOOLEANS[text.lower()]
        if kind.startswith("int"):
            return int(text)
        return float(text) if kind.startswith("float") else text
    except (KeyError, ValueError) as error:
        expected = {"bool": "true or false", "int": "a whole number"}.get(kind[:4].strip(), "")
        raise InputError(f"{what}: expected {expected or 'a number'}, got '{text}'") from error


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False
