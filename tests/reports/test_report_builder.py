from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hostile_run import hostile_audit

import planted
import rafair
from rafair.metrics.rates import rate
from rafair.reports.report_builder import contents_of
from rafair.reports.report_contents import NONE
from rafair.reports.report_sections import sections
from rafair.results.case_details import find_cases, show
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table


def mild_network():
    """A network that depends little on the sensitive features."""
    network = planted.network(5, seed=1, scale=2.0)
    with torch.no_grad():
        network[0].weight[:, 3:] *= 0.3
    return network


def mild_table():
    """Rows on which it is mostly right."""
    table = planted.random_table(150, n_free=3, domains=(4, 3), seed=8)
    return planted.mostly_right(table, mild_network())


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    network = mild_network()
    table = mild_table()
    folder = tmp_path_factory.mktemp("runs")
    return {
        "both": rafair.audit(
            network, table, attacks=("rafair", "pgd"), perturbation="both", steps=4, step_size=0.05
        ),
        "plain": rafair.audit(network, table, steps=5, step_size=0.05),
        "paper's": rafair.audit(network, table, attacks=("rafair",), steps=5, step_size=0.05),
        "hostile": hostile_audit(folder / "hostile"),
        "no repair": rafair.audit(network, table, steps=3, labels=None),
        "no attack": rafair.audit(network, table, attacks=()),
    }


KINDS = ["both", "plain", "hostile", "no repair", "no attack"]


@pytest.mark.parametrize("kind", KINDS)
def test_cases_are_those_of_find_cases_in_the_same_order(audits, kind):
    audit = audits[kind]
    cases = contents_of(audit).cases
    expected = find_cases(audit.adversarial, audit.schema)
    assert len(cases) == len(expected)
    assert (len(cases) == 0) == (kind == "no attack")

    def text(column, number):
        code = column.codes[number]
        return None if code == NONE else column.texts[code]

    for number, case in enumerate(expected):
        assert (cases.instance[number], cases.step[number]) == (case.instance, case.step)
        assert text(cases.attack, number) == case.attack
        assert text(cases.verdict, number) == str(case.verdict)
        assert text(cases.before, number) == str(case.clean_verdict)
        assert text(cases.label, number) == case.label
        assert text(cases.clean_prediction, number) == case.clean_prediction
        assert text(cases.prediction, number) == case.prediction
        assert text(cases.counterpart_prediction, number) == case.counterpart_prediction
        for column, feature in zip(cases.features, audit.schema.features, strict=True):
            name = feature.name
            assert (column.name, column.sensitive) == (name, feature.sensitive)
            assert column.texts[column.clean[number]] == show(feature, case.clean[name])
            assert column.texts[column.perturbed[number]] == show(feature, case.perturbed[name])
            if case.counterpart is None:
                assert column.counterpart[number] == NONE
            else:
                other = case.counterpart if feature.sensitive else case.perturbed
                assert column.texts[column.counterpart[number]] == show(feature, other[name])


@pytest.mark.parametrize("kind", ["both", "plain", "hostile"])
def test_repaired_values_are_of_this_very_row_or_none(audits, kind):
    """A repaired row is of the case where the case's row is what the repair started from."""
    audit = audits[kind]
    cases = contents_of(audit).cases
    repaired = audit.repaired.assign(attack=audit.repaired["attack"].astype(str))
    repaired = repaired.set_index(["attack", "instance"])
    frame = audit.adversarial.assign(attack=audit.adversarial["attack"].astype(str))
    goal = {"tb": "true biased", "ff": "false fair", "fb": "false biased"}
    known = 0
    for number in range(len(cases)):
        attack = cases.attack.texts[cases.attack.codes[number]]
        instance, step = int(cases.instance[number]), int(cases.step[number])
        own = frame[(frame["attack"] == attack) & (frame["instance"] == instance)]
        own = own[own["step"] > 0].sort_values("step")
        wanted = goal.get(attack.rpartition("-")[2])
        hit = own["verdict"] == wanted if wanted else ~own["accurate"]
        if attack == "strongest":
            hit = own["verdict"] != "true fair"
        outcome = int(own[hit]["step"].iloc[0] if hit.any() else own["step"].max())
        code = cases.repaired_verdict.codes[number]
        assert (code != NONE) == (step == outcome)
        if step != outcome:
            assert all(feature.repaired[number] == NONE for feature in cases.features)
            continue
        known += 1
        row = repaired.loc[(attack, instance)]
        assert cases.repaired_verdict.texts[code] == str(row["verdict"])
        prediction = cases.repaired_prediction
        shown = prediction.texts[prediction.codes[number]]
        assert shown == audit.schema.classes[int(row["prediction"])]
        for column, feature in zip(cases.features, audit.schema.features, strict=True):
            expected = show(feature, row[f"raw.{feature.name}"])
            assert column.texts[column.repaired[number]] == expected
    assert known > 20


