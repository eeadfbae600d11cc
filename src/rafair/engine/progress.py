"""How long work tells how far it is; silent unless a caller hands in something that shows it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Task(Protocol):
    """One bar: a known (or unknown) amount of work that is being done."""

    def advance(self, amount: float = 1) -> None:
        """Says that `amount` more of the total is done."""

    def tell(self, found: str) -> None:
        """Says in a few words what has come of it so far."""


class Progress(Protocol):
    """Where tasks are shown."""

    def task(
        self, description: str, total: float | None, unit: str = ""
    ) -> AbstractContextManager[Task]:
        """Opens a bar for `total` units of work (None: unknown); it closes with the context."""

    def note(self, message: str) -> None:
        """Shows one line that is not a result, such as what is about to be done."""


class _SilentTask:
    def advance(self, amount: float = 1) -> None:
        """Shows nothing."""

    def tell(self, found: str) -> None:
        """Shows nothing."""


class _Silence:
    def task(
        self, description: str, total: float | None, unit: str = ""
    ) -> AbstractContextManager[Task]:
        """Opens nothing."""
        return nullcontext(_SilentTask())

    def note(self, message: str) -> None:
        """Shows nothing."""


SILENT: Progress = _Silence()
