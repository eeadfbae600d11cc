"""`rafair gate`: thresholds on an audit's rates, and an exit code that stops a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rafair.cli import shared_options
from rafair.cli.console import print_result
from rafair.cli.output_files import STDOUT, format_shown, refuse_same, xml_output
from rafair.cli.typer_options import grouped
from rafair.engine.text_file import utf8
from rafair.errors import InputError
from rafair.options import group, option

if TYPE_CHECKING:
    from rafair.gating.gate_decision import Decision

EPILOG = "Example:  rafair gate runs/affairs-1 --policy policy.toml --junit gate.xml"
FAILED = 1
FORMATS = ("text", "json", "markdown", "github")


@group
class Deciding(shared_options.Shown):
    """What a run is held against, and how that is told."""

    policy: Path | None = option(None, "The policy, a TOML file; --init prints one.", "FILE")
    baseline: Path | None = option(
        None, "The run to compare with.", "RUN", said="what the policy names"
    )
    format: str | None = option(
        None,
        "text, json (as --json -), markdown, or github (workflow commands).",
        "NAME",
        said="text",
    )
    junit: str | None = option(
        None, "Write JUnit XML to a file as well.", "FILE", callback=xml_output
    )
    init: bool = option(False, "Print a commented policy to begin with.")


@grouped
def gate(
    asked: Deciding,
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A finished run folder.")
    ] = None,
) -> None:
    """Holds a finished audit against thresholds: exit code 0 if it passes, 1 if it fails.

    The audit's rates are derived again from its files first. Wrong input ends with exit code 2, an
    audit that is not finished with 3.
    """
    if asked.init:
        _print_policy({"run": run} | {n: v for n, v in vars(asked).items() if v is not True})
        return
    policy, junit, json = asked.policy, asked.junit, asked.json
    shown = format_shown(asked.format, json, FORMATS)
    if run is None:
        raise InputError("RUN: expected a finished run folder, got none")
    if policy is None:
        raise InputError("policy: expected FILE, got none; `rafair gate --init` prints one")
    if junit == STDOUT:
        raise InputError("junit: expected a file, got '-'; standard output carries the decision")
    refuse_same("junit", junit, json=json, policy=policy)
    refuse_same("json", json, policy=policy)
    from rafair.gating.entry import gate as decide

    decision = decide(run, policy, asked.baseline)
    if junit is not None:
        from rafair.reports.junit import write_junit

        write_junit(decision, Path(junit))
    _show(decision, shown, json)
    if not decision.passed:
        raise typer.Exit(FAILED)


def _print_policy(others: dict[str, object]) -> None:
    from rafair.gating.starter_policy import FIRST_POLICY

    shared_options.refuse_with("`init`, which prints a policy", others)
    print_result(None, utf8(FIRST_POLICY), None)


def _show(decision: Decision, shown: str, json: str | None) -> None:
    from rafair.blocks.terminal import render
    from rafair.reports.gate_github import gate_github
    from rafair.reports.gate_text import blocks, gate_markdown

    document = decision.to_dict()
    if shown == "json":
        if json not in (None, STDOUT):
            print_result(document, None, json)
        print_result(document, None, STDOUT)
        return
    if shown == "text":
        print_result(document, render(blocks(decision)), json)
        return
    layout = {"markdown": gate_markdown, "github": gate_github}[shown]
    print_result(document, utf8(layout(decision)), json)
