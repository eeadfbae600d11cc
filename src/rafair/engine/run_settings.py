"""How and where a command runs."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.engine.option_groups import Placed, Threaded
from rafair.engine.progress import SILENT, Progress
from rafair.engine.shards import Executor, SerialExecutor
from rafair.options import check_options


@dataclass(frozen=True, kw_only=True)
class RunSettings(Threaded, Placed):
    """How work is run and where it goes; none of this changes a figure.

    Args:
        command: What to record as the command.
        progress: Where bars and notes are shown.
        executor: Who does the shards.
        temporary: Whether the folder lives only as long as the result.
        keep: Whether `force` leaves at `out` what is this very work, done before.
    """

    command: str = ""
    progress: Progress = SILENT
    executor: Executor = SerialExecutor()  # noqa: RUF009  # it has no state
    temporary: bool = False
    keep: bool = False

    def __post_init__(self) -> None:
        check_options(self)
