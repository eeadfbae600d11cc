"""A model's file as bytes, and what they look like where they are not what the name says."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from rafair.engine.atomic_files import read_regular
from rafair.engine.text_file import as_utf8
from rafair.errors import ModelError, RafairWarning

SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x80", "a pickle"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"tree\n", "a LightGBM model"),
    (b"<", "an HTML or XML page"),
    (b"{", "JSON"),
)

TORCHSCRIPT = "TorchScript interpreter"


@dataclass(frozen=True)
class ModelFile:
    """A file with a model, read once: what is hashed is what is opened.

    Args:
        path: The file; the name of a type for a model that came from memory.
        content: Its bytes.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path, expected: str | None = None) -> Self:
        """Reads it, and opens nothing.

        Args:
            path: The file.
            expected: The hash that it must have; None for any.

        Raises:
            ModelError: If there is no such file, nothing in it, or it is another.
        """
        file = cls(path, read_model_file(path))
        check_hash(file.sha256, expected, str(path))
        return file

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


def check_hash(found: str | None, expected: str | None, where: str) -> None:
    """Refuses a model that is another than was expected.

    Args:
        found: Its hash; None for what has none.
        expected: The hash that it must have; None for any.
        where: Where it is.

    Raises:
        ModelError: If it is another.

    Example:
        >>> check_hash("ab", "cd", "m.onnx")
        Traceback (most recent call last):
        rafair.errors.ModelError: 'm.onnx': expected the model that was audited, sha256 cd, found ab
    """
    if expected is not None and found != expected:
        raise ModelError(
            f"'{where}': expected the model that was audited, sha256 {expected}, found {found}"
        )


def read_model_file(path: Path) -> bytes:
    """The bytes of a model's file.

    Raises:
        ModelError: If there is no such file, nothing in it, or it is a pipe or a device.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        raise ModelError(f"'{path}': expected a model, found no such file") from error
    except OSError as error:
        raise ModelError(f"'{path}': cannot be read: {error.strerror}") from error
    if not content:
        raise ModelError(f"'{path}': expected a model, found an empty file")
    return content


def without_mark(path: Path, content: bytes) -> bytes:
    """A model's text without a byte order mark, which libraries stumble over.

    Raises:
        ModelError: If it has one, and is no text.
    """
    try:
        return as_utf8(content)
    except ValueError as error:
        raise ModelError(f"'{path}', {error}") from error


def kind_of(content: bytes) -> str:
    """What bytes look like, for messages.

    Example:
        >>> kind_of(b"%PDF-1.7"), kind_of(b"age,sex")
        ('a PDF', 'text')
    """
    for signature, kind in SIGNATURES:
        if content.startswith(signature):
            return kind
    try:
        content[:1000].decode("ascii")
    except UnicodeDecodeError:
        return "bytes of another kind"
    return "text"


def reason_of(error: BaseException | Warning | str) -> str:
    """The first line of what a library says, or the error's kind where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    # TorchScript begins with a traceback of its own, and ends with what went wrong
    told = lines[-1].removeprefix("RuntimeError: ") if TORCHSCRIPT in lines[0] else lines[0]
    return told[:200]


@contextmanager
def telling_warnings(name: str) -> Iterator[None]:
    """Hands on, in one line each, what a library warns of while it opens a model.

    Args:
        name: What to call the model.
    """
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(reason_of(one.message) for one in heard if _tells(one)):
        warnings.warn(f"model '{name}': {text}", RafairWarning, stacklevel=3)


def _tells(heard: warnings.WarningMessage) -> bool:
    """Whether a warning is for a model's user, rather than for who wrote the library."""
    return not issubclass(heard.category, DeprecationWarning | PendingDeprecationWarning)
