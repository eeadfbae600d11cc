"""A gate's decision for the terminal: every rule with what was found, and the verdict last."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.gating.decision import Decision, Finding, RunFacts, Status
from rafair.visible import visible

STYLES = {
    Status.PASSED: "green",
    Status.FAILED: "bold red",
    Status.NOT_MEASURED: "bold yellow",
    Status.NOT_JUDGED: "dim",
}


def render_decision(decision: Decision) -> RenderableType:
    """What a person wants to see; the verdict stands last, where a log ends."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    grid.add_row("Run", Text(visible(about(decision.run))))
    if decision.baseline:
        grid.add_row("Baseline", Text(visible(about(decision.baseline))))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("rule", overflow="fold", ratio=1)
    table.add_column("found", overflow="fold", ratio=1)
    for finding in decision.findings:
        table.add_row(
            Text(str(finding.status), style=STYLES[finding.status]),
            Text(visible(numbered(finding))),
            Text(visible(finding.sentence)),
        )
    verdict = Text(decision.verdict, style="bold green" if decision.passed else "bold red")
    return Group(Padding(grid, (0, 0, 1, 0)), Padding(table, (0, 0, 1, 0)), verdict)


def numbered(finding: Finding) -> str:
    """The rule's number and what it asks for, as it was written."""
    return f"{finding.rule}. {finding.title}"


def about(run: RunFacts) -> str:
    """A run in a line, as it was named."""
    return (
        f"{run.folder}: {run.instances:,} instances of {run.dataset}, model {run.model}, "
        f"audit.json {run.sha256[:12]}"
    )
