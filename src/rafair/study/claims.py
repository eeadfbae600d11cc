"""Statements about the figures, each found to hold or not in the figures of this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from rafair.results.run_files import CLEAN
from rafair.study.formats import ROUNDING, figure, signed
from rafair.study.frame_lookup import distinct, means_by, rows_by, values_by
from rafair.study.table_order import GOALS, MEAN, UNION, printed
from rafair.study.trajectories import GOAL_VERDICTS

PAPER, OURS = "paper", "rafair"
OWN_RATE = {"rafair-tb": "tbr", "rafair-ff": "ffr", "rafair-fb": "fbr"}
SHARE_IN_FF = 0.8
MOST = 0.5


@dataclass(frozen=True)
class Claim:
    """A statement, and what this run says of it.

    Args:
        text: The statement.
        source: "paper" where the paper makes it, "rafair" where we ask it of ourselves.
        holds: Whether it holds here.
        evidence: The figures behind the answer.
    """

    text: str
    source: str
    holds: bool
    evidence: str


def rate_claims(table: pd.DataFrame) -> Iterator[Claim]:
    """What Table 3's means say of the union and of each goal."""
    rates = values_by(table[table["dataset"] == MEAN], "attack", "metric")
    attacks = [name for name in distinct(table, "attack") if name != CLEAN]
    for metric, name in (("r_acc", "R-ACC"), ("r_if", "R-IF"), ("r_af", "R-AF")):
        left = {attack: rates[attack, metric] for attack in attacks}
        yield _lowest(left, f"No attack leaves a lower {name} than RAFair (Table 3)", PAPER)
    for goal, rate in OWN_RATE.items():
        raised = {name: rates[name, rate] - rates[CLEAN, rate] for name in GOALS}
        own, most = raised.pop(goal), max(raised.values())
        yield Claim(
            f"{printed(goal)} raises {rate.upper()}, and more than the two other goals do",
            PAPER,
            own > max(most, 0) + ROUNDING,
            f"{signed(own)}; at most {signed(most)} by another goal",
        )
    raised_accuracy = rates["rafair-tb", "r_acc"] - rates[CLEAN, "r_acc"]
    yield Claim(
        "RAFair TB does not lower R-ACC: what it breaks stays right",
        PAPER,
        raised_accuracy >= -ROUNDING,
        f"{signed(raised_accuracy)} from {figure(rates[CLEAN, 'r_acc'])}",
    )


def repair_claims(table: pd.DataFrame) -> Iterator[Claim]:
    """What Table 4's means say of the repair."""
    rates = values_by(table[table["dataset"] == MEAN], "attack", "metric")
    attacks = distinct(table, "attack")
    left = {attack: rates[attack, "tfr"] for attack in attacks}
    least = min(left, key=left.__getitem__)
    yield Claim(
        "After benign perturbations most rows of every attack are true fair (Table 4)",
        PAPER,
        left[least] > MOST,
        f"at least {figure(left[least])}, for {printed(least)}",
    )
    yield Claim(
        "After the repair, true biased rows are the most frequent of the three bad cells, for "
        "every attack",
        PAPER,
        all(rates[a, "tbr"] > max(rates[a, "ffr"], rates[a, "fbr"]) for a in attacks),
        f"RAFair: {figure(rates[UNION, 'tbr'])} true biased, {figure(rates[UNION, 'ffr'])} false "
        f"fair, {figure(rates[UNION, 'fbr'])} false biased",
    )
    others = {name: share for name, share in left.items() if name not in (UNION, *GOALS)}
    if others:
        hardest = min(others, key=others.__getitem__)
        yield Claim(
            "RAFair's rows are true fair after the repair less often than those of the attacks to "
            "compare with",
            PAPER,
            left[UNION] < others[hardest],
            f"{figure(left[UNION])}; at least {figure(others[hardest])} for the others "
            f"({printed(hardest)})",
        )


def budget_claims(budgets: pd.DataFrame, comparison: pd.DataFrame) -> Iterator[Claim]:
    """What the three budgets say of the union."""
    outcome = budgets[(budgets["dataset"] == MEAN) & (budgets["kind"] == "outcome")]
    left = values_by(outcome, "epsilon", "attack")
    *smaller, largest = sorted(distinct(outcome, "epsilon"))
    for epsilon in smaller:
        here = {attack: value for (at, attack), value in left.items() if at == epsilon}
        yield _lowest(
            here, f"No attack leaves a lower mean R-AF than RAFair at epsilon {epsilon:g}", OURS
        )
    means = comparison[(comparison["dataset"] == MEAN) & (comparison["epsilon"] == largest)]
    gaps = rows_by(means, "attack")
    if gaps:
        nearest = min(gaps, key=lambda attack: float(gaps[attack]["difference"]))
        gap = gaps[nearest]
        yield Claim(
            f"At epsilon {largest:g} no attack leaves a mean R-AF below RAFair's by more than its "
            "95 % interval",
            OURS,
            not any(row["lower"] for row in gaps.values()),
            f"the lowest is {printed(nearest)}: {signed(gap['difference'])} "
            f"[{signed(gap['low'])}, {signed(gap['high'])}]",
        )


def area_claims(quadrants: pd.DataFrame) -> Iterator[Claim]:
    """What the slopes say of each goal."""
    shares = means_by(quadrants, "goal", "dataset", value="share")
    means: dict[str, float] = {}
    for goal in GOALS:
        own = {dataset: share for (name, dataset), share in shares.items() if name == goal}
        means[goal] = sum(own.values()) / len(own)
        each = ", ".join(f"{dataset} {share:.2f}" for dataset, share in own.items())
        yield Claim(
            f"Most instances lie in the {GOAL_VERDICTS[goal]} area under {printed(goal)}, on every "
            "data set",
            PAPER,
            min(own.values()) > MOST,
            f"mean {means[goal]:.2f}; {each}",
        )
    yield Claim(
        f"At least {100 * SHARE_IN_FF:.0f} % of instances lie in the false fair area under "
        "RAFair FF, in the mean over data sets",
        OURS,
        means["rafair-ff"] >= SHARE_IN_FF,
        f"mean {means['rafair-ff']:.2f}",
    )


def _lowest(left: Mapping[str, float], text: str, source: str) -> Claim:
    """Whether no other attack leaves less than the union; its own goals are no others."""
    union = left[UNION]
    others = {name: value for name, value in left.items() if name not in (UNION, *GOALS)}
    if not others:
        return Claim(text, source, True, f"{figure(union)}; no other attack was run")
    lowest = min(others, key=others.__getitem__)
    return Claim(
        text,
        source,
        union <= others[lowest] + ROUNDING,
        f"RAFair {figure(union)}, {printed(lowest)} {figure(others[lowest])}",
    )
