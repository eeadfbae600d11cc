"""Flows between cells, counted again row by row, and held against the document's counts."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

import planted
import rafair
from rafair.results.stored_verdicts import read_verdicts
from rafair.results.verdict_flows import flows_of
from rafair.verdicts import Verdict

KINDS = {
    "default": {"steps": 4, "step_size": 0.01},
    "paper's": {"attacks": ("rafair",), "steps": 4, "step_size": 0.01},
    "several": {"attacks": ("pgd", "strongest"), "steps": 3, "epsilons": (0.01, 0.02, 0.03)},
    "feasible": {"attacks": ("pgd",), "perturbation": "both", "steps": 3, "step_size": 0.01},
    "no repair": {"attacks": ("strongest",), "steps": 3, "labels": None},
    "no attack": {"attacks": ()},
}
LEADS = {
    "default": "strongest",
    "paper's": "rafair",
    "several": "strongest",
    "feasible": "feasible/pgd",
    "no repair": "strongest",
    "no attack": None,
}
STAGES = {"no repair": ["as they were", "perturbed"], "no attack": ["as they were"]}


@pytest.fixture(scope="module")
def audits():
    network = planted.network(5, seed=1, scale=2.0)
    table = planted.random_table(90, n_free=3, domains=(4, 3), seed=8)
    table = planted.mostly_right(table, network)
    return {kind: rafair.audit(network, table, **options) for kind, options in KINDS.items()}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def audit(audits, kind):
    return audits[kind]


@pytest.fixture
def flows(audit):
    return flows_of(audit.record, read_verdicts(audit.folder))


def rows_of(audit, attack):
    """What the rates of the attack are made of: its rows, its members', and smaller budgets'."""
    members = [f"rafair-{goal}" for goal in ("tb", "ff", "fb")] if attack == "rafair" else [attack]
    frames = [audit.adversarial]
    if (audit.folder / "curve.parquet").exists():
        frames.append(pd.read_parquet(audit.folder / "curve.parquet"))
    for frame in frames:
        yield from frame[frame["attack"].astype(str).isin(members)].itertuples()


def test_each_person_is_counted_once_as_a_walk_over_all_rows_finds(audit, flows, kind):
    assert flows.attack == LEADS[kind]
    assert flows.stages == STAGES.get(kind, ["as they were", "perturbed", "rows repaired"])
    clean, right, alike = {}, {}, {}
    for row in rows_of(audit, flows.attack or "clean"):
        if row.step == 0:
            clean[row.instance] = str(row.verdict)
        right[row.instance] = right.get(row.instance, True) and row.accurate
        alike[row.instance] = alike.get(row.instance, True) and row.fair
    stages = [clean]
    if flows.attack:
        words = {True: ("true", "fair"), False: ("false", "biased")}
        stages.append({i: f"{words[right[i]][0]} {words[alike[i]][1]}" for i in clean})
    if "rows repaired" in flows.stages:
        repaired = audit.repaired[audit.repaired["attack"].astype(str) == flows.attack]
        stages.append({row.instance: str(row.verdict) for row in repaired.itertuples()})
    walked = Counter(tuple(stage[instance] for stage in stages) for instance in clean)
    assert {tuple(map(str, path)): count for path, count in flows.counts.items()} == walked


def test_totals_are_the_counts_of_the_document_and_flows_add_up(audit, flows):
    document, n = audit.document, flows.n
    assert n == document["clean"]["n"]
    for stage in range(len(flows.stages)):
        assert sum(flows.at(stage).values()) == n
    for stage in range(len(flows.stages) - 1):
        moved = flows.between(stage)
        assert sum(moved.values()) == n
        for cell in Verdict:
            leaving = sum(count for (start, _), count in moved.items() if start == cell)
            coming = sum(count for (_, end), count in moved.items() if end == cell)
            assert leaving == flows.at(stage)[cell]
            assert coming == flows.at(stage + 1)[cell]
        assert stage or all(end & start == start for start, end in moved), "nobody is better off"
    told = {name: document["clean"][name.lower()]["count"] for name in Verdict.__members__}
    assert {cell.name: count for cell, count in flows.at(0).items()} == told
    if flows.attack:
        robust = document["attacks"][flows.attack]["robust"]
        found = flows.at(1)
        right = found[Verdict.TRUE_FAIR] + found[Verdict.TRUE_BIASED]
        alike = found[Verdict.TRUE_FAIR] + found[Verdict.FALSE_FAIR]
        assert robust["accuracy"]["count"] == right
        assert robust["individual_fairness"]["count"] == alike
        assert robust["accurate_fairness"]["count"] == found[Verdict.TRUE_FAIR]
        assert 0 < found[Verdict.TRUE_FAIR] < flows.at(0)[Verdict.TRUE_FAIR], "something moves"
    if "rows repaired" in flows.stages:
        final = document["repairs"][flows.attack]["final"]
        assert {c.name: k for c, k in flows.at(2).items()} == {
            name: final[name.lower()]["count"] for name in Verdict.__members__
        }
