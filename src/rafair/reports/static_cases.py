"""The most telling cases, row by row, for a page without its script and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafair.blocks.block_types import Cells
from rafair.reports.report_contents import NONE, CaseTable, Column, FeatureColumns
from rafair.sanitize import shortened
from rafair.verdicts import BAD

SHOWN = 200
IN_A_TABLE = 50
MOST_ON_A_CARD = 8


@dataclass(frozen=True)
class Compared:
    """A feature of a case.

    Args:
        name: The feature.
        sensitive: Whether it is sensitive.
        values: As it was, perturbed, of the counterpart and repaired; the last two only where the
            case has them, and a single one where all are the same.
        changed: For each value, whether it is marked: perturbed and not as it was, or another than
            the perturbed one.
    """

    name: str
    sensitive: bool
    values: Sequence[str]
    changed: Sequence[bool]


@dataclass(frozen=True)
class StaticCase:
    """One case as texts; empty where there is none."""

    instance: int
    step: int
    attack: str
    verdict: str
    before: str
    label: str
    clean_prediction: str
    prediction: str
    counterpart_prediction: str
    repaired_prediction: str
    repaired_verdict: str
    smallest_epsilon: str
    headers: Sequence[str]
    features: Sequence[Compared]

    @property
    def moved(self) -> list[str]:
        """The features that the perturbation changed."""
        return [feature.name for feature in self.features if feature.changed[1:2] == [True]]


@dataclass(frozen=True)
class Card:
    """A case at a glance: the person beside the counterpart.

    Args:
        case: The case.
        features: What differs, the perturbed value beside the one before and the counterpart's.
        more: How many more features differ.
    """

    case: StaticCase
    features: Sequence[Compared]
    more: int


def cards(cases: CaseTable) -> list[Card]:
    """The most telling case of each cell, of different people, at the most as many as BAD cells."""
    chosen: list[int] = []
    taken: set[int] = set()
    for cell in map(str, sorted(BAD)):
        if cell in cases.verdict.texts:
            code = cases.verdict.texts.index(cell)
            numbers = np.flatnonzero(cases.verdict.codes == code).tolist()
            fresh = [one for one in numbers if int(cases.instance[one]) not in taken]
            chosen += (fresh or numbers)[:1]
            taken |= {int(cases.instance[one]) for one in chosen}
    return [_card(_case(cases, number)) for number in chosen]


def _card(case: StaticCase) -> Card:
    seen = 2 + bool(case.counterpart_prediction)
    differ = [one for one in case.features if any(one.changed[:seen])]
    return Card(case, differ[:MOST_ON_A_CARD], max(len(differ) - MOST_ON_A_CARD, 0))


def static_cases(cases: CaseTable, limit: int = SHOWN) -> list[StaticCase]:
    """The first cases; of each, the features that differ come first."""
    return [_case(cases, number) for number in range(min(limit, len(cases)))]


def cases_table(cases: CaseTable) -> Cells:
    """The first cases, a row each."""
    headers = ["row", "found by", "cell", "true class", "predicted", "changed", "counterpart"]
    rows = [_row(case) for case in static_cases(cases, IN_A_TABLE)]
    return Cells("", headers, rows, names=len(headers))


def _row(case: StaticCase) -> list[str]:
    was = "as it was already" if case.verdict == case.before else f"was {case.before}"
    changed = [_arrow(one, 0) for one in case.features if one.changed[1:2] == [True]]
    other = ["all agree"]
    if case.counterpart_prediction:
        other = [f"predicted {shortened(case.counterpart_prediction)}"]
        other += [_arrow(one, 1) for one in case.features if one.changed[2:3] == [True]]
    return [
        f"{case.instance}",
        f"{shortened(case.attack)}, step {case.step}",
        f"{case.verdict} ({was})",
        shortened(case.label),
        f"{shortened(case.clean_prediction)} → {shortened(case.prediction)}",
        "\n".join(changed) or "(too little to be seen)",
        "\n".join(other),
    ]


def _arrow(compared: Compared, place: int) -> str:
    """How a feature differs between a value and the next."""
    before, after = map(shortened, compared.values[place : place + 2])
    return f"{shortened(compared.name)}: {before} → {after}"


def _case(cases: CaseTable, number: int) -> StaticCase:
    counterpart = _text(cases.counterpart_prediction, number)
    repaired, enough = _text(cases.repaired_prediction, number), cases.enough
    kinds = ["clean", "perturbed"] + ["counterpart"] * bool(counterpart)
    kinds += ["repaired"] * bool(repaired)
    compared = [_compared(feature, kinds, number) for feature in cases.features]
    names = {"clean": "as it was"}
    return StaticCase(
        instance=int(cases.instance[number]),
        step=int(cases.step[number]),
        attack=_text(cases.attack, number),
        verdict=_text(cases.verdict, number),
        before=_text(cases.before, number),
        label=_text(cases.label, number),
        clean_prediction=_text(cases.clean_prediction, number),
        prediction=_text(cases.prediction, number),
        counterpart_prediction=counterpart,
        repaired_prediction=repaired,
        repaired_verdict=_text(cases.repaired_verdict, number),
        smallest_epsilon=_text(enough, number) if enough else "",
        headers=[names.get(kind, kind) for kind in kinds],
        features=sorted(compared, key=lambda feature: len(feature.values) == 1),
    )


def _compared(feature: FeatureColumns, kinds: Sequence[str], number: int) -> Compared:
    codes = {kind: int(getattr(feature, kind)[number]) for kind in kinds}
    if len(set(codes.values())) == 1:
        return Compared(feature.name, feature.sensitive, [feature.texts[codes["clean"]]], [False])
    changed = [
        kind != "clean" and code != codes["clean" if kind == "perturbed" else "perturbed"]
        for kind, code in codes.items()
    ]
    texts = [feature.texts[code] for code in codes.values()]
    return Compared(feature.name, feature.sensitive, texts, changed)


def _text(column: Column, number: int) -> str:
    code = int(column.codes[number])
    return "" if code == NONE else column.texts[code]
