"""What stands first in a report, for whoever reads no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rafair.blocks.block_types import Cells
from rafair.gating.gate_decision import Decision, Finding, Status
from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.reports.next_steps import Step, next_steps
from rafair.results.audit_record import AuditRecord
from rafair.results.epsilons import budgets_of
from rafair.results.hardest_hit_group import hit_hardest, not_compared
from rafair.results.headline import ends, headline
from rafair.results.headline_attacks import most_telling
from rafair.results.stored_verdicts import Verdicts
from rafair.results.verdict_flows import REPAIRED, Flows, flows_of
from rafair.results.verdict_text import caveats
from rafair.verdicts import Verdict

ROWS_MENDED = (
    " Rows repaired: each of these rows changed once more, by a small benign change{}. That mends "
    "rows; the model stays as it is."
)
BY_LABELS = " that follows the true labels, which nobody has when a decision is made"


@dataclass(frozen=True)
class First:
    """One sentence, one number, one picture, who is hit hardest, and what can be done.

    Args:
        sentence: How many stay right and treated alike.
        number: How many these are: a count, or from one to another where it is known so far.
        n: Of how many.
        flows: Through which cells people went.
        hardest: Who is hit hardest.
        steps: What can be done, each with its command.
        caveats: What to know before any of it is believed.
        flows_note: How to read the flows.
        decision: What became of each rule of a policy; None without one.
    """

    sentence: str
    number: str
    n: int
    flows: Flows
    hardest: Sequence[str]
    steps: Sequence[Step]
    caveats: Sequence[str]
    flows_note: str = ""
    decision: Decision | None = None


def first_of(
    record: AuditRecord,
    gathered: Verdicts,
    decision: Decision | None = None,
    policy: str | None = None,
) -> First:
    """What stands first in the report of an audit.

    Args:
        record: The audit, with its groups.
        gathered: The verdicts of its Parquet files.
        decision: The audit held against a policy.
        policy: What the policy's file is called.
    """
    number, n = _number(record)
    flows = flows_of(record, gathered)
    return First(
        sentence=headline(record),
        number=number,
        n=n,
        flows=flows,
        hardest=list(_hardest(record, flows.attack)),
        steps=next_steps(record, policy),
        caveats=caveats(record),
        flows_note=_note(record, flows),
        decision=decision,
    )


def _number(record: AuditRecord) -> tuple[str, int]:
    """Of the sentence's figures the one that it is about, and of how many people it is."""
    least, most = ends(record, most_telling(record))
    told = f"{least.count:,}" if least.count == most.count else f"{least.count:,}–{most.count:,}"
    return told, least.n


def _hardest(record: AuditRecord, attack: str | None) -> Iterator[str]:
    """Which groups differ most; where none does once perturbed, which did as they came."""
    said, without = list(hit_hardest(record, attack)), not_compared(record, attack)
    nothing = without.startswith("Not measured: ")
    if not said and record.gaps and not nothing:
        when = "Once perturbed, no" if attack else "No"
        yield f"{when} two groups of {LEAST_INSTANCES} or more by one sensitive feature differ."
        for sentence in hit_hardest(record, None) if attack else ():
            yield f"As they came: {sentence[0].lower()}{sentence[1:]}"
    yield from said
    if without and without not in said:
        yield without


def _note(record: AuditRecord, flows: Flows) -> str:
    """How to read the stages of the flows."""
    attack = flows.attack
    if attack is None:
        return ""
    largest = f" up to the largest epsilon, {list(budgets_of(record))[-1]}" if record.curve else ""
    said = (
        f"Perturbed: the worst that {attack} found{largest}; right only if right throughout, fair "
        "only if always treated like all counterparts."
    )
    left, standing = flows.at(1)[Verdict.TRUE_FAIR], ends(record, attack)[1].count
    if standing < left:
        said += f" Of the {left:,} that it left true fair a proof refuted {left - standing:,}."
    if REPAIRED in flows.stages:
        said += ROWS_MENDED.format(BY_LABELS if record.options.labels == "true" else "")
    return said


def flow_tables(flows: Flows) -> list[Cells]:
    """The same in figures: how many are in each cell at each stage, and who went which way."""
    stages = [flows.at(stage) for stage in range(len(flows.stages))]
    rows = [[str(cell), *(f"{found[cell]:,}" for found in stages)] for cell in Verdict]
    tables = [Cells("People in each cell", ["", *flows.stages], rows, dense=True)]
    if len(stages) > 1:
        ways = [[*map(str, path), f"{flows.counts[path]:,}"] for path in sorted(flows.counts)]
        tables.append(Cells("Who went which way", [*flows.stages, "people"], ways, dense=True))
    return tables


def met(decision: Decision) -> str:
    """Whether a policy is met, in words."""
    return "met" if decision.passed else "not met"


def found(finding: Finding) -> str:
    """What became of a rule, in words that say whether it stands against the release."""
    if finding.status is Status.PASSED:
        return "met"
    if finding.status is Status.FAILED:
        return "not met"
    return f"not met: {finding.status}" if finding.blocks else str(finding.status)
