from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import planted
import rafair
from rafair.metrics.rates import rate, share
from rafair.reports.feature_pictures import moved_picture
from rafair.results.adversarial_rows import StoredRows
from rafair.results.audit_record import record_of
from rafair.results.case_details import show
from rafair.results.changed_features import Moved, broken_rows, moved_features
from rafair.results.headline_attacks import families, leaders
from rafair.results.share_text import share_of
from rafair.results.verdict_text import summary, summary_of
from rafair.tabular.table import Table

LIMIT = (
    "A search finds only what it finds: where it found no violation within this budget, there may "
    "still be one."
)


@pytest.fixture(scope="module")
def result():
    return audited(120)


def audited(n: int, **options):
    """An audit of a network that depends little on the sensitive features, and is mostly right."""
    network = planted.network(5, seed=1, scale=2.0)
    with torch.no_grad():
        network[0].weight[:, 3:] *= 0.3
    table = planted.random_table(n, n_free=3, domains=(4, 3), seed=8)
    given = {"attacks": ("rafair",), "steps": 5, "step_size": 0.05} | options
    return rafair.audit(network, planted.mostly_right(table, network), **given)


def by_rule(table: Table, right: bool) -> Table:
    """The same rows with the labels of the model below, or with the others."""
    first = table.rows[:, 0] > 0.5
    return Table(table.frame, (first == right).astype(np.int64), table.schema, table.name)


def first_feature(rows):
    score = 100 * (rows[:, 0] - 0.5)
    return np.stack([np.zeros_like(score), score], axis=1)


def told_of(document) -> list[str]:
    return summary(record_of(document))


def moved_of(audit) -> dict[str, list[Moved]]:
    stored = StoredRows.read(audit.folder)
    return {
        name: moved_features(audit.folder, stored, audit.schema, name)
        for name in families(audit.record.attacks)
    }


def test_a_whole_verdict_word_by_word(result):
    record = result.record
    clean, before = record.clean.rates["accurate_fairness"], record.clean.rates["true_biased"]
    attack = record.attacks["rafair"]
    robust, cells = attack.robust["accurate_fairness"], attack.exposed
    assert max(cells, key=lambda cell: cells[cell].count) == "true_biased"
    assert summary_of(result.record, result.folder) == summary(result.record, moved_of(result))
    corrected = record.repairs["rafair"].corrected
    moved, other, third = moved_of(result)["rafair"]
    assert moved.rate == other.rate != third.rate
    without_groups = replace(record, groups=None, gaps=None)
    assert summary(without_groups, moved_of(result)) == [
        f"Of 120 people, {share_of(robust)} were right and treated like their counterparts, and "
        "stayed so under every change that was tried, up to 0.25 of each feature's range.",
        f"As they came, {share_of(clean)} were.",
        f"The most frequent failure was 'true biased': {share_of(cells['true_biased'])} were at "
        "some step judged rightly, but otherwise with other values of s0 or s1; before any step "
        f"{share_of(before)} were so already.",
        f"What was moved most often in the {moved.rate.n} people whose right and equal judgement "
        f"rafair broke were '{moved.feature}' ({moved.size} at the median) and '{other.feature}' "
        f"({other.size} at the median): each in {share_of(moved.rate)}.",
        f"The repair, guided by the true labels, made {share_of(corrected)} of the "
        f"{corrected.n} failing rows right and equal again.",
        "No relation between features was stated: they were moved independently of each other.",
        LIMIT,
    ]


def test_halves_are_rounded_up_and_large_samples_have_a_decimal():
    assert share_of(rate(69, 200)) == "69 (35 %, 28 to 41 %)"
    assert share_of(rate(39, 200)) == "39 (20 %, 15 to 26 %)"
    assert share_of(rate(4833, 15060)) == "4,833 (32.1 %, 31.4 to 32.8 %)"
    assert share_of(rate(200, 200)) == "200 (100 %, 98 to 100 %)"


def test_without_attacks():
    table = planted.random_table(60, seed=2)
    audit = rafair.audit(planted.network(5, seed=1), table, attacks=())
    said = summary(audit.record)
    assert said[0].endswith(
        "were right and treated like their counterparts as they came; what happens once they "
        "change was not tried."
    )
    assert "at some step" not in said[1]
    assert said[-1] == (
        "No attack was run: nothing is known of what happens once data are perturbed."
    )
    assert not any("repair" in sentence for sentence in said)


