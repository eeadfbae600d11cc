"""Numbers that text files write with other signs than a dot before the decimals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from rafair.errors import DataFileError
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.value_types import TRUTH

GROUPS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
"""Such as 1,234,567.5."""

DECIMALS = re.compile(
    r"[+-]?(?:\d+|\d{1,3}(?P<sign>[.' \u00a0\u202f])\d{3}(?:(?P=sign)\d{3})*),\d+"
)
"""Such as 1.234,5 and 0,25."""

PLAIN = re.compile(r"[+-]?\d+(?:\.\d*)?")


def as_said(series: pd.Series[Any], reading: ReadAs, *, each: bool = False) -> pd.Series[Any]:
    """A column of texts as the numbers or truth values that all of them are, if they are.

    Args:
        series: Texts as they stand in the file.
        reading: How numbers are written.
        each: Whether those that are numbers become numbers although others are none.

    Example:
        >>> as_said(pd.Series(["1.234,5", "2"]), ReadAs(decimal=",", thousands=".")).tolist()
        [1234.5, 2.0]
        >>> as_said(pd.Series(["01.02.2020", "2"]), ReadAs(decimal=",", thousands=".")).tolist()
        ['01.02.2020', '2']
    """
    texts = [text for text in series.dropna().unique().tolist() if isinstance(text, str)]
    if not texts:
        return series
    if all(text.lower() in TRUTH for text in texts) and not each:
        return series.map({text: TRUTH[text.lower()] for text in texts})
    number = _written(reading)
    known = {text: _plain(text, reading) for text in texts if number.fullmatch(text.strip())}
    if len(known) == len(texts):
        return pd.to_numeric(series.map(known))
    if not each:
        return series
    numbers = dict(zip(known, pd.to_numeric(pd.Series(known.values())).tolist(), strict=True))
    return series.astype(object).map(lambda value: numbers.get(value, value))


def _written(reading: ReadAs) -> re.Pattern[str]:
    """What a number looks like."""
    point = re.escape(reading.decimal or ".")
    whole = r"\d+"
    if reading.thousands:
        whole = rf"(?:\d{{1,3}}(?:{re.escape(reading.thousands)}\d{{3}})+|\d+)"
    return re.compile(
        rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?",
        re.IGNORECASE,
    )


def _plain(text: str, reading: ReadAs) -> str:
    """A number as it is written with a dot, and nothing between thousands."""
    text = text.replace(reading.thousands, "") if reading.thousands else text
    return text.replace(reading.decimal or ".", ".")


def refuse_other_signs(path: Path, series: pd.Series[Any]) -> None:
    """Refuses a column of texts that are all numbers, if a comma is taken for what it may be.

    Args:
        path: The file, for the message.
        series: The column, read with a dot before decimals.

    Raises:
        DataFileError: If it is; names the options that read it.
    """
    if series.dtype != object and not isinstance(series.dtype, pd.StringDtype):
        return
    first = next((text for text in series.head(1000).dropna() if isinstance(text, str)), None)
    if first is None or not _may_be_number(first):
        return
    texts = [text for text in series.dropna().unique().tolist() if isinstance(text, str)]
    odd = [text for text in texts if "," in text]
    if not odd or not all(map(_may_be_number, texts)):
        return
    if all(map(GROUPS.fullmatch, odd)):
        said = "`thousands=','` reads it as one, or `decimal=','` as another"
    else:
        found = [sign for text in odd if (sign := _between(text))]
        groups = f" `thousands={found[0]!r}`" if found else ""
        said = f"`decimal=','`{groups} reads it as one"
    row = int((series == odd[0]).to_numpy().argmax())
    raise DataFileError(
        f"'{path}': column '{series.name}', row {row}: expected a number with a dot before its "
        f"decimals, found '{odd[0]}'; {said} (`decimal='.'` leaves it a text)"
    )


def _may_be_number(text: str) -> bool:
    return any(kind.fullmatch(text.strip()) for kind in (PLAIN, GROUPS, DECIMALS))


def _between(text: str) -> str | None:
    """What stands between groups of digits of a number with a comma before its decimals."""
    found = DECIMALS.fullmatch(text.strip())
    return found["sign"] if found else None
