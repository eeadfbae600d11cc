"""One shard of a certificate: the same whoever does it, in any company, whatever the domain."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

import planted
from planted_provers import linear_prover, planted_kinds
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.certify_options import certifying
from rafair.auditing.certify_shard import Certifier, CertifyPart
from rafair.auditing.possible_witnesses import Suspects
from rafair.engine.thread_pool import Workers
from rafair.models.torch_module import TorchClassifier
from rafair.results.run_files import CERTIFICATES


def work_of(table, module, epsilons=(0.02, 0.1), boxes=300, **options) -> Certifier:
    config = certifying(AuditConfig(epsilons=epsilons, steps=5, **options))
    resolved = config.resolved(table.schema, "cpu")
    return Certifier(TorchClassifier(module), table.schema, resolved, boxes, table.rows)


def part_of(table, start=0, stop=None) -> CertifyPart:
    rows = np.arange(len(table.rows))[start:stop]
    nothing = Suspects.none(table.rows.shape[1])
    return CertifyPart(table.rows[rows], table.labels[rows], rows, nothing)


def certificates(work: Certifier, part: CertifyPart, threads: int = 1) -> pa.Table:
    with Workers(threads) as workers:
        return work(part, workers, lambda count: None)[CERTIFICATES]


@pytest.fixture(scope="module")
def planted_network():
    table = planted.random_table(40, n_free=3, domains=(4, 3), seed=8)
    module = planted.network(5, seed=1)
    return planted.mostly_right(table, module), module


def test_neither_company_nor_place_nor_threads_show(planted_network):
    table, module = planted_network
    work = work_of(table, module)
    whole = certificates(work, part_of(table))
    assert {"certified", "refuted"} <= set(whole["verdict"].to_pylist())
    parts = [certificates(work, part_of(table, start, start + 9), 2) for start in range(0, 40, 9)]
    assert pa.concat_tables(parts).equals(whole)
    sent = pickle.loads(pickle.dumps((work, part_of(table))))
    assert certificates(*sent).equals(whole)


def test_more_boxes_leave_nothing_otherwise_but_what_was_open(planted_network):
    table, module = planted_network
    few, many = (
        certificates(work_of(table, module, boxes=boxes), part_of(table))["verdict"].to_pylist()
        for boxes in (2, 1000)
    )
    for before, after in zip(few, many, strict=True):
        assert before in ("open", "near_tie", after)


def test_a_domain_of_a_million_combinations():
    features = [planted.numeric(f"x{i}") for i in range(3)]
    features += [planted.numeric("s", sensitive=1000), planted.numeric("t", sensitive=1001)]
    generator = np.random.default_rng(4)
    rows = generator.random((6, 5), np.float32)
    rows[:, 3] = np.linspace(0, 1, 1000)[generator.integers(0, 1000, 6)]
    rows[:, 4] = np.linspace(0, 1, 1001)[generator.integers(0, 1001, 6)]
    table = planted.table_of(rows, np.array([0, 1, 0, 1, 0, 1]), tuple(features))
    module = planted.network(5, seed=3)
    found = certificates(work_of(table, module, epsilons=(0.01,)), part_of(table)).to_pandas()
    assert len(found) == 6 * 3
    fairness = found[found["property"] == "individual_fairness"]
    assert set(fairness["verdict"]) <= {"certified", "refuted"}
    assert fairness["witness"].notna().equals(fairness["verdict"] == "refuted")


def test_a_model_that_reads_no_sensitive_feature_is_not_searched_for_it(monkeypatch):
    planted_kinds(monkeypatch, linear_prover)
    table = planted.random_table(30, n_free=2, domains=(5,), seed=6)
    found = certificates(work_of(table, planted.linear([1.0, -1.0, 0.0])), part_of(table))
    frame = found.to_pandas()
    fairness = frame[frame["property"] == "individual_fairness"]
    assert set(fairness["verdict"]) == {"certified"}
    assert set(fairness["boxes"]) == {0}
    both, accuracy = (
        frame[frame["property"] == name]["verdict"].to_list()
        for name in ("accurate_fairness", "accuracy")
    )
    assert both == accuracy
    assert set(both) == {"certified", "refuted"}
