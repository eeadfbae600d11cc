"""Documents read into dataclasses, or one line that says what is wrong first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from rafair.errors import RunFolderError
from rafair.sanitize import visible

Record = TypeVar("Record")

LONGEST = 80
EXPECTED = {
    "dataclass_type": "a table",
    "mapping_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
    "bool_type": "a truth value",
    "bool_parsing": "a truth value",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}
"""What should stand where pydantic found something else, by the type of its error."""


class Reader(Generic[Record]):
    """Reads the documents of one kind; its validator is made when the first is read.

    Args:
        record: The dataclass; keys that it does not know are left alone.
        wrong: How messages begin.

    Example:
        >>> from rafair.metrics.rates import Rate
        >>> read = Reader(Rate)
        >>> print(read({"value": 0.9, "count": 45, "n": 50, "low": 0.786, "high": 0.957}, "f"))
        0.900 [0.786, 0.957]
        >>> read({"value": "high"}, "f")
        Traceback (most recent call last):
        rafair.errors.RunFolderError: 'f': edited: value: expected a number, found 'high'
    """

    def __init__(self, record: type[Record], wrong: str = "edited") -> None:
        self._record = record
        self._wrong = wrong

    @cached_property
    def _validator(self) -> TypeAdapter[Record]:
        return TypeAdapter(self._record)

    def __call__(self, document: object, path: Path | str) -> Record:
        """Reads the content of a file.

        Raises:
            RunFolderError: If it is nothing that rafair writes; names the first thing.
        """
        return self.at(document, f"'{path}'")

    def at(self, document: object, place: str) -> Record:
        """Reads what is no file's content, but stands at a place that messages name so."""
        try:
            return self._validator.validate_python(document)
        except ValidationError as error:
            raise RunFolderError(f"{place}: {self._wrong}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """What is wrong first, where it stands, and what was expected."""
    found = error.errors(include_url=False)[0]
    where = ".".join(visible(f"{part}") for part in found["loc"] if part != "") or "content"
    if found["type"] == "missing":
        return f"expected '{where}', found nothing"
    expected = EXPECTED.get(found["type"])
    if expected is None:
        return f"{where}: {visible(found['msg'].removeprefix('Value error, '))}"
    return f"{where}: expected {expected}, found {_shown(found['input'])}"


def _shown(value: object) -> str:
    text = "a table" if isinstance(value, Mapping) else visible(f"{value!r}")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
