"""Contents made by hand, to lay out what no real audit holds all at once."""

from __future__ import annotations

import numpy as np

from rafair.blocks.block_types import Cells
from rafair.gating.gate_decision import Decision, Finding, RunFacts, Status
from rafair.metrics.rates import share
from rafair.reports.first_half_page import First
from rafair.reports.report_contents import (
    NONE,
    Bar,
    CaseTable,
    Chart,
    Column,
    Contents,
    FeatureColumns,
)
from rafair.results.verdict_flows import Flows
from rafair.verdicts import Verdict

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "<!--<script>",
    "{{7*7}}",
    "{% raw %}",
    "=cmd()",
    "a\u202eb",
    "__proto__",
    "constructor",
    "' onmouseover='alert(3)",
    "javascript:alert(4)",
    "&lt;b&gt;&#x3c;",
    "line\nbreak",
    "\u2028\u2029",
    "W" * 300,
    "שלום",
    "",
)
VERDICTS = ("true biased", "false fair", "false biased")


def contents_with(names: tuple[str, ...], n: int, seed: int = 0) -> Contents:
    """A report in which every text that can be a user's is one of these names.

    Args:
        names: Names of features, levels, classes, attacks and all else.
        n: How many cases.
        seed: Decides the cases.
    """
    draws = np.random.default_rng(seed)
    rate = share(np.arange(30) < 12)
    bars = [Bar(name, rate) for name in names] + [Bar("none", None)]
    picture = Chart(f"Rates of {names[0]}", [(name, bars) for name in names[:2]], names[1])
    cells = Cells(
        names[0], ["", *names], [[name, *(["0.4\n0.25–0.58"] * len(names))] for name in names]
    )
    return Contents(
        title=f"Audit of {names[0]}",
        first=_first(names),
        summary=[f"A model was audited on '{name}'." for name in names],
        facts=[(name, name) for name in names],
        warnings=list(names),
        rates=[cells, cells],
        groups=[picture],
        pairs=[picture],
        gaps=cells,
        features=[picture] * 6,
        moved=picture,
        tables=[cells],
        cases=_cases(names, n, draws),
        manifest=[(name, name) for name in names],
        repeat=f"rafair audit --data '{names[0]}'",
        reading=[(name, name) for name in names],
    )


def _first(names: tuple[str, ...]) -> First:
    fair, *bad = Verdict
    ways = {(fair, fair, fair): 5, **{(fair, cell, fair): 3 for cell in bad}}
    return First(
        sentence=f"A model was audited on {names[0]}.",
        number="5",
        n=14,
        flows=Flows(["as they were", "perturbed", "rows repaired"], ways, names[0]),
        hardest=list(names),
        steps=[(f"Do {name}", f"rafair '{name}'") for name in names],
        caveats=list(names),
        flows_note=f"By {names[0]}.",
        decision=_decision(names),
    )


def _decision(names: tuple[str, ...]) -> Decision:
    def finding(number: int, name: str) -> Finding:
        status = list(Status)[number % len(Status)]
        return Finding(
            rule=number + 1,
            title=name,
            status=status,
            blocks=status is Status.FAILED,
            rate="clean.accuracy",
            attack=None,
            group=name,
            value=name,
            measured=None,
            threshold="at_least",
            limit=0.5,
            by="value",
            sentence=f"'{name}' is below 0.5",
        )

    run = RunFacts("run", "0" * 64, names[0], names[0], None, "now", 14, "1")
    return Decision([finding(number, name) for number, name in enumerate(names)], run)


def _cases(names: tuple[str, ...], n: int, draws: np.random.Generator) -> CaseTable:
    def column(texts: tuple[str, ...], absent: float = 0.0) -> Column:
        codes = draws.integers(0, len(texts), n)
        return Column("", texts, np.where(draws.random(n) < absent, NONE, codes).astype(np.int32))

    others, repaired = column(names, 0.3), column(names, 0.1)

    def feature(number: int, name: str) -> FeatureColumns:
        clean = draws.integers(0, len(names), n).astype(np.int32)
        moved = (draws.random(n) < 0.4) & (number >= 2)
        perturbed = np.where(moved, (clean + 1) % len(names), clean).astype(np.int32)
        other = (perturbed + 1) % len(names) if number < 2 else perturbed
        return FeatureColumns(
            name,
            number < 2,
            names,
            clean,
            perturbed,
            np.where(others.codes == NONE, NONE, other).astype(np.int32),
            np.where(repaired.codes == NONE, NONE, clean).astype(np.int32),
        )

    return CaseTable(
        instance=np.arange(n, dtype=np.int64),
        step=draws.integers(1, 20, n),
        attack=column(names),
        verdict=column(VERDICTS),
        before=column(("true fair", *VERDICTS)),
        label=column(names),
        clean_prediction=column(names),
        prediction=column(names),
        counterpart_prediction=others,
        repaired_prediction=repaired,
        repaired_verdict=Column(
            "", ("true fair",), np.where(repaired.codes == NONE, NONE, 0).astype(np.int32)
        ),
        features=[feature(number, name) for number, name in enumerate(names)],
    )
