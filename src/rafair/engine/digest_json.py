"""JSON documents that carry a digest of their own content, so that what was altered is found.

It tells of a bad disk, a transfer or an editor. Whoever alters a document on purpose can write its
digest anew: what follows from a run's other files is derived again (`results/verification.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rafair.engine.atomic_files import writing
from rafair.engine.text_file import read_json, write_text

DIGEST = "digest"
ALTERED = "altered: its digest is not that of its content"


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The document with the digest of all else in it as its last key.

    Example:
        >>> is_sealed(sealed({"a": 1})), is_sealed(sealed({"a": 1}) | {"a": 2})
        (True, False)
    """
    rest = {key: value for key, value in document.items() if key != DIGEST}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, DIGEST: hashlib.sha256(text.encode()).hexdigest()}


def is_sealed(document: Any) -> bool:
    """Whether a document is as it was sealed, or never was: older versions did not."""
    if not isinstance(document, Mapping) or DIGEST not in document:
        return True
    return bool(sealed(document)[DIGEST] == document[DIGEST])


def write_sealed(path: Path, document: Mapping[str, object]) -> dict[str, object]:
    """Writes a document, which is whole or not there; returns what was written."""
    content = sealed(document)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with writing(path) as temporary:
        write_text(temporary, text + "\n")
    return content


def read_sealed(path: Path) -> Any:
    """Reads what `write_sealed` wrote.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, or was altered.
    """
    document = read_json(path)
    if not is_sealed(document):
        raise ValueError(ALTERED)
    return document
