"""Where a command's output goes: results to stdout or a JSON file, progress and notes to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text

from rafair.engine.files import writing

WIDTH_WITHOUT_TERMINAL = 100


def results() -> Console:
    """The console that results are printed on."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, soft_wrap=False)


def print_result(document: Any, readable: RenderableType | None, json_path: str | None) -> None:
    """Prints a command's result, as JSON where `--json` asks for it.

    Args:
        document: The result as plain lists, dictionaries, strings and numbers.
        readable: The same for people.
        json_path: A file for the JSON, "-" for stdout instead of the readable form, or None.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if json_path == "-":
        sys.stdout.write(text)
        return
    if json_path:
        with writing(Path(json_path)) as path:
            path.write_text(text, encoding="utf-8")
    if readable is not None:
        results().print(readable)


def say_where(folder: Path | str, json_path: str | None) -> None:
    """Says where a command's files are: on stdout, or on stderr where that carries JSON."""
    message = Text.assemble("Run folder: ", (str(folder), "bold"))
    console = Console(stderr=True, highlight=False) if json_path == "-" else results()
    console.print(message, soft_wrap=True)


class _Rate(ProgressColumn):
    """Units done per second."""

    def render(self, task: RichTask) -> Text:
        unit = task.fields.get("unit", "")
        if not task.speed:
            return Text(f"– {unit}/s", style="dim")
        return Text(f"{task.speed:,.0f} {unit}/s", style="dim")


class TerminalProgress:
    """Progress bars on stderr with rate and remaining time; silent where that is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, description: str, total: float | None, unit: str = "") -> Iterator[_Bar]:
        """Opens a bar that closes with the context."""
        bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        with bars:
            yield _Bar(bars, bars.add_task(description, total=total, unit=unit))

    def note(self, message: str) -> None:
        """Prints one line on stderr."""
        self._console.print(message, style="dim", markup=False, soft_wrap=True)


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1) -> None:
        """Moves the bar on."""
        self._bars.advance(self._task, amount)
