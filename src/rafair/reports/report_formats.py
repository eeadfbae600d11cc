"""The formats of a report, and how one is made from a run folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rafair.arguments import check_name
from rafair.engine.text_file import write_whole
from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.reports.report_contents import Contents
    from rafair.results.audit_result import Audit


@dataclass(frozen=True)
class Format:
    """A way to lay out a report.

    Args:
        file: The name it has in the run folder by default.
        suffixes: How its files' names may end.
        home: The module that lays it out, which is loaded when it is asked for.
        layout: The name of what does: a function from contents to a text.
        shows: What a caller may add: "title", and "policy" where it says whether one is met.
    """

    file: str
    suffixes: tuple[str, ...]
    home: str
    layout: str
    shows: tuple[str, ...] = ("title", "policy")

    def write(self, contents: Contents, path: Path) -> None:
        """Writes a report whole or not at all."""
        layout: Callable[[Contents], str]
        layout = getattr(importlib.import_module(self.home), self.layout)
        write_whole(path, layout(contents))


FORMATS = {
    "html": Format("report.html", (".html", ".htm"), "rafair.reports.page", "render_page"),
    "markdown": Format(
        "report.md", (".md", ".markdown"), "rafair.reports.markdown_report", "as_markdown"
    ),
    "csv": Format("cases.csv", (".csv",), "rafair.reports.cases_csv", "cases_csv", ()),
    "model-card": Format(
        "model-card.md",
        (".md", ".markdown"),
        "rafair.reports.model_card",
        "as_model_card",
        ("title",),
    ),
}
DEFAULT = "html"


def report(
    run: Audit | str | Path,
    format: str | None = None,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    policy: str | Path | None = None,
) -> Path:
    """Writes the report of a finished run, whose figures are derived again from its files first.

    Args:
        run: A run folder, or an audit.
        format: "html", "markdown", "csv" (all cases) or "model-card"; by default what the path's
            name ends in, else "html".
        path: Where to write it; by default `report.html`, `report.md`, `cases.csv` or
            `model-card.md` in the run folder.
        title: What it is called; by default by its model and data.
        policy: A policy's TOML file, as of `rafair.gate`: the report says whether it is met.

    Returns:
        Where it was written.

    Raises:
        UnknownNameError: If there is no such format.
        InputError: If the path cannot be written to, ends like another format, or is of the run;
            or the policy is wrong, or the format shows none.
        RunFolderError: If there is no such run, or it was altered.
        UnfinishedRunError: If the audit was not carried to its end.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> rafair.report(audit, format="csv").name
        'cases.csv'
    """
    from rafair.engine.atomic_files import check_writable
    from rafair.gating.entry import held
    from rafair.gating.policy_file import as_policy
    from rafair.reports.report_builder import contents_of
    from rafair.results.run_files import AUDIT
    from rafair.results.verification import understanding, verified_run

    folder = Path(run) if isinstance(run, str | Path) else run.folder
    name = format_of(format, path)
    chosen = FORMATS[name]
    _refuse_unshown(name, title=title, policy=policy)
    rules = None if policy is None else as_policy(policy)
    target = folder / chosen.file if path is None else Path(path)
    if path is not None:
        check_writable(target)
    audit = verified_run(folder)
    _refuse_own_file(audit, target)
    check_writable(target)
    decision = None if rules is None else held(audit, rules, policy)
    with understanding(folder / AUDIT):
        chosen.write(
            contents_of(audit, title, decision, None if policy is None else str(policy)), target
        )
    return target


def _refuse_unshown(name: str, **given: object) -> None:
    """Refuses what a format would leave out.

    Raises:
        InputError: If something is given that it does not show.
    """
    for what, value in given.items():
        if value is not None and what not in FORMATS[name].shows:
            shown = " or ".join(known for known, one in FORMATS.items() if what in one.shows)
            raise InputError(f"{what}: expected the format {shown}, got {name}, which shows none")


def format_of(name: str | None, path: str | Path | None) -> str:
    """The name of the format that is meant.

    Raises:
        UnknownNameError: If there is none of this name.
        InputError: If the path's name ends like another format.
    """
    suffix = Path(path).suffix.lower() if path is not None else ""
    if name is None:
        by_suffix = [known for known, found in FORMATS.items() if suffix in found.suffixes]
        if suffix and not by_suffix:
            raise InputError(
                f"'{path}': expected a name that ends in .html, .md or .csv, or a format, got "
                f"'{suffix}'"
            )
        return by_suffix[0] if by_suffix else DEFAULT
    chosen = FORMATS[check_name("format", name, FORMATS)]
    known_suffixes = {ending for known in FORMATS.values() for ending in known.suffixes}
    if suffix in known_suffixes - set(chosen.suffixes):
        raise InputError(
            f"'{path}': expected a name that ends in {chosen.suffixes[0]} for format {name}"
        )
    return name


def _refuse_own_file(audit: Audit, target: Path) -> None:
    """Refuses to write over what the run consists of.

    Raises:
        InputError: If the target is one of its files.
    """
    from rafair.results.run_files import AUDIT

    own = {(audit.folder / name).resolve() for name in (AUDIT, *audit.record.files)}
    if target.resolve() in own:
        raise InputError(f"'{target}': expected another file than those of the run")
