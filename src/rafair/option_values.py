"""What is typed for options, as the values that Python takes; readers get name and text."""

from __future__ import annotations

import csv

from rafair.errors import InputError


def listed(text: str) -> tuple[str, ...]:
    """Names that the user separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def names(option: str, text: str) -> tuple[str, ...]:
    """Names that the user separated by commas, at least one, each once.

    Raises:
        InputError: If there is none, or one comes twice.

    Example:
        >>> names("judges", "pgd, apgd")
        ('pgd', 'apgd')
    """
    found = listed(text)
    if not found or len(set(found)) != len(found):
        raise InputError(f"{option}: expected names, each once, separated by commas, got '{text}'")
    return found


def columns(option: str, text: str) -> tuple[str, ...]:
    """The names of columns, at least one, each once.

    Raises:
        InputError: If there is none, or one comes twice.
    """
    found = listed(text)
    if len(set(found)) != len(found):
        raise InputError(f"{option}: expected each column once, got '{text}'")
    if not found:
        raise InputError(f"{option}: expected the names of columns, got '{text}'")
    return found


def fields(option: str, text: str) -> tuple[str, ...]:
    """Texts that the user separated by commas, those with commas of their own in quotes."""
    return tuple(next(csv.reader([text], skipinitialspace=True)))


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers that the user separated by commas, at least one.

    Raises:
        InputError: If there is none, or one cannot be read.
    """
    try:
        found = tuple(float(part) for part in listed(text))
    except ValueError:
        found = ()
    if not found:
        raise InputError(f"{option}: expected numbers separated by commas, got '{text}'")
    return found


def count_or_all(option: str, text: str) -> int | None:
    """A whole number, or None for all.

    Raises:
        InputError: If it is neither.

    Example:
        >>> count_or_all("instances", "20"), count_or_all("instances", "all")
        (20, None)
    """
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{option}: expected a whole number or all, got '{text}'") from error


def gradient_rows(option: str, text: str) -> int:
    """The number of `gradient_rows=N`.

    Raises:
        InputError: If it is something else.
    """
    name, _, number = text.partition("=")
    try:
        if name.strip() != "gradient_rows":
            raise ValueError
        return int(number)
    except ValueError as error:
        raise InputError(
            f"{option}: expected gradient_rows=N with a whole number, got '{text}'"
        ) from error


def sizes(option: str, text: str) -> float | dict[str, float]:
    """A number, or one for each feature that is named.

    Raises:
        InputError: If one cannot be read, or a feature comes twice.

    Example:
        >>> sizes("epsilon", ".1"), sizes("epsilon", "age=.1,pay=.2")
        (0.1, {'age': 0.1, 'pay': 0.2})
    """
    if "=" not in text:
        return _number(option, text)
    found: dict[str, float] = {}
    for part in text.split(","):
        feature, _, size = part.partition("=")
        if feature.strip() in found:
            raise InputError(f"{option}: expected each feature once, got '{feature.strip()}' twice")
        found[feature.strip()] = _number(option, size)
    return found


def bands(option: str, texts: list[str]) -> dict[str, list[float]]:
    """Edges by feature, of `NAME=EDGE,EDGE` each.

    Raises:
        InputError: If one cannot be read, or a feature comes twice.
    """
    found: dict[str, list[float]] = {}
    for text in texts:
        feature, _, edges = text.rpartition("=")  # a name may hold the sign, a number cannot
        feature = feature.strip()
        if not feature or not edges.strip():
            raise InputError(f"{option}: expected NAME=EDGE,EDGE, got '{text}'")
        if feature in found:
            raise InputError(f"{option}: expected each feature once, got '{feature}' twice")
        found[feature] = [_edge(option, feature, edge) for edge in edges.split(",")]
    return found


def threshold(option: str, text: str) -> dict[str, float]:
    """A class and a number, from `approved=0.2`; the name itself may have an equals sign.

    Raises:
        InputError: If it is something else.
    """
    name, _, number = text.rpartition("=")
    try:
        if not name.strip():
            raise ValueError
        return {name.strip(): float(number)}
    except ValueError as error:
        raise InputError(f"{option}: expected CLASS=P, as in approved=0.2, got '{text}'") from error


def _edge(option: str, feature: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option} of '{feature}': expected numbers, got '{text}'") from error


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"{option}: expected a number, or NAME=NUMBER,NAME=NUMBER, got '{text}'"
        ) from error
