"""The verdict of an audit in words, for a person who decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rafair.auditing.config import Perturbation
from rafair.auditing.leading import ACCURATE_FAIRNESS, leaders, most_telling
from rafair.auditing.moved import Moved
from rafair.auditing.twins import FEASIBLE

ONE_DECIMAL_FROM = 1000
"""Of so many instances a tenth of a per cent means something."""

CELLS = {
    "true_biased": "judged rightly, but otherwise with other values of {sensitive}",
    "false_fair": "judged wrongly, whatever the values of {sensitive}",
    "false_biased": "judged wrongly, and otherwise with other values of {sensitive}",
}
MOST_NAMED = 3


def summary(
    document: Mapping[str, Any], moved: Mapping[str, Sequence[Moved]] | None = None
) -> list[str]:
    """A few sentences, the most important first.

    Args:
        document: The content of `audit.json`.
        moved: By attack what `moved_features` gives, at least of the `most_telling` one; without
            it nothing is said of features.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> print(summary(audit.document)[-1])
        No attack was run: nothing is known of what happens once data are perturbed.
    """
    attacks = leaders(document)
    attack = most_telling(document)
    said = [*_first(document, attacks), _failure(document, attack), *hit_hardest(document, attack)]
    if attack:
        said += _moved(attack, (moved or {}).get(attack, ()))
        said += repaired(document, attack)
    return [*said, *_warned(document), _limit(document)]


def _first(document: Mapping[str, Any], attacks: Sequence[str]) -> Iterator[str]:
    """How many were judged rightly and equally, before and after."""
    clean = document["clean"][ACCURATE_FAIRNESS]
    whole = document.get("whole")
    if whole:
        all_rows = whole[ACCURATE_FAIRNESS]
        yield (
            f"Of all {all_rows['n']:,} rows of the file, {share_of(all_rows)} "
            f"{_were(all_rows)} judged rightly and equally as they were."
        )
    who = "that were drawn and attacked" if attacks else "that were drawn"
    sample = f" {who}" if whole else ""
    text = (
        f"Of {_people(clean['n'])}{sample}, {share_of(clean)} {_were(clean)} judged rightly and "
        "equally as they were"
    )
    for attack in attacks:
        robust = document["attacks"][attack]["robust"][ACCURATE_FAIRNESS]
        text += f"; {share_of(robust)} still {_were(robust)} {_once_perturbed(document, attack)}"
    yield text + "."


def _once_perturbed(document: Mapping[str, Any], attack: str) -> str:
    config = document["config"]
    kind = config.get("perturbation", Perturbation.PAPER)
    possible = kind == Perturbation.FEASIBLE or attack.startswith(FEASIBLE)
    changed = "changed as it could really happen," if possible else "perturbed"
    return f"once their data were {changed} by up to {_size(config['epsilon'])} ({attack})"


def _size(epsilon: Any) -> str:
    if not isinstance(epsilon, Mapping):
        return f"{epsilon:g} of each feature's range"
    least, most = min(epsilon.values()), max(epsilon.values())
    if least == most:
        return f"{least:g} of some features' ranges"
    return f"{least:g} to {most:g} of a feature's range"


def _failure(document: Mapping[str, Any], attack: str | None) -> str:
    """Which kind of failure is most frequent."""
    if attack:
        found = {cell: document["attacks"][attack]["exposed"][cell] for cell in CELLS}
        when, where = " at some step", "the rows as they were or at any step"
    else:
        found = {cell: document["clean"][cell] for cell in CELLS}
        when, where = "", "the rows as they were"
    cell = max(found, key=lambda name: found[name]["count"])
    if not found[cell]["count"]:
        return _nothing_found(document, where)
    meaning = CELLS[cell].format(sensitive=_sensitive(document))
    rate = found[cell]
    return (
        f"{_the(document, attack)} most frequent failure was '{cell.replace('_', ' ')}': "
        f"{share_of(rate)} {_were(rate)}{when} {meaning}."
    )


def _the(document: Mapping[str, Any], attack: str | None) -> str:
    """How a sentence begins: with the attack it is of, where there are two to be told of."""
    return f"Under {attack}, the" if len(leaders(document)) > 1 else "The"


def _nothing_found(document: Mapping[str, Any], where: str) -> str:
    if document["clean"][ACCURATE_FAIRNESS]["count"] < document["clean"]["n"]:
        return "The attack found no violation; those that there are were there before."
    return f"No violation was found in {where}, within this budget."


def _sensitive(document: Mapping[str, Any]) -> str:
    names = list(document["dataset"]["sensitive"])
    if len(names) > MOST_NAMED:
        return f"the {len(names)} sensitive features"
    return " or ".join(names) if names else "sensitive features (there are none)"


def hit_hardest(document: Mapping[str, Any], attack: str | None) -> Iterator[str]:
    """Which group differs most from another: of single features, in groups that are large enough.

    The first of equals counts.
    """
    gaps = document.get("gaps", {})
    sensitive = document["dataset"]["sensitive"]
    found = {name: _rates(gaps[name], attack) for name in sensitive if name in gaps}
    differ = {name: gap for name, gap in found.items() if gap and gap["value"] > 0}
    if not differ:
        return
    name = max(differ, key=lambda feature: differ[feature]["value"])
    groups, gap = document["groups"][name], differ[name]
    lowest, highest = (_rates(groups[gap[which]], attack) for which in ("lowest", "highest"))
    what = "stayed right and equal" if attack else "were judged rightly and equally"
    yield (
        f"{_the(document, attack)} largest difference is by {name}: of the {lowest['n']:,} in "
        f"'{gap['lowest']}' {share_of(lowest)} {what}, of the {highest['n']:,} in "
        f"'{gap['highest']}' {share_of(highest)}"
        f"{'' if gap['low'] > 0 else '; that could be chance'}."
    )


def _rates(section: Mapping[str, Any], attack: str | None) -> Any:
    """A group's rate, or a feature's gap, of accurate fairness."""
    rates = section["robust"][attack] if attack else section["clean"]
    return rates[ACCURATE_FAIRNESS]


def _moved(attack: str, moved: Sequence[Moved]) -> Iterator[str]:
    """Which feature the attack moved most often."""
    first = moved[0] if moved else None
    if first is not None and first.rate is not None and first.size:
        people, often = _people(first.rate.n), share_of(first.rate.to_dict())
        yield (
            f"What {attack} moved most often in the {people} whose right and equal judgement it "
            f"broke was '{first.feature}': in {often}, {_how_far(first)}."
        )


def _how_far(moved: Moved) -> str:
    return f"{moved.size} at the median" if moved.size.startswith("by ") else moved.size


def repaired(document: Mapping[str, Any], attack: str) -> Iterator[str]:
    """What the repair did."""
    repair = document["repairs"].get(attack)
    if repair is None:
        if document["attacks"] and not document["repairs"]:
            yield "No repair was asked for."
        return
    corrected = repair["corrected"]
    if corrected is None:
        yield "There was no failing row to repair."
        return
    guide = (
        "guided by the true labels"
        if document["config"]["labels"] == "true"
        else "guided by the majority over counterparts"
    )
    yield (
        f"{_the(document, attack)} repair, {guide}, made {share_of(corrected)} of the "
        f"{corrected['n']:,} failing rows right and equal again."
    )


def _warned(document: Mapping[str, Any]) -> Iterator[str]:
    count = len(document["warnings"])
    if count:
        which = "One warning says" if count == 1 else f"{count} warnings say"
        yield f"{which} what else to mind in these figures."


def _limit(document: Mapping[str, Any]) -> str:
    if not document["attacks"]:
        return "No attack was run: nothing is known of what happens once data are perturbed."
    blind = (
        "It was given predictions alone, and no gradients. "
        if document["config"].get("black_box")
        else ""
    )
    return (
        f"{blind}A search finds only what it finds: where it found no violation within this "
        "budget, there may still be one."
    )


def share_of(rate: Mapping[str, Any]) -> str:
    """A rate as count, share and interval.

    Example:
        >>> share_of({"value": 0.195, "count": 39, "n": 200, "low": 0.1461, "high": 0.2554})
        '39 (20 %, 15 to 26 %)'
    """
    value, low, high = (_per_cent(rate[key], rate["n"]) for key in ("value", "low", "high"))
    return f"{rate['count']:,} ({value} %, {low} to {high} %)"


def _per_cent(share: float, n: int) -> str:
    """Halves are rounded up: 34.5 and 19.5 per cent are 35 and 20."""
    tens = 10 if n >= ONE_DECIMAL_FROM else 1
    return f"{math.floor(100 * tens * share + 0.5 + 1e-9) / tens:.{1 if tens > 1 else 0}f}"


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n:,} people"


def _were(rate: Mapping[str, Any]) -> str:
    return "was" if rate["count"] == 1 else "were"
