"""The line of names above a table's columns: separated, complete, and each there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rafair.errors import DataFileError

SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}


def check_separator(
    path: Path, names: Sequence[str], separator: str = ",", *, option: bool = False
) -> None:
    """Refuses a line of names in which separators separate nothing.

    Args:
        path: The file.
        names: The names.
        separator: What was taken for one.
        option: Whether who reads the file can say another one.

    Raises:
        DataFileError: If there is one name only.
    """
    if len(names) != 1:
        return
    others = {mark: words for mark, words in SEPARATORS.items() if mark != separator}
    other = next((mark for mark in others if mark in names[0]), None)
    hint = "" if other is None else f"; is the separator {others[other]}?"
    if other is not None and option:
        hint += f" `separator={'tab' if other == chr(9) else repr(other)}` says so"
    known = SEPARATORS.get(separator, repr(separator))
    raise DataFileError(f"'{path}': expected columns separated by {known}, found one column{hint}")


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuses columns without a name, with one that cannot be shown, or that stand there twice.

    Raises:
        DataFileError: If there is one.
    """
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise DataFileError(
                f"'{path}': column {place}: expected a name, found none; if it is an index, write "
                "the file without it"
            )
        if not name.isprintable():
            raise DataFileError(
                f"'{path}': column {place}: expected a name in one line of printable characters, "
                f"got {name!r}"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataFileError(f"'{path}': column '{twice[0]}': expected once, found more than once")