def test_of_attacks_without_a_union_the_one_that_left_fewest_speaks():
    audit = audited(80, attacks=("noise", "pgd"), labels=None)
    left = {
        name: attack["robust"]["accurate_fairness"]["count"]
        for name, attack in audit.document["attacks"].items()
    }
    assert left["pgd"] < left["noise"]
    assert leaders(audit.record) == ["pgd"]
    assert families(audit.record.attacks) == ["pgd", "noise"]
    said = summary(audit.record, moved_of(audit))
    assert said[0].startswith(f"Of 80 people, {left['pgd']} (")
    assert "No repair was asked for." in said


def test_nothing_found():
    table = by_rule(planted.random_table(50, seed=3), right=True)
    table = table.take(np.flatnonzero(np.abs(table.rows[:, 0] - 0.5) > 0.2))
    audit = rafair.audit(first_feature, table, attacks=("rafair",), steps=2)
    n = audit.document["clean"]["n"]
    said = summary(audit.record, moved_of(audit))
    everyone = share_of(rate(n, n))
    assert said[0].startswith(f"Of {n} people, {everyone} were right and treated like their")
    assert said[1] == f"As they came, {everyone} were."
    assert said[2] == (
        "No violation was found in the rows as they were or at any step, within this budget."
    )
    assert "There was no failing row to repair." in said
    assert "guaranteed" not in " ".join(said)
    assert moved_of(audit)["rafair"][0].rate is None


def test_all_fail():
    table = by_rule(planted.random_table(50, seed=3), right=False)
    audit = rafair.audit(
        first_feature, table, attacks=("rafair",), steps=2, model_classes=table.schema.classes
    )
    said = summary(audit.record, moved_of(audit))
    assert said[0].startswith("Of 50 people, 0 (0 %, 0 to 7 %) were right")
    assert said[1] == "As they came, 0 (0 %, 0 to 7 %) were."
    assert said[2] == (
        "The most frequent failure was 'false fair': 50 (100 %, 93 to 100 %) were at some step "
        "judged wrongly, whatever the values of s0 or s1; before any step 50 (100 %, 93 to 100 %) "
        "were so already."
    )
    assert not any("moved most often" in sentence for sentence in said)
    assert said[-1] == f"It was given predictions alone, and no gradients. {LIMIT}"


def test_one_person():
    table = by_rule(planted.random_table(50, seed=3), right=True).take(np.array([4]))
    audit = rafair.audit(first_feature, table, attacks=("rafair",), steps=2)
    assert summary(audit.record)[0] == (
        "Of 1 person, 1 (100 %, 21 to 100 %) was right and treated like their counterparts, and "
        "stayed so under every change that was tried, up to 0.02 of each feature's range."
    )


def test_feasible_and_both_and_sizes_of_their_own():
    table = planted.random_table(40, seed=5)
    network = planted.network(5, seed=1)
    options = {"attacks": ("rafair",), "steps": 3, "perturbation": "both", "epsilon": 0.1}
    audit = rafair.audit(network, table, **options)
    first = summary(audit.record)[0]
    assert "under every change that was tried, up to 0.1 of each feature's range; " in first
    assert first.endswith(
        "did under every change that could really happen and was tried, up to 0.1 of each "
        "feature's range."
    )
    exposed = audit.document["attacks"]["feasible/rafair"]["exposed"]
    worst = max(exposed, key=lambda cell: exposed[cell]["count"]).replace("_", " ")
    assert summary(audit.record)[2].startswith(
        f"Under feasible/rafair, the most frequent failure was '{worst}'"
    )
    assert any("Under feasible/rafair, the repair" in said for said in summary(audit.record))
    sizes = {"x0": 0.1, "x1": 0.3, "x2": 0.2}
    alone = rafair.audit(network, table, steps=3, perturbation="feasible", epsilon=sizes)
    assert leaders(alone.record) == ["strongest"]
    assert "0.1 to 0.3 of a feature's range" in summary(alone.record)[0]


def test_the_whole_file_is_told_of_and_warnings_are_counted(result):
    document = copy.deepcopy(dict(result.document))
    document["whole"] = {"rows": 5000, "accurate_fairness": rate(3100, 5000).to_dict()}
    document["warnings"] = ["one thing", "another"]
    said = told_of(document)
    assert said[0].startswith("Of 120 people drawn from 5,000 rows, ")
    assert said[1].startswith("As they came, ")
    assert said[2] == "Of all 5,000 rows of the file, 3,100 (62.0 %, 60.6 to 63.3 %) were."
    assert said[-2] == "2 warnings say what else to mind in these figures."
    document["warnings"] = ["one thing"]
    assert told_of(document)[-2] == "One warning says what else to mind in these figures."


