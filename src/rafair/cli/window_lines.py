"""Windows one by one, as they are judged: a line for people, or a line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from rafair.cli.console import to_stdout
from rafair.cli.output_files import STDOUT
from rafair.cli.standard_streams import write_document
from rafair.engine.atomic_files import explaining_storage
from rafair.engine.text_file import utf8

if TYPE_CHECKING:
    from rafair.monitoring.alarm_types import Alarm
    from rafair.monitoring.watch_results import WindowResult


class Lines:
    """Writes a line for each window, at once.

    Args:
        json_path: A file that lines of JSON are added to, "-" for stdout instead of lines for
            people, or None.
    """

    def __init__(self, json_path: str | None) -> None:
        self._path = json_path
        self._file: IO[bytes] | None = None
        self._alarms: Sequence[Alarm] = ()

    def __enter__(self) -> Lines:
        if self._path not in (None, STDOUT):
            assert self._path is not None
            with explaining_storage(Path(self._path)):
                self._file = Path(self._path).open("ab")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def tell(self, result: WindowResult) -> None:
        """Writes the result of one window.

        Raises:
            StorageError: If there is no room.
        """
        from rafair.reports.monitor_text import alarm_lines, window_line

        text = utf8(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
        if self._file is not None:
            with explaining_storage(Path(str(self._path))):
                self._file.write(text)
                self._file.flush()
        lines = [window_line(result), *alarm_lines(self._alarms, result.alarms)]
        self._alarms = result.alarms
        with to_stdout():
            if self._path == STDOUT:
                write_document(text)
            else:
                sys.stdout.writelines(f"{line}\n" for line in lines)
