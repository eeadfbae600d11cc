"""The order of the tables' rows, and how attacks are called in print."""

from __future__ import annotations

from collections.abc import Iterable

from rafair.attacks.registry import UNIONS
from rafair.results.run_files import CLEAN

UNION = "rafair"
GOALS = UNIONS[UNION]
MEAN = "mean"
"""Stands where others have a data set's name: the mean over data sets."""

PRINTED = {
    CLEAN: "clean seeds",
    "rafair-tb": "RAFair TB",
    "rafair-ff": "RAFair FF",
    "rafair-fb": "RAFair FB",
    UNION: "RAFair",
    "apgd": "APGD",
    "acg": "ACG",
    "adf": "ADF",
    "eidig": "EIDIG",
    "dice": "DICE",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "noise": "noise",
    "worst-counterpart": "worst counterpart",
    "strongest": "strongest",
}


def in_paper_order(attacks: Iterable[str]) -> list[str]:
    """The attacks in the order of the paper's tables; any it does not know come last.

    Example:
        >>> in_paper_order(["fgsm", "another", "clean", "apgd", "rafair"])
        ['clean', 'rafair', 'apgd', 'fgsm', 'another']
    """
    places = {name: place for place, name in enumerate(PRINTED)}
    return sorted(dict.fromkeys(attacks), key=lambda name: places.get(name, len(places)))


def printed(attack: str) -> str:
    """An attack's name as tables print it."""
    return PRINTED.get(attack, attack)
