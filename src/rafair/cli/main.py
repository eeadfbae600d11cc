"""The program `rafair`: its commands, and where errors become lines and exit codes."""

from __future__ import annotations

import gc
import re
import sys
import tempfile
import traceback
import warnings
from typing import Annotated, TextIO

import typer

from rafair._version import __version__
from rafair.cli import (
    attack,
    audit,
    certify,
    data,
    diff,
    gate,
    harden,
    monitor,
    repair,
    report,
    reproduce,
    schema,
    show,
    train,
)
from rafair.cli.machine_errors import reason_of_machine
from rafair.cli.standard_streams import discard, occupy_standard_descriptors, usable_streams
from rafair.engine.text_file import utf8
from rafair.errors import IncompleteError, InputError, RafairError, RafairWarning
from rafair.masking import masked
from rafair.sanitize import visible

INTERRUPTED = 130
READERS = ("gate", "diff", "report", "show")
"""Commands that only read a finished run, so that there is nothing to carry on."""
IN_PARTS = ("audit", "attack", "repair")
"""Commands that keep whole parts alone, and say how many: there may be none yet."""
BUG = 70

app = typer.Typer(
    name="rafair",
    help="Audits whether a classifier's decisions stay right and equal for similar people when "
    "inputs are perturbed.",
    epilog="Example:  rafair audit",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS = (audit, show, train, attack, certify, repair, harden, gate, diff, report, reproduce)
for command in COMMANDS:
    name = command.__name__.rpartition(".")[2]
    app.command(name, epilog=command.EPILOG)(getattr(command, name))
app.add_typer(monitor.app, name="monitor")
app.add_typer(data.app, name="data")
app.add_typer(schema.app, name="schema")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rafair {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Runs the program and ends the process with its exit code."""
    occupy_standard_descriptors()
    code = run(arguments)
    if code == INTERRUPTED:
        gc.freeze()  # else Python looks for garbage once more, for a second or two
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Runs the program; returns its exit code, with at most one line of error on stderr."""
    with usable_streams():
        return _run(sys.argv[1:] if arguments is None else arguments)


def _run(arguments: list[str]) -> int:
    warnings.showwarning = _show_warning
    try:
        _check_encoding(arguments)
        result = app(arguments, prog_name="rafair", standalone_mode=False)
    except RafairError as error:
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        discard(sys.stdout)
        return 0
    except Exception as error:  # the last resort: a bug must not print its traceback at the user
        usage = _usage_message(error)
        if usage is not None:
            return _complain(usage, 2)
        if _comes_from_interrupt(error):
            result = INTERRUPTED
        elif reason := reason_of_machine(error):
            return _complain(reason, IncompleteError.exit_code)
        else:
            return _complain(f"a bug in rafair; {_log_traceback()}", BUG)
    if result == INTERRUPTED:  # Typer turns Ctrl-C into an exit code of its own
        return _complain(_interrupted(arguments), INTERRUPTED)
    return result if isinstance(result, int) else 0


def _check_encoding(arguments: list[str]) -> None:
    """Refuses arguments whose bytes are no text here: libraries could not open such files."""
    for argument in arguments:
        if not argument.isascii() and re.search("[\ud800-\udfff]", argument):
            raise InputError(
                f"'{argument}': expected an argument in this locale's encoding "
                f"({sys.getfilesystemencoding()}), found other bytes; choose another name, or a "
                "UTF-8 locale, as with PYTHONUTF8=1"
            )


def _interrupted(arguments: list[str]) -> str:
    """What an interrupted command can still come to."""
    if arguments[:1] and arguments[0] in READERS:
        return "interrupted"
    carries = "do the rest" if arguments[:1] and arguments[0] in IN_PARTS else "carry on"
    return f"interrupted; run the same command again to {carries}"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Prints our warnings as one line; those of libraries are no news to a user."""
    if issubclass(category, RafairWarning):
        print(f"rafair: warning: {visible(masked(str(message)))}", file=sys.stderr)


def _usage_message(error: Exception) -> str | None:
    """The one line of a command-line error, or None for any other exception.

    Typer brought its own copy of Click in 0.2x, so the class cannot be named for all versions.
    """
    message = getattr(error, "format_message", None)
    return " ".join(message().split()) if callable(message) else None


def _comes_from_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error.

    Python raises one of its own for it while a class is being made, as imports do all the time.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _complain(message: str, code: int) -> int:
    # names of others stand in it, and addresses as they were typed
    print(f"rafair: {visible(masked(message))}", file=sys.stderr)
    return code


def _log_traceback() -> str:
    """Writes the traceback of a bug to a file; says where that is."""
    try:
        with tempfile.NamedTemporaryFile(prefix="rafair-", suffix=".log", delete=False) as file:
            file.write(utf8(traceback.format_exc()))
    except OSError as error:
        return f"its traceback could not be written: {error.strerror}: {traceback.format_exc()}"
    return f"its traceback is in {file.name}"
