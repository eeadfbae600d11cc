"""TOML files: read, with one line for whatever is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

from rafair.engine.text_file import MOST_BYTES, bytes_of, text_in
from rafair.errors import InputError


def read_toml(path: Path, what: str, error: type[InputError] = InputError) -> dict[str, object]:
    """The content of a TOML file.

    Args:
        path: The file.
        what: What it is, such as "a schema file".
        error: What to raise; its message names the file.

    Raises:
        InputError: If it cannot be read, or is no TOML.
    """
    content = bytes_of(path, what, error, MOST_BYTES)
    try:
        text = text_in(content)
    except ValueError as found:
        raise error(f"'{path}', {found}") from found
    try:
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except ValueError as found:  # tomllib's own, or Python's of a number with thousands of digits
        raise error(f"'{path}': expected TOML: {found}") from found
    except RecursionError as found:
        raise error(f"'{path}': expected TOML, found brackets nested too deeply") from found
