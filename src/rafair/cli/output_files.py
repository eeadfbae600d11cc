"""Files that a command writes besides its folder: checked before any work, never over others'."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Collection
from pathlib import Path

from rafair.arguments import check_name
from rafair.engine.atomic_files import check_writable, explaining_storage
from rafair.engine.run_folder import MONITOR, OURS, is_ours
from rafair.errors import InputError

STDOUT = "-"
OF_A_WATCH = ("reference.json",)
OF_A_RUN = (".parquet", ".safetensors", ".onnx", ".sqlite")
"""How files of a run end whose names are not known beforehand."""


def json_output(path: str | None) -> str | None:
    """Refuses a place for JSON that cannot be written to, or that something else stands at.

    Raises:
        InputError: If it is a file of a run, or one that holds no JSON.
    """
    return _checked("--json", path, "JSON", b"{[")


def xml_output(path: str | None) -> str | None:
    """The same for XML.

    Raises:
        InputError: If it is a file of a run, or one that holds no XML.
    """
    return _checked("--junit", path, "XML", b"<")


def page_output(path: str | None) -> str | None:
    """The same for a page.

    Raises:
        InputError: If it is a file of a run, or one that holds no HTML, or stdout.
    """
    if path == STDOUT:
        raise InputError("--out: expected a file, got '-'")
    return _checked("--out", path, "HTML", b"<")


def _checked(option: str, given: str | None, kind: str, begins: bytes) -> str | None:
    if given is None or given == STDOUT:
        return given
    path = Path(given)
    check_writable(path)
    watched = path.parent.name == MONITOR and is_ours(path.parent.parent)
    if (is_ours(path.parent) or watched) and _is_of_a_run(path):
        raise InputError(f"{option}: expected another file than those of the run, got '{given}'")
    if path.is_file() and not _begins_with(path, begins):
        raise InputError(
            f"{option}: expected a new file, or one that holds {kind}, found another kind of file "
            f"at '{given}'"
        )
    return given


def _is_of_a_run(path: Path) -> bool:
    """Whether a file has the name of one that a run writes."""
    return path.name in (*OURS, *OF_A_WATCH) or path.suffix in OF_A_RUN


def _begins_with(path: Path, characters: bytes) -> bool:
    with explaining_storage(path), path.open("rb") as file:
        text = file.read(4096).removeprefix(BOM_UTF8).lstrip()
    return not text or text[0] in characters


def refuse_same(option: str, given: str | None, **inputs: str | Path | None) -> None:
    """Refuses to write over what the command reads.

    Args:
        option: The option that names the output.
        given: The output.
        inputs: The files that are read, by their option.

    Raises:
        InputError: If the output is one of them.
    """
    if given is None or given == STDOUT:
        return
    for name, path in inputs.items():
        if path is not None and _same(Path(given), Path(path)):
            raise InputError(f"{option}: expected another file than `{name}`, got '{given}'")


def refuse_inside(option: str, given: str | None, folder: str) -> None:
    """Refuses to write into a folder whose files the command reads as they come.

    Raises:
        InputError: If the output lies there.
    """
    if given not in (None, STDOUT) and _same(Path(str(given)).parent, Path(folder)):
        raise InputError(
            f"{option}: expected a file outside the folder that is watched, got '{given}'"
        )


def _same(first: Path, second: Path) -> bool:
    try:
        return first.resolve() == second.resolve()
    except (OSError, ValueError):  # no path that a file may have
        return False


def format_shown(given: str | None, json: str | None, formats: Collection[str]) -> str:
    """What stdout carries, where `--json -` asks for it as well.

    Args:
        given: What `--format` says, if anything.
        json: What `--json` says, if anything.
        formats: Those that there are, the default first; "json" among them.

    Raises:
        UnknownNameError: If there is no such format.
        InputError: If two things are to go there.
    """
    shown = check_name("format", given or next(iter(formats)), formats)
    if json != STDOUT:
        return shown
    if given not in (None, "json"):
        raise InputError(
            f"json: expected a file with `format={given}`, got '-'; standard output carries one "
            "of them"
        )
    return "json"
