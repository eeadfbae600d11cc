"""The cases as data for the page's script: column by column, compressed, within a number of bytes.

What repeats is left out: a perturbed value is told where it differs from the clean one, the
counterpart's and the repaired one where they differ from the perturbed one.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from rafair.reports.report_contents import NONE, CaseTable, Codes, Column, FeatureColumns
from rafair.sanitize import visible

MAX_BYTES = 2_200_000
"""The most that the data may take of a page that is to stay below 3 MB."""

PLAIN_BYTES = 100_000
"""Up to here the data are not compressed: every browser reads them."""

COLUMNS = (
    "verdict",
    "before",
    "attack",
    "label",
    "clean_prediction",
    "prediction",
    "counterpart_prediction",
    "repaired_prediction",
    "repaired_verdict",
)


def case_data(cases: CaseTable, max_bytes: int = MAX_BYTES) -> tuple[str, int]:
    """The content of a data block, and how many cases it holds.

    Args:
        cases: All cases, the most telling first.
        max_bytes: Where the data would take more, the last cases are left out.

    Returns:
        JSON that is safe within a script element, and the number of cases in it.
    """
    shown = len(cases)
    while True:
        text = _packed(_document(cases, shown))
        if len(text) <= max_bytes or not shown:
            return text, shown
        shown = int(shown * min(0.95, 0.98 * max_bytes / len(text)))


def _packed(document: dict[str, object]) -> str:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if len(text) > PLAIN_BYTES:
        packed = gzip.compress(text.encode("utf-8", "surrogatepass"), 6, mtime=0)
        text = json.dumps({"gzip": base64.b64encode(packed).decode("ascii")})
    # nothing in it can end the script element, or begin a comment there
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def data_block(text: str) -> Markup:
    """The data in an element that no browser executes."""
    return Markup(f'<script type="application/json" id="case-data">{text}</script>')


def _document(cases: CaseTable, shown: int) -> dict[str, object]:
    columns = {name: _column(getattr(cases, name), shown) for name in COLUMNS}
    if (enough := cases.enough) is not None:
        columns[enough.name] = _column(enough, shown)
    return {
        "instance": cases.instance[:shown].tolist(),
        "step": cases.step[:shown].tolist(),
        "columns": columns,
        "features": [_feature(feature, shown) for feature in cases.features],
    }


def _column(column: Column, shown: int) -> dict[str, object]:
    return {
        "texts": [visible(text) for text in column.texts],
        "codes": _short(column.codes[:shown]),
    }


def _feature(feature: FeatureColumns, shown: int) -> dict[str, object]:
    names = ("clean", "perturbed", "counterpart", "repaired")
    used, codes = _in_use([getattr(feature, name)[:shown] for name in names])
    clean, perturbed, counterpart, repaired = codes
    return {
        "name": visible(feature.name),
        "sensitive": feature.sensitive,
        "texts": [visible(feature.texts[code]) for code in used],
        "clean": _short(clean),
        "perturbed": _short(_unless_same(perturbed, clean)),
        "counterpart": _short(_unless_same(counterpart, perturbed)),
        "repaired": _short(_unless_same(repaired, perturbed)),
    }


def _in_use(columns: Sequence[Codes]) -> tuple[list[int], list[Codes]]:
    """The codes that occur, and the columns as indices into these."""
    found = np.unique(np.concatenate(columns))
    used = found[found != NONE]
    again = [np.where(codes == NONE, NONE, np.searchsorted(used, codes)) for codes in columns]
    return used.tolist(), [codes.astype(np.int32) for codes in again]


def _unless_same(codes: Codes, others: Codes) -> NDArray[Any]:
    return np.where(codes == others, NONE, codes)


def _short(codes: NDArray[Any]) -> list[int] | int:
    """The codes, or the only one that occurs."""
    listed: list[int] = codes.tolist()
    return listed[0] if listed and (codes == codes[0]).all() else listed
