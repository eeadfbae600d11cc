"""The rates of an audit as pictures: before, under and after perturbation, by group, by feature."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rafair.reports.contents import PARTS, Bar, Picture
from rafair.results.leading import families
from rafair.results.moved import Moved
from rafair.results.record import AuditRecord
from rafair.visible import shortened

METRICS = {
    "accuracy": "Accuracy",
    "individual_fairness": "Individual fairness",
    "accurate_fairness": "Accurate fairness (right and equal)",
}

STAGES = (
    "Robust: the row as it was and every step. Under an attack: of each instance the first step "
    "that reached the attack's goal, else the last. Repaired: the attack's rows once repaired."
)
MOVED = (
    "Of the instances that were right and equal as they were and that the attack broke: the share "
    "of their first violating rows in which another value of the feature is shown, as in the "
    "cases, and how far it was moved at the median where it is. Not moved: "
    "what the attack could not move."
)


def stages(record: AuditRecord) -> Picture:
    """Clean, attacked, robust and repaired rates beside each other."""
    groups = [(title, list(_stages(record, metric))) for metric, title in METRICS.items()]
    title = PARTS["rates"] if record.attacks else "Rows as they are"
    return Picture(title, groups, STAGES if record.attacks else "")


def _stages(record: AuditRecord, metric: str) -> Iterator[Bar]:
    if record.whole:
        yield Bar("as they are, all rows", record.whole.rates[metric])
    yield Bar("as they are", record.clean.rates[metric])
    attacks = record.attacks
    for name in families(attacks):
        yield Bar(f"robust against {name}", attacks[name].robust[metric], "robust")
    for name, attack in attacks.items():
        if attack.outcome:
            yield Bar(f"under {name}", attack.outcome[metric], "attacked")
    for name in families(attacks):
        if name in record.repairs:
            yield Bar(f"repaired after {name}", record.repairs[name].final[metric], "repaired")


def moved_picture(
    moved: Mapping[str, Sequence[Moved]], resting: Mapping[str, Collection[str]]
) -> Picture | None:
    """How often each feature was moved, by attack.

    Args:
        moved: By attack, how features were moved.
        resting: By attack, the names of the features that it could not move: what it could and did
            not move is told by its share, which is 0.
    """
    groups = [
        (
            f"{attack}: {features[0].rate.n:,} broken",
            [_moved_bar(one, resting[attack]) for one in features],
        )
        for attack, features in moved.items()
        if features and features[0].rate
    ]
    if not groups:
        return None
    return Picture(PARTS["moved"], groups, MOVED + _codes_alone(moved))


def _moved_bar(moved: Moved, resting: Collection[str]) -> Bar:
    name = shortened(moved.feature)
    label = f"{name} ({moved.size})" if moved.size else name
    if moved.rest and moved.feature in resting:
        return Bar(label, None, instead="not moved")
    return Bar(label, moved.rate)


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
