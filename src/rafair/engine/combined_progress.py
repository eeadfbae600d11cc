"""One progress bar over several audits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rafair.engine.progress import Task


class WholeProgress:
    """Progress for the parts of a larger task: their bars move its bar, their notes are not shown.

    Args:
        task: The bar of the whole.

    Example:
        >>> from rafair.engine.progress import SILENT
        >>> with SILENT.task("all", 10) as bar:
        ...     whole = WholeProgress(bar)
        ...     with whole.part(10), whole.task("inner", 100) as inner:
        ...         inner.advance(50)
    """

    def __init__(self, task: Task) -> None:
        self._whole = task
        self._share = 0.0
        self._done = 0.0

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Says that what follows is worth `share` of the whole, done when the block ends."""
        self._share, self._done = share, 0.0
        yield
        self._advance(share - self._done)

    @contextmanager
    def task(self, description: str, total: float | None, unit: str = "") -> Iterator[Task]:
        """Opens no bar of its own: what it does moves the whole by the part's share."""
        yield _Part(self, self._share / total if total else 0.0)

    def note(self, message: str) -> None:
        """Shows nothing: the whole has said what is ahead."""

    def _advance(self, amount: float) -> None:
        amount = max(0.0, min(amount, self._share - self._done))
        self._done += amount
        self._whole.advance(amount)


class _Part:
    def __init__(self, whole: WholeProgress, unit: float) -> None:
        self._progress = whole
        self._unit = unit

    def advance(self, amount: float = 1) -> None:
        """Moves the bar of the whole on."""
        self._progress._advance(amount * self._unit)

    def tell(self, found: str) -> None:
        """Shows nothing: the bar is that of the whole."""
