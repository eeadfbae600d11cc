"""A gate's decision as blocks: every rule with what was found, and the verdict."""

from __future__ import annotations

from rafair.blocks.block_types import Block, Cells, Facts, Heading, Said, Tone
from rafair.blocks.markdown import as_markdown
from rafair.gating.gate_decision import Decision, Finding, RunFacts, Status

TONES = {
    str(Status.PASSED): Tone.GOOD,
    str(Status.FAILED): Tone.BAD,
    str(Status.NOT_MEASURED): Tone.WARNING,
    str(Status.NOT_JUDGED): Tone.QUIET,
}


def blocks(decision: Decision) -> list[Block]:
    """What a person wants to see on a terminal; the verdict stands last, where a log ends."""
    verdict = Said([decision.verdict], Tone.GOOD if decision.passed else Tone.BAD)
    return [_runs(decision), _findings(decision), verdict]


def gate_markdown(decision: Decision) -> str:
    """The same, such as for a pull request; the verdict stands first."""
    title = Heading(f"rafair gate {decision.verdict}")
    return as_markdown([title, _findings(decision), _runs(decision)])


def _runs(decision: Decision) -> Facts:
    runs = {"Run": decision.run, "Baseline": decision.baseline}
    return Facts([(name, about(run)) for name, run in runs.items() if run])


def _findings(decision: Decision) -> Cells:
    rows = [(str(one.status), numbered(one), one.sentence) for one in decision.findings]
    return Cells("", ("status", "rule", "found"), rows, prose=True, tones=TONES)


def numbered(finding: Finding) -> str:
    """The rule's number and what it asks for, as it was written."""
    return f"{finding.rule}. {finding.title}"


def about(run: RunFacts) -> str:
    """A run in a line, as it was named."""
    return (
        f"{run.folder}: {run.instances:,} instances of {run.dataset}, model {run.model}, "
        f"audit.json {run.sha256[:12]}"
    )