def test_who_is_hit_hardest(result):
    document = copy.deepcopy(dict(result.document))
    young, old = rate(8, 40).to_dict(), rate(30, 50).to_dict()

    def group(of):
        return {
            "n": of["n"],
            "clean": {"accurate_fairness": of},
            "robust": {"rafair": {"accurate_fairness": of}},
        }

    def section(value, low):
        gap = {"value": value, "low": low, "high": 0.6, "lowest": "0", "highest": "1"}
        gap |= {"n_lowest": 40, "n_highest": 50}
        return {
            "clean": {"accurate_fairness": gap},
            "robust": {"rafair": {"accurate_fairness": gap}},
        }

    document["groups"] = {"s0": {"0": group(young), "1": group(old)}}
    document["gaps"] = {"s0": section(0.4, 0.2), "s0 × s1": section(0.9, 0.3)}
    told = (
        "The largest difference is by s0: of the 40 in '0' 8 (20 %, 10 to 35 %) stayed right and "
        "equal, of the 50 in '1' 30 (60 %, 46 to 72 %)"
    )
    assert told + "." in told_of(document)
    few, more = rate(9, 40).to_dict(), rate(12, 50).to_dict()
    document["groups"] = {"s0": {"0": group(few), "1": group(more)}}
    document["gaps"] = {"s0": section(0.015, -0.1)}
    said = (
        "No two groups of 30 or more by one sensitive feature differ by more than chance may make; "
        "the largest measured difference is by s0: of the 40 in '0' 9 "
    )
    assert [one for one in told_of(document) if one.startswith(said)]
    assert not any(one.startswith("Not measured") for one in told_of(document))
    none = {"clean": {"accurate_fairness": None}, "robust": {"rafair": {"accurate_fairness": None}}}
    document["gaps"]["s1"] = none
    assert "Not measured by s1: no two groups of at least 30 instances." in told_of(document)
    document["groups"] = {
        "s0": {"0": group(young), "1": group(old), "2": group(rate(2, 30).to_dict())}
    }
    assert (
        "The largest difference that is more than chance would make is by s0: of the 30 in '2' 2 "
        "(7 %, 2 to 21 %) stayed right and equal, of the 50 in '1' 30 (60 %, 46 to 72 %)."
    ) in told_of(document)
    document["gaps"]["s0"]["robust"]["rafair"]["accurate_fairness"] = None
    assert not any("largest difference" in sentence for sentence in told_of(document))


def test_broken_rows_are_the_first_of_each_person_who_was_true_fair(result):
    stored = StoredRows.read(result.folder)
    rows, clean = broken_rows(stored, "rafair")
    frame = result.adversarial
    expected = {}
    for instance, own in frame.groupby("instance"):
        if own[own["step"] == 0].iloc[0]["verdict"] != "true fair":
            continue
        bad = own[(own["step"] > 0) & (own["verdict"] != "true fair")]
        if len(bad):
            expected[instance] = int(bad["step"].min())
    found = dict(zip(stored.instance[rows].tolist(), stored.step[rows].tolist(), strict=True))
    assert found == expected
    assert len(found) > 10
    assert (stored.step[clean] == 0).all()
    assert (stored.instance[clean] == stored.instance[rows]).all()


def test_moved_features_are_counted_in_the_stored_rows(result):
    stored = StoredRows.read(result.folder)
    rows, clean = broken_rows(stored, "rafair-ff")
    frame = result.adversarial
    told = moved_features(result.folder, stored, result.schema, "rafair-ff")
    assert {one.feature for one in told} == {"x0", "x1", "x2"}
    assert [one.rate.value for one in told] == sorted((o.rate.value for o in told), reverse=True)
    for one in told:
        column = frame[f"encoded.{one.feature}"].to_numpy(np.float64)
        change = np.abs(column[rows] - column[clean])
        assert one.rate == share(change > 1e-6)
        feature = result.schema[one.feature]
        span = feature.maximum - feature.minimum
        shown = float(one.size.removeprefix("by "))
        assert shown == pytest.approx(np.median(change[change > 1e-6]) * span, abs=0.005)


@pytest.fixture(scope="module")
def levels():
    """An audit of a table with levels, whose codes move within a level before they leave it."""
    dataset = rafair.load_dataset("affairs")
    network = rafair.train(dataset.train, rafair.TrainConfig(epochs=2))
    return rafair.audit(network, dataset.test, instances=60, steps=10, step_size=0.04)


def test_levels_are_told_by_how_often_another_one_was_reached(levels):
    told = {one.feature: one for one in moved_of(levels)["rafair"] if one.size}
    by_kind = {name: levels.schema[name].kind.is_number for name in told}
    assert any(by_kind.values())
    assert not all(by_kind.values())
    for name, one in told.items():
        assert one.size.startswith("by ") == by_kind[name]
        assert by_kind[name] or one.size == "to another level"


