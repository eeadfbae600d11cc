"""The file and name in `FILE.py:NAME`, run as a module of its own.

Whoever opens such a model runs its code: it can do whatever its user may do.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rafair.engine.text_file import without_mark
from rafair.errors import ModelError, UnknownNameError
from rafair.models.model_file import check_hash, read_model_file, reason_of

SUFFIX = ".py"


@dataclass(frozen=True)
class PythonSource:
    """A name in a Python file, with the file's text, so that it can be run where the file is not.

    Args:
        path: The file.
        name: What to take from it.
        text: What is in it.
    """

    path: Path
    name: str
    text: bytes

    @classmethod
    def read(cls, source: str, expected: str | None = None) -> PythonSource:
        """Reads the file of `FILE.py:NAME`, and runs nothing.

        Args:
            source: The file and the name.
            expected: The hash that the two must have; None for any.

        Raises:
            ModelError: If no name is given, there is no such file, it says that it is not UTF-8, or
                it is another.
        """
        path, _, name = source.rpartition(":")
        if not path.endswith(SUFFIX) or not name.isidentifier():
            raise ModelError(
                f"'{source}': expected FILE.py:NAME, the name of a function in the file"
            )
        text = read_model_file(Path(path))
        try:
            without_mark(text)
        except ValueError as error:
            raise ModelError(f"'{path}': {error}") from error
        read = cls(Path(path), name, text)
        check_hash(read.sha256, expected, source)
        return read

    @property
    def sha256(self) -> str:
        """The hash of the text and the name; not of what the text imports."""
        return hashlib.sha256(self.text + b"\0" + self.name.encode()).hexdigest()

    def load(self) -> Any:
        """Runs the file, and gives what has the name.

        Raises:
            ModelError: If the file cannot be run, or nothing that can be called has the name.
        """
        module = self._run()
        found = getattr(module, self.name, None)
        if callable(found):
            return found
        if hasattr(module, self.name):
            raise ModelError(
                f"'{self.path}': expected {self.name} to be a function, got {type(found).__name__}"
            )
        known = [
            name
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", None) == module.__name__
        ]
        raise UnknownNameError(f"name in '{self.path}'", self.name, known) from None

    def _run(self) -> ModuleType:
        known = os.fsencode(self.path.absolute()) + b"\0" + self.text
        title = f"rafair_model_{hashlib.sha256(known).hexdigest()[:16]}"
        if title in sys.modules:
            return sys.modules[title]
        spec = importlib.util.spec_from_loader(title, loader=None, origin=str(self.path))
        assert spec is not None  # a loader of None is enough for it
        module = importlib.util.module_from_spec(spec)
        module.__file__ = str(self.path)
        sys.modules[title] = module  # dataclasses look themselves up there
        try:
            with _beside(self.path):
                exec(compile(self.text, str(self.path), "exec"), vars(module))
        except SyntaxError as error:
            del sys.modules[title]
            raise ModelError(
                f"'{self.path}': expected Python: {error.msg} in line {error.lineno}"
            ) from error
        except Exception as error:  # whatever a user's file raises
            del sys.modules[title]
            raise ModelError(
                f"'{self.path}': cannot be run: {type(error).__name__}: {reason_of(error)}"
            ) from error
        return module


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Lets a file import what lies beside it, as it could if it were run by itself."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
