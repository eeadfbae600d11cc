"""How and where a command runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rafair.arguments import check_whole
from rafair.engine.progress import SILENT, Progress
from rafair.engine.shards import Executor, SerialExecutor

MOST_THREADS = 1024


@dataclass(frozen=True)
class RunSettings:
    """How work is run and where it goes; none of this changes a figure.

    Args:
        out: The run folder; None takes the next free `runs/<name>-<n>`.
        force: Whether to replace what stands at `out`.
        threads: How many threads compute; None takes one per core.
        device: Where the model computes.
        command: What to record as the command.
        progress: Where bars and notes are shown.
        executor: Who does the shards.
        temporary: Whether the folder lives only as long as the result.
        keep: Whether `force` leaves at `out` what is this very work, done before.
    """

    out: Path | None = None
    force: bool = False
    threads: int | None = None
    device: str = "cpu"
    command: str = ""
    progress: Progress = SILENT
    executor: Executor = SerialExecutor()  # noqa: RUF009  # it has no state
    temporary: bool = False
    keep: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_whole("threads", self.threads, 1, MOST_THREADS)
