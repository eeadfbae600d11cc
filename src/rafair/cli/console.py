"""Where a command's output goes: results to stdout or a JSON file, progress and notes to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

from rafair.cli.standard_streams import discard, write_document
from rafair.engine.atomic_files import writing
from rafair.engine.text_file import utf8
from rafair.errors import RafairError, StorageError
from rafair.masking import masked
from rafair.sanitize import visible

if TYPE_CHECKING:
    from rafair.results.audit_result import Audit

WIDTH_WITHOUT_TERMINAL = 100


class _Results(Console):
    """A console that leaves it to us what to do when nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Passes the error on; Rich would end the program with exit code 1."""
        raise BrokenPipeError


def results() -> Console:
    """The console that results are printed on."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if known else WIDTH_WITHOUT_TERMINAL
    return _Results(width=width, highlight=False, soft_wrap=False)


def print_result(
    document: Any, readable: RenderableType | bytes | None, json_path: str | None
) -> None:
    """Prints a command's result, as JSON where `--json` asks for it.

    Args:
        document: The result as plain lists, dictionaries, strings and numbers.
        readable: The same for people, in the encoding of their terminal; a text is written as it
            is, line by line. Bytes are a document that may be saved: UTF-8, whatever the terminal.
        json_path: A file for the JSON, "-" for stdout instead of the readable form, or None.
    """
    if json_path is not None:
        text = utf8(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if json_path == "-":
        with to_stdout():
            write_document(text)
        return
    if json_path:
        with writing(Path(json_path)) as path:
            path.write_bytes(text)
    if readable is not None:
        with to_stdout():
            if isinstance(readable, bytes):
                write_document(readable)
            elif isinstance(readable, str):
                sys.stdout.write(readable)
            else:
                _print_laid_out(readable)


def _print_laid_out(readable: RenderableType) -> None:
    """Prints tables; where no terminal shows them, without the blanks that fill up their lines."""
    console = results()
    if console.is_terminal:
        console.print(readable, crop=False)
        return
    with console.capture() as captured:
        console.print(readable, crop=False)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def show_audit(audit: Audit, json_path: str | None) -> None:
    """Prints what an audit says first, and sees to it that a report is in its folder."""
    from rafair.blocks.terminal import render

    page = with_report(audit)
    show, report = f"rafair show {audit.folder}", page or f"rafair report {audit.folder}"
    rest = [f"Everything else: {show} · as a page: {report}"]
    if len(rest[0]) > results().width:
        rest = [f"Everything else: {show}", f"As a page: {report}"]
    print_result(audit.document, render(audit.first_screen(rest, results().width)), json_path)
    if json_path == "-":
        print(visible(rest[0]), file=sys.stderr)


def with_report(audit: Audit) -> Path | None:
    """The page in an audit's folder, made of its files each time; a warning where it cannot be.

    A page that lies there is not believed: nothing tells whether it is as it was written. The audit
    stands whether or not there is a page, so nothing here ends the command.
    """
    from rafair.reports.report_builder import contents_of
    from rafair.reports.report_formats import DEFAULT, FORMATS

    page = FORMATS[DEFAULT]
    path = audit.folder / page.file
    try:
        page.write(contents_of(audit), path)
    except (RafairError, OSError) as error:
        said = f"'{path}': not written; the audit is complete without it: {error}"
        print(f"rafair: warning: {visible(said)}", file=sys.stderr)
        return None
    return path


def say_where(folder: Path | str, json_path: str | None, what: str = "Run folder") -> None:
    """Says where a command's files are: on stdout, or on stderr where that carries JSON."""
    message = Text.assemble(f"{what}: ", (str(folder), "bold"))
    with to_stdout():
        console = Console(stderr=True, highlight=False) if json_path == "-" else results()
        console.print(message, soft_wrap=True)


@contextmanager
def to_stdout() -> Iterator[None]:
    """Lets a reader such as `head` stop reading, and says plainly if the output has no room.

    Raises:
        StorageError: If stdout cannot be written to.
    """
    if sys.stdout is None:  # Python has none where the descriptor was closed at the start
        raise StorageError("standard output: cannot be written: it is closed")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        raise StorageError(f"standard output: cannot be written: {error.strerror}") from error


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
            SpinnerColumn("dots" if self._console.encoding.startswith("utf") else "line"),
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
            task = bars.add_task(description, total=total, unit=unit)
            yield _Bar(bars, task, description)

    def note(self, message: str) -> None:
        """Prints one line on stderr."""
        shown = visible(masked(message))
        self._console.print(shown, style="dim", markup=False, soft_wrap=True)


class _Bar:
    def __init__(self, bars: Progress, task: TaskID, description: str) -> None:
        self._bars = bars
        self._task = task
        self._description = description

    def advance(self, amount: float = 1) -> None:
        """Moves the bar on."""
        self._bars.advance(self._task, amount)

    def tell(self, found: str) -> None:
        """Shows it beside the bar."""
        self._bars.update(self._task, description=f"{self._description} ({found})")
