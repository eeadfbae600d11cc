"""A gate's decision as Markdown, such as for a pull request."""

from __future__ import annotations

from rafair.gating.decision import Decision, Finding
from rafair.reports.gate_text import about, numbered
from rafair.reports.markdown_text import code, escaped, table


def gate_markdown(decision: Decision) -> str:
    """The decision as a heading, a table, and the runs that it is about."""
    parts = [
        f"## rafair gate {decision.verdict}",
        table(["status", "rule", "found"], map(_row, decision.findings), right=False),
        f"Run: {code(about(decision.run))}",
    ]
    if decision.baseline:
        parts.append(f"Baseline: {code(about(decision.baseline))}")
    return "\n\n".join(parts) + "\n"


def _row(finding: Finding) -> list[str]:
    status = f"**{finding.status}**" if finding.blocks else str(finding.status)
    return [status, escaped(numbered(finding)), escaped(finding.sentence)]
