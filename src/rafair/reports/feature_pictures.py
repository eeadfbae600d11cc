"""Which features were moved, as a picture; and what metrics are called in pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rafair.reports.report_contents import PARTS, Bar, Chart
from rafair.results.changed_features import Moved
from rafair.sanitize import shortened

METRICS = {
    "accuracy": "Accuracy",
    "individual_fairness": "Individual fairness",
    "accurate_fairness": "Accurate fairness (right and equal)",
}

MOVED = (
    "Of the instances that were right and equal as they were and that the attack broke: the share "
    "of their first violating rows in which another value of the feature is shown, as in the "
    "cases, and how far it was moved at the median where it is."
)


def moved_picture(
    moved: Mapping[str, Sequence[Moved]], resting: Mapping[str, Collection[str]]
) -> Chart | None:
    """How often each feature was moved, by attack.

    Args:
        moved: By attack, how features were moved.
        resting: By attack, the names of the features that it could not move: what it could and did
            not move is told by its share, which is 0.
    """
    groups = [
        (
            f"{attack}: {features[0].rate.n:,} broken",
            [_moved_bar(one) for one in features if one.rate and one.rate.count],
        )
        for attack, features in moved.items()
        if features and features[0].rate and features[0].rate.count
    ]
    if not groups:
        return None
    apart = "".join(_apart(moved[attack], resting[attack], attack) for attack in moved)
    return Chart(PARTS["moved"], groups, MOVED + apart + _codes_alone(moved))


def _moved_bar(moved: Moved) -> Bar:
    name = shortened(moved.feature)
    return Bar(f"{name} ({moved.size})" if moved.size else name, moved.rate)


def _apart(features: Sequence[Moved], resting: Collection[str], attack: str) -> str:
    """The features without a bar: what the attack could not move, and what it could and did not."""
    still = [one.feature for one in features if one.rate and not one.rate.count]
    told = {
        "and could not": [name for name in still if name in resting],
        "though it could": [name for name in still if name not in resting],
    }
    return "".join(
        f" What {attack} has not moved, {what}: {', '.join(map(shortened, names))}."
        for what, names in told.items()
        if names
    )


def _codes_alone(moved: Mapping[str, Sequence[Moved]]) -> str:
    """Whose codes were moved in rows in which no other value is shown."""
    told = [
        f"by {attack} {', '.join(parts)}"
        for attack, features in moved.items()
        if (
            parts := [
                f"{shortened(one.feature)} in {one.unseen:,}" for one in features if one.unseen
            ]
        )
    ]
    if not told:
        return ""
    return (
        " The codes that the model sees were moved in more rows, by less than is shown or within a "
        f"level, which no bar counts: {'; '.join(told)}."
    )