def test_distinct_texts_rise_and_none_comes_twice(audits):
    for column in contents_of(audits["plain"]).cases.features:
        assert len(set(column.texts)) == len(column.texts)
        numbers = [float(text) for text in column.texts]
        assert numbers == sorted(numbers)


def test_every_attack_and_repair_has_its_rates(audits):
    audit = audits["both"]
    over, before, after = contents_of(audit).rates
    attacks = audit.record.attacks
    assert [row[0] for row in before.rows] == ["clean", *attacks]
    assert sorted(row[0] for row in over.rows) == sorted(["clean", *attacks])
    assert [row[0] for row in after.rows] == list(audit.record.repairs)
    alone = contents_of(audits["no attack"])
    assert [table.title for table in alone.rates] == ["Clean rows"]
    assert "Rows as they are" in [one.title for one in sections(alone)]


def test_concentrations_are_counted_in_the_rows(audits):
    """The model looks at every feature; bands are recounted from the clean rows."""
    audit = audits["paper's"]
    features = contents_of(audit).features
    assert features
    frame = audit.adversarial
    kept = frame.groupby("instance")["verdict"].agg(lambda cells: (cells == "true fair").all())
    clean = frame[(frame["step"] == 0) & (frame["attack"] == "rafair-tb")].set_index("instance")
    scores = []
    for picture in features:
        scores.append(float(picture.note.split()[-1].rstrip(".")))
        values = clean[f"raw.{picture.title}"]
        ((heading, bars),) = picture.groups
        assert heading == "Accurate fairness, robust against rafair"
        ends = [values.sort_values().iloc[-(-len(values) * part // 4) - 1] for part in (1, 2, 3)]
        bands = pd.cut(values, [-np.inf, *ends, np.inf])  # closed on the right
        expected = kept.groupby(bands, observed=True).agg(["sum", "count"])
        found = [[bar.rate.count, bar.rate.n] for bar in bars]
        assert found == expected.to_numpy().tolist()
        shown = [f"{group.min():.2f}" for _, group in values.groupby(bands, observed=True)]
        assert [float(bar.label.split(" to ")[0]) for bar in bars] == [float(x) for x in shown]
    assert scores == sorted(scores, reverse=True)


def test_a_planted_feature_is_named_first():
    """Where the model errs by x1 alone, x1 tells where violations are."""
    table = planted.random_table(300, n_free=3, domains=(3, 2), seed=4)
    wrong = table.rows[:, 1] > 0.7
    truth = table.rows[:, 0] > 0.5

    def model(rows):
        answer = rows[:, 0] > 0.5
        return np.stack([np.where(answer, 0.0, 1.0), np.where(answer, 1.0, 0.0)], axis=1)

    planted_table = Table(table.frame, (truth ^ wrong).astype(np.int64), table.schema, "planted")
    audit = rafair.audit(model, planted_table, attacks=())
    features = contents_of(audit).features
    assert features[0].title == "x1"
    assert features[0].groups[0][1][-1].rate.value == 0
    assert features[0].groups[0][1][0].rate.value == 1


def test_the_manifest_repeats_the_run(audits):
    contents = contents_of(audits["both"])
    names = dict(contents.manifest)
    document = audits["both"].document
    assert names["seed"] == "0"
    assert names["rafair"] == rafair.__version__
    assert names["option attacks"] == "rafair, pgd"
    assert names["sha256 of adversarial.parquet"] == document["files"]["adversarial.parquet"]
    assert names["sha256 of its encoded rows and labels"] == document["dataset"]["sha256"]
    told = {"rafair": rafair, "model": mild_network(), "table": mild_table()}
    again = eval(contents.repeat, told)
    assert again.document["attacks"]["rafair"]["robust"] == document["attacks"]["rafair"]["robust"]
    assert again.document["config"]["plan"] == document["config"]["plan"]


def test_groups_and_gaps_of_older_runs_are_derived_from_their_rows(audits):
    audit = audits["plain"]
    older = {k: v for k, v in audit.document.items() if k not in ("groups", "gaps")}
    contents, now = contents_of(rafair.Audit(older, audit.folder)), contents_of(audit)
    assert contents.groups == now.groups != []
    assert contents.pairs == now.pairs
    assert contents.gaps == now.gaps


def test_groups_and_gaps_are_laid_out(audits):
    """Sections of the documented shape; pairs show only groups of at least 30."""
    audit = audits["plain"]
    few, some, many = (rate(count, n).to_dict() for count, n in ((2, 5), (10, 40), (60, 80)))

    def group(of):
        return {
            "n": of["n"],
            "clean": {"accurate_fairness": of},
            "robust": {name: {"accurate_fairness": of} for name in audit.document["attacks"]},
        }

    gap = {"value": 0.5, "low": -0.1, "high": 0.6, "lowest": "low", "highest": "high"}
    gap |= {"n_lowest": 40, "n_highest": 80}
    section = {"accurate_fairness": gap}
    none = {"accurate_fairness": None}
    attacks = audit.document["attacks"]
    document = audit.document | {
        "groups": {
            "s0": {"tiny": group(few), "low": group(some), "high": group(many)},
            "s0 × s1": {"tiny": group(few), "low": group(some)},
        },
        "gaps": {
            "s0": {"clean": section, "robust": dict.fromkeys(attacks, section)},
            "s0 × s1": {"clean": none, "robust": dict.fromkeys(attacks, none)},
        },
    }
    contents = contents_of(rafair.Audit(document, audit.folder))
    (single,), (pair,) = contents.groups, contents.pairs
    assert (single.title, pair.title) == ("s0", "s0 × s1")
    assert [(stage, [bar.label for bar in bars]) for stage, bars in single.groups] == [
        (stage, ["tiny", "low", "high"]) for stage in ("As they are", "Robust against strongest")
    ]
    assert single.groups[0][1][1].rate.to_dict() == some
    assert [bar.label for bar in pair.groups[0][1]] == ["low"]
    assert contents.gaps.rows == [
        [f"s0, {stage}", "0.500\n-0.10 to 0.60", "low", "high"]
        for stage in ("as they are", "robust against strongest")
    ]
    assert "is by s0: of the 40 in 'low' 10 " in contents.evidence["groups"]


def test_levels_that_are_too_small_to_be_shown_are_counted():
    """Of 200 rows 20 have a third level, 10 a fourth, and 8 none; the model errs by level."""
    draw = np.random.default_rng(0)
    names = np.array([*["a"] * 81, *["b"] * 81, *["c"] * 20, *["d"] * 10, *[None] * 8], object)
    frame = pd.DataFrame({"job": names, "x": draw.random(200), "s": draw.choice(["u", "v"], 200)})
    level = {"kind": "categorical"}
    schema = Schema(
        features=(
            Feature(name="job", levels=tuple("abcd"), missing=True, **level),
            planted.numeric("x"),
            Feature(name="s", levels=("u", "v"), domain=("u", "v"), sensitive=True, **level),
        ),
        label="y",
        classes=("no", "yes"),
    )
    labels = (names == "b").astype(np.int64)
    table = Table(frame, labels, schema, "levels")
    never = rafair.audit(
        lambda rows: np.stack([np.ones(len(rows)), np.zeros(len(rows))], axis=1), table, attacks=()
    )
    picture = contents_of(never).features[0]
    assert picture.title == "job"
    assert [bar.label for bar in picture.groups[0][1]] == ["a", "b"]
    assert picture.note.startswith(
        "Not shown: 2 levels of fewer than 30 instances (in all 30) and 8 instances without a "
        "value."
    )
