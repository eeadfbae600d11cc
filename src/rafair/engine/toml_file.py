"""TOML files: read, with one line for whatever is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from rafair.errors import InputError


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: The file.
        what: What it is, such as "a schema file".

    Raises:
        InputError: If it cannot be read, or is no TOML; does not name the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"expected {what}, found no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"expected {what}, found a folder") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"expected UTF-8 text, found byte {error.object[error.start]:#x}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"expected TOML: {error}") from error
    except RecursionError as error:
        raise InputError("expected TOML, found brackets nested too deeply") from error
