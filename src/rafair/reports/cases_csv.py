"""All cases as CSV (RFC 4180, UTF-8 with a byte order mark), safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.blocks.block_types import Cells
from rafair.blocks.spreadsheet import NUMBER, as_csv
from rafair.reports.report_contents import NONE, CaseTable, Codes, Column, Contents, FeatureColumns

MARK = "\ufeff"
AS_IT_WAS, PERTURBED, COUNTERPART, REPAIRED = "as it was", "perturbed", "counterpart", "repaired"

Values = Sequence[str]


def cases_csv(contents: Contents) -> str:
    """Every case, a row each; `docs/report.md` says what each column holds."""
    columns = list(_columns(contents.cases))
    rows = list(zip(*(values for _, values in columns), strict=True))
    return MARK + as_csv(Cells("", [name for name, _ in columns], rows, prose=True), "\r\n")


def _columns(cases: CaseTable) -> Iterator[tuple[str, Values]]:
    yield "case", [*map(str, range(1, len(cases) + 1))]
    yield "instance", [*map(str, cases.instance.tolist())]
    yield "attack", _of(cases.attack)
    yield "step", [*map(str, cases.step.tolist())]
    predicted = (cases.clean_prediction, cases.prediction, cases.counterpart_prediction)
    repaired = (cases.repaired_prediction, cases.repaired_verdict)
    for column in (cases.verdict, cases.before, cases.label, *predicted, *repaired):
        yield column.name, _of(column)
    yield "changed", changed(cases)
    for feature in cases.features:
        yield from _of_feature(feature)
    if cases.smallest_epsilon is not None:
        known = cases.smallest_epsilon.tolist()
        yield "smallest_epsilon", ["" if one != one else f"{one:g}" for one in known]


def changed(cases: CaseTable) -> list[str]:
    """The names of the features that each case shows as changed, apart by semicolons."""
    differs = [feature.clean != feature.perturbed for feature in cases.features]
    names = [feature.name for feature in cases.features]
    rows: NDArray[np.bool_] = np.array(differs, bool).reshape(len(names), len(cases)).T
    return [
        "; ".join(name for name, is_so in zip(names, row, strict=True) if is_so) for row in rows
    ]


def _of_feature(feature: FeatureColumns) -> Iterator[tuple[str, Values]]:
    shown = [_bare(text, feature) for text in feature.texts]
    name = f"{feature.name} ({feature.unit})" if feature.unit else feature.name
    parts = [(AS_IT_WAS, feature.clean), (PERTURBED, feature.perturbed)]
    if feature.sensitive:  # the others are those of the perturbed row
        parts.append((COUNTERPART, feature.counterpart))
    parts.append((REPAIRED, feature.repaired))
    for part, codes in parts:
        yield f"{name}: {part}", _taken(shown, codes)


def _bare(text: str, feature: FeatureColumns) -> str:
    """A number without its unit and thousands, as the header names the unit."""
    bare = text.removesuffix(feature.unit).rstrip().replace(",", "")
    return bare if feature.is_number and NUMBER.fullmatch(bare) else text


def _of(column: Column) -> Values:
    return _taken(column.texts, column.codes)


def _taken(texts: Iterable[str], codes: Codes) -> Values:
    """The text of each code; nothing for `NONE`, which is the last."""
    assert NONE == -1
    table = np.array([*texts, ""], object)
    taken: list[str] = table[codes].tolist()
    return taken