def test_what_counts_as_moved_is_what_cases_show_as_changed(levels):
    stored = StoredRows.read(levels.folder)
    rows, clean = broken_rows(stored, "rafair")
    frame = levels.adversarial
    for one in moved_of(levels)["rafair"]:
        feature = levels.schema[one.feature]
        raw = [show(feature, value) for value in frame[f"raw.{one.feature}"]]
        changed = sum(raw[row] != raw[was] for row, was in zip(rows, clean, strict=True))
        assert one.rate.count == changed
        column = frame[f"encoded.{one.feature}"].to_numpy(np.float64)
        assert one.codes.count == (np.abs(column[rows] - column[clean]) > 1e-6).sum() >= changed
    assert any(one.unseen for one in moved_of(levels)["rafair"])
    moved = moved_of(levels)
    note = moved_picture(moved, dict.fromkeys(moved, ())).note
    assert all(f"{one.feature} in {one.unseen}" in note for one in moved_of(levels)["rafair"][3:])


def test_the_headline_names_ties_and_no_movement_that_nobody_sees(result):
    def of(*counts):
        return [
            Moved(name, rate(count, 25), "to another level" if count else "", 0.1, rate(25, 25))
            for name, count in zip("abcde", counts, strict=False)
        ]

    def said(moved):
        (sentence,) = [s for s in summary(result.record, {"rafair": moved}) if "broke" in s]
        return sentence

    start = "What was moved most often in the 25 people whose right and equal judgement rafair "
    share_of_9 = share_of(rate(9, 25))
    assert said(of(9, 3)) == f"{start}broke was 'a': in {share_of_9}, to another level."
    assert said(of(9, 9, 3)) == (
        f"{start}broke were 'a' (to another level) and 'b' (to another level): each in "
        f"{share_of_9}."
    )
    assert "'c' (to another level) and 2 more: each in" in said(of(9, 9, 9, 9, 9))
    assert said(of(0, 0)).endswith(
        "no value is shown changed: codes were moved, by less than is shown or within a level, and "
        "no other level was reached."
    )


def test_the_strongest_leads_and_the_paper_s_attack_stands_beside_it():
    found = audited(120, attacks=("rafair", "strongest"))
    record = found.record
    ours, theirs = (record.attacks[name].robust for name in ("strongest", "rafair"))
    assert leaders(record) == ["strongest"]
    said = summary_of(record, found.folder)
    assert said[0].startswith(f"Of 120 people, {share_of(ours['accurate_fairness'])} was right")
    left = share_of(theirs["accurate_fairness"])
    assert ours["accurate_fairness"].count < theirs["accurate_fairness"].count
    assert said[2] == f"The paper's attack alone (rafair) left {left}."
    wrong = rate(ours["accuracy"].n - ours["accuracy"].count, ours["accuracy"].n)
    assert said[3].startswith(f"The search found {share_of(wrong)} to be judged wrongly, and ")


def test_where_both_left_as_many_the_strongest_leads():
    found = audited(120, attacks=("rafair", "strongest"), perturbation="both", epsilon=0.9)
    record = found.record
    assert leaders(record) == ["strongest", "feasible/strongest"]
    assert {attack.robust["accurate_fairness"].count for attack in record.attacks.values()} >= {0}
    beside = [text for text in summary(record) if text.startswith("The paper's attack alone")]
    assert [text.partition(" left ")[0][-18:] for text in beside] == [
        "ack alone (rafair)",
        " (feasible/rafair)",
    ]


def test_a_move_that_is_seen_is_never_less_than_a_move(tmp_path):
    """An outlier stretches the range, so that a visible move is less than a code's rounding."""
    draw = np.random.default_rng(0)
    savings = draw.integers(0, 50, 120).astype(float)
    savings[0] = 1.2e6
    frame = pd.DataFrame({"savings": savings, "age": draw.integers(20, 40, 120)})
    frame["ok"] = (savings > 25).astype(int)
    table = rafair.Table.from_frame(frame.astype({"savings": int}), label="ok", sensitive=["age"])

    def model(rows):
        raw = np.rint(rows[:, 0].astype(np.float64) * 1.2e6)
        return np.stack([25.5 - raw, raw - 25.5], axis=1)

    audit = rafair.audit(model, table, attacks=("noise",), steps=4, labels=None, epsilon=0.01)
    moved = moved_features(audit.folder, StoredRows.read(audit.folder), table.schema, "noise")
    assert moved[0].rate.count > 0
    assert [one.unseen for one in moved] == [0]
