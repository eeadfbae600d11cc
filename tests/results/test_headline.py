from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import planted
import rafair
from planted_certificates import certified_by_hand, planted_run
from rafair.metrics.rates import rate
from rafair.results.audit_record import AuditRecord
from rafair.results.certificate_record import CertifiedPoint, Standings
from rafair.results.headline import bracketed, headline
from rafair.results.verdict_text import summary


@pytest.fixture(scope="module")
def certified(tmp_path_factory) -> AuditRecord:
    return certified_by_hand(planted_run(tmp_path_factory.mktemp("certified") / "run")).record


def standing_at(record: AuditRecord, certified: int, refuted: int, robust: int) -> AuditRecord:
    """The record with other counts of accurate fairness at the largest budget."""
    n = record.clean.n
    standings = Standings(*(rate(c, n) for c in (certified, refuted, n - certified - refuted, 0)))
    point = CertifiedPoint(standings, standings, standings)
    attack = record.attacks["fgsm"]
    broken = replace(attack, robust={**attack.robust, "accurate_fairness": rate(robust, n)})
    return replace(record, certified={"0.1": point}, attacks={"fgsm": broken})


def test_a_bracket_goes_from_what_is_proven_to_what_nothing_was_found_for(certified):
    assert bracketed(certified, "fgsm") == "0.1"
    told = standing_at(certified, certified=20, refuted=15, robust=40)
    assert headline(told) == (
        "Of 50 people, 20 to 35 (40 to 70 %, interval 28 to 81 %) were right and treated like "
        "their counterparts, and stayed so under every change up to 0.1 of each feature's range: "
        "proven for 20 of 50 people; no violation found for 35."
    )
    assert not any("Certified at" in sentence for sentence in summary(told))


def test_what_attacks_broke_counts_as_well(certified):
    told = standing_at(certified, certified=20, refuted=15, robust=30)
    assert "20 to 30 (40 to 60 %, interval 28 to 72 %) were" in headline(told)
    assert headline(told).endswith("no violation found for 30.")


def test_a_bracket_without_room_is_one_number(certified):
    told = standing_at(certified, certified=1, refuted=49, robust=3)
    assert headline(told) == (
        "Of 50 people, 1 (2 %, 0 to 10 %) was right and treated like their counterparts, and "
        "stayed so under every change up to 0.1 of each feature's range: proven for 1 of 50 "
        "people; a violation was found for all others, 15 of them as they came."
    )
    known = "is known of each of them: it was proven, or a violation was found."
    assert summary(told)[-1].endswith(known)
    open_ones = standing_at(certified, certified=1, refuted=40, robust=3)
    assert summary(open_ones)[-1].endswith("there may still be one.")
    alone = headline(replace(told, attacks={}))
    assert alone.endswith("a violation was found for all others, 15 of them as they came.")
    everyone = standing_at(certified, certified=50, refuted=0, robust=50)
    assert headline(everyone).endswith("range: proven for all of them.")


@pytest.mark.parametrize(
    "other", [{"n": 20}, {"perturbation": "feasible"}], ids=["fewer", "other perturbations"]
)
def test_what_was_certified_otherwise_stands_in_a_sentence_of_its_own(certified, other):
    told = replace(certified, certificate=replace(certified.certificate, **other))
    assert bracketed(told, "fgsm") is None
    assert "that was tried, up to 0.1 of" in headline(told)
    assert any(said.startswith("Certified at epsilon 0.1: of 50") for said in summary(told))


def test_other_budgets_are_not_bracketed(certified):
    told = replace(certified, certified={"0.02": certified.certified["0.02"]})
    assert bracketed(told, "fgsm") is None
    assert "Certified at epsilon 0.02" in " ".join(summary(told))


def test_a_certificate_without_attacks_speaks_alone(certified):
    told = headline(replace(certified, attacks={}))
    assert "tried" not in told
    assert "under every change up to 0.1 of each feature's range: proven for " in told


def test_what_may_change_besides_is_said():
    table = planted.random_table(30, seed=2)
    audit = rafair.audit(planted.network(5, seed=1), table, attacks=("noise",), steps=2)
    own = replace(audit.record, dataset=replace(audit.record.dataset, schema=stepped(audit.schema)))
    assert headline(own).endswith("up to 0.02 of each feature's usual spread (at least one step).")


@pytest.mark.parametrize("frozen", [[], ["job"]])
def test_levels_that_may_not_change_are_not_said_to(frozen):
    frame = pd.DataFrame({"job": list("abcabc"), "pay": range(6), "sex": list("fmfmfm")})
    frame["y"] = ["no", "yes"] * 3
    table = rafair.Table.from_frame(frame, label="y", sensitive=["sex"], immutable=frozen)
    audit = rafair.audit(answer, table, attacks=("noise",), steps=2)
    assert ("and 1 category" in headline(audit.record)) == (not frozen)


def answer(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)


def stepped(schema: rafair.Schema) -> rafair.Schema:
    """The same features as a table of one's own, the first on a grid."""
    first, *others = schema.features
    on_grid = first.model_copy(update={"step": 0.5})
    return schema.model_copy(update={"features": (on_grid, *others), "own": True})
