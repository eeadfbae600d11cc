"""Rates by sensitive group as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rafair.auditing.leading import ACCURATE_FAIRNESS, families
from rafair.reports.contents import Bar, Picture

NOTE = (
    "Accurate fairness: the share that is right and equal. Robust: no violation found within this "
    "budget, neither in the row as it was nor at any step. These are many comparisons of the same "
    "instances: some look large by chance alone."
)


def group_pictures(document: Mapping[str, Any]) -> list[Picture]:
    """Clean and robust accurate fairness by sensitive value or band, a picture for each feature."""
    return [
        Picture(feature, [(value, list(_bars(document, group))) for value, group in groups.items()])
        for feature, groups in document.get("groups", {}).items()
    ]


def _bars(document: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[Bar]:
    yield Bar("as they are", group["clean"][ACCURATE_FAIRNESS])
    for name in families(document):
        robust = group["robust"].get(name)
        if robust:
            yield Bar(f"robust against {name}", robust[ACCURATE_FAIRNESS])
