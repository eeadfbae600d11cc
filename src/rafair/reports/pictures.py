"""The rates of an audit as pictures: before, under and after perturbation, by group, by feature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rafair.auditing.leading import families
from rafair.auditing.moved import Moved
from rafair.reports.contents import Bar, Picture

METRICS = {
    "accuracy": "Accuracy",
    "individual_fairness": "Individual fairness",
    "accurate_fairness": "Accurate fairness (right and equal)",
}

STAGES = (
    "Under an attack: of each instance the first step that reached the attack's goal, else the "
    "last. Robust: the row as it was and every step. Repaired: the attack's rows once repaired."
)
GROUPS = "Robust: no violation found within this budget, neither in the row as it was nor later."


def stages(document: Mapping[str, Any]) -> Picture:
    """Clean, attacked, robust and repaired rates beside each other."""
    groups = [(title, list(_stages(document, metric))) for metric, title in METRICS.items()]
    title = "Before, under and after perturbation" if document["attacks"] else "Rows as they are"
    return Picture(title, groups, STAGES if document["attacks"] else "")


def _stages(document: Mapping[str, Any], metric: str) -> Iterator[Bar]:
    if "whole" in document:
        yield Bar("as they are, all rows", document["whole"][metric])
    yield Bar("as they are", document["clean"][metric])
    attacks = document["attacks"]
    for name, attack in attacks.items():
        yield Bar(f"under {name}", attack["outcome"][metric])
    for name in families(document):
        yield Bar(f"robust against {name}", attacks[name]["robust"][metric])
    for name in families(document):
        if name in document["repairs"]:
            yield Bar(f"repaired after {name}", document["repairs"][name]["final"][metric])


def moved_picture(moved: Mapping[str, Sequence[Moved]]) -> Picture | None:
    """How often each feature was moved, by attack."""
    groups = [
        (f"{attack}: {features[0].rate.n:,} broken", [_moved_bar(one) for one in features])
        for attack, features in moved.items()
        if features and features[0].rate
    ]
    if not groups:
        return None
    return Picture(
        "Which features were moved",
        groups,
        "Of the instances that were right and equal as they were and that the attack broke: the "
        "share of their first violating rows in which the feature was moved, and how far at the "
        "median where it was.",
    )


def _moved_bar(moved: Moved) -> Bar:
    label = f"{moved.feature} ({moved.size})" if moved.size else moved.feature
    return Bar(label, moved.rate.to_dict() if moved.rate else None)
