from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import planted
import rafair
from rafair.blocks.notebook import as_html
from rafair.blocks.terminal import as_text
from rafair.errors import ModelError, RunFolderError, UnknownNameError
from rafair.results.case_details import find_cases, show
from rafair.results.show_everything import everything
from rafair.results.verdict_text import summary_of
from rafair.tabular.schema import Feature

STEPS = 5


@pytest.fixture(scope="module")
def table():
    return planted.random_table(120, n_free=3, domains=(4, 3), seed=8)


@pytest.fixture(scope="module")
def result(table):
    network = planted.network(5, seed=1)
    return rafair.audit(network, table, attacks=("rafair",), steps=STEPS, step_size=0.05)


def test_rows_are_computed_once_and_only_if_something_moved(result, table):
    """Follows from the stored rows: a pass for the clean rows, then one wherever a row moved."""
    columns = [f"encoded.{name}" for name in table.schema.names]
    spent = {"gradient_rows": 0, "prediction_rows": 0}
    for number, attack in enumerate(["rafair-tb", "rafair-ff", "rafair-fb"]):
        frame = result.adversarial[result.adversarial["attack"] == attack]
        rows = frame.sort_values(["instance", "step"])[columns].to_numpy()
        rows = rows.reshape(len(table), STEPS + 1, -1)
        moved = (np.diff(rows, axis=1) != 0).any(axis=2)
        expected = {
            "gradient_rows": 12 * (moved[:, :-1].sum() + (len(table) if number == 0 else 0)),
            "prediction_rows": 12 * moved[:, -1].sum(),
        }
        counted = result.document["attacks"][attack]
        assert {key: counted[key] for key in spent} == expected
        spent = {key: spent[key] + expected[key] for key in spent}
    union = result.document["attacks"]["rafair"]
    assert {key: union[key] for key in spent} == spent
    repair = result.document["repairs"]["rafair"]
    members = [result.document["repairs"][f"rafair-{goal}"] for goal in ("tb", "ff", "fb")]
    assert repair["gradient_rows"] == sum(member["gradient_rows"] for member in members)
    assert repair["gradient_rows"] <= 3 * 12 * len(table) * STEPS


def test_shards_do_not_show_in_the_result(result, table):
    options = {"attacks": ("rafair",), "steps": STEPS, "step_size": 0.05}
    half = rafair.audit(planted.network(5, seed=1), table.take(np.arange(60)), **options)
    frame = result.adversarial
    expected = frame[frame["instance"] < 60].sort_values(["attack", "instance", "step"])
    found = half.adversarial.sort_values(["attack", "instance", "step"])
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), expected.reset_index(drop=True), check_categorical=False
    )


def test_frame_holds_every_rate(result):
    frame = result.to_frame()
    assert set(frame["stage"]) == {"clean", "attacks", "repairs"}
    row = frame.query("attack == 'rafair-ff' and kind == 'robust' and metric == 'accuracy'").iloc[0]
    expected = result.document["attacks"]["rafair-ff"]["robust"]["accuracy"]
    assert row[["value", "count", "n", "low", "high"]].to_dict() == expected
    assert (frame["low"] <= frame["value"] + 1e-12).all()
    assert (frame["value"] <= frame["high"] + 1e-12).all()
    assert not frame.duplicated(["stage", "attack", "kind", "metric"]).any()


def test_json_is_what_the_folder_holds(result):
    assert json.loads(result.to_json()) == result.document
    assert json.loads((result.folder / "audit.json").read_text()) == result.document
    again = rafair.Audit.load(result.folder)
    assert again.document == result.document
    assert str(again) == str(result)


def test_prints_as_tables(result):
    text = as_text(everything(result))
    for words in (
        "Before and after perturbation",
        "Over all steps",
        "After the repair",
        "rafair-fb",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_shows_itself_in_a_notebook_with_names_escaped(table):
    hostile = "<script>alert(1)</script>"
    renamed = rafair.Table(
        table.frame.rename(columns={"s0": hostile}),
        table.labels,
        table.schema.model_copy(
            update={
                "features": tuple(
                    f.model_copy(update={"name": hostile}) if f.name == "s0" else f
                    for f in table.schema.features
                )
            }
        ),
        name=hostile,
    )
    shown = rafair.audit(planted.network(5), renamed, instances=10, steps=2)._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<table>") == 2


def test_the_verdict_comes_first_and_nothing_in_names_acts_unseen(table):
    hostile = "a\u202eb\x1b[31m\u2028c"
    features = tuple(
        feature.model_copy(update={"name": hostile}) if feature.name == "s0" else feature
        for feature in table.schema.features
    )
    schema = table.schema.model_copy(update={"features": features})
    frame = table.frame.rename(columns={"s0": hostile})
    renamed = rafair.Table(frame, table.labels, schema, name=hostile)
    audit = rafair.audit(planted.network(5), renamed, instances=60, steps=2)
    first = summary_of(audit.record, audit.folder)[0]
    text, page = str(audit), audit._repr_html_()
    assert text.startswith(first[:60])
    assert page.startswith(f"<p><b>{first[:60]}")
    for shown in (text, page):
        assert "a⟨U+202E⟩b⟨U+001B⟩[31m⟨U+2028⟩c" in shown
        assert not {"\u202e", "\x1b", "\u2028"} & set(shown)


def test_the_folder_goes_with_the_result(table):
    import gc

    audit = rafair.audit(planted.network(5), table, instances=5, steps=1)
    folder = audit.folder
    assert folder.exists()
    del audit
    gc.collect()
    assert not folder.exists()
    assert not folder.parent.exists()


@pytest.mark.parametrize("verdict", ["true biased", "FF", rafair.Verdict.FALSE_BIASED])
def test_cases_are_of_the_verdict_asked_for(result, verdict):
    cases = result.cases(verdict)
    wanted = rafair.Verdict.named(verdict)
    assert cases
    assert {case.verdict for case in cases} == {wanted}
    assert len({case.instance for case in cases}) == len(cases)
    exposed = result.document["attacks"]["rafair"]["exposed"][wanted.name.lower()]
    assert len(cases) == exposed["count"]
    for case in cases:
        assert (case.counterpart is None) == (wanted is rafair.Verdict.FALSE_FAIR)
        assert (case.prediction == case.label) == (wanted is rafair.Verdict.TRUE_BIASED)
        if case.counterpart is not None:
            assert case.counterpart_prediction != case.prediction
        assert not set(case.changed) & set(result.schema.sensitive)
        assert case.heading in str(case)


def test_cases_that_broke_come_before_those_that_were_broken(result):
    order = [case.clean_verdict == case.verdict for case in result.cases("true biased")]
    assert order == sorted(order)
    assert result.cases(limit=2) == result.cases()[:2]
    with pytest.raises(UnknownNameError):
        result.cases("true unfair")


def test_no_cases_where_nothing_was_found(result):
    frame = result.adversarial
    calm = frame[frame["verdict"] == "true fair"]
    assert find_cases(calm, result.schema) == []


@pytest.mark.parametrize(
    ("span", "value", "expected"),
    [(73, 37.4002, "37.4"), (73, 37.0, "37"), (99999, 7298.2, "7,298"), (1, 0.123456, "0.12")],
)
def test_numbers_are_shown_as_a_person_would_write_them(span, value, expected):
    feature = Feature(name="x", kind="numeric", minimum=0, maximum=span)
    assert show(feature, value) == expected


def test_a_python_function_gets_clean_verdicts(table):
    def by_first(rows):
        return np.stack([1 - rows[:, 0], rows[:, 0]], axis=1)

    result = rafair.audit(by_first, table, attacks=())
    assert result.document["attacks"] == result.document["repairs"] == {}
    assert result.document["clean"]["individual_fairness"]["value"] == 1
    expected = ((table.rows[:, 0] > 0.5) == table.labels).sum()
    assert result.document["clean"]["accuracy"]["count"] == expected
    assert set(result.adversarial["attack"]) == {"clean"}
    shown = as_text(everything(result))
    assert "Clean rows" in shown
    assert "clean rows only" in shown


def test_three_classes_and_a_factor_k(table):
    three = planted.random_table(60, n_classes=3, domains=(4, 3), seed=2)
    model = planted.network(5, 3, seed=4)
    strict = rafair.audit(model, three, steps=3, step_size=0.05)
    loose = rafair.audit(model, three, steps=3, step_size=0.05, k=12.0)
    fair = [r.document["clean"]["individual_fairness"]["count"] for r in (strict, loose)]
    assert fair[0] < fair[1]
    accuracy = [r.document["clean"]["accuracy"]["count"] for r in (strict, loose)]
    assert accuracy[0] == accuracy[1]
    others = strict.adversarial["counterpart_prediction"].dropna()
    assert set(others.astype(int)) <= {0, 1, 2}


def test_consensus_needs_no_labels(table):
    """Wrong labels change verdicts, but not what the consensus repair does to the same rows."""
    model = planted.network(5, seed=1)
    options = {"attacks": ["rafair-ff"], "steps": 3, "step_size": 0.05, "labels": "consensus"}
    repaired = rafair.audit(model, table, **options)
    assert repaired.document["config"]["labels"] == "consensus"
    fair = repaired.document["repairs"]["rafair-ff"]["final"]["individual_fairness"]
    before = repaired.document["attacks"]["rafair-ff"]["outcome"]["individual_fairness"]
    assert fair["count"] > before["count"]


def test_a_masked_gradient_is_reported(table):
    flat = planted.linear([9000.0] * 5, bias=-20000)
    result = rafair.audit(flat, table, steps=1, loss="mse")
    assert "gradient is exactly zero" in result.warnings[0]
    assert result.document["attacks"]["rafair-ff"]["zero_gradient"]["value"] > 0.01
    assert "gradient" not in " ".join(rafair.audit(flat, table, steps=1).warnings)


def looked_up(known, flip):
    """A function that knows the labels of rows, or gets all of them wrong."""

    def answers(rows):
        found = [known.get(row.tobytes(), 0) for row in rows]
        return np.eye(2, dtype=np.float32)[np.array(found) ^ flip]

    return answers


def test_classes_in_the_other_order_stop_the_audit(table, tmp_path):
    labels = np.where(np.arange(len(table)) % 4, 1, 0)
    skewed = replace(table, labels=labels)
    known = {row.tobytes(): label for row, label in zip(table.rows, labels, strict=True)}
    rafair.audit(looked_up(known, flip=0), skewed, attacks=())
    model, out = looked_up(known, flip=1), tmp_path / "run"
    with pytest.raises(
        ModelError, match=r"accuracy 0\.000 where .* 1\.000 where .*--model-classes"
    ):
        rafair.audit(model, skewed, attacks=(), out=out)
    assert not list(tmp_path.iterdir())
    turned = skewed.schema.classes[::-1]
    audit = rafair.audit(model, skewed, attacks=(), model_classes=turned)
    assert audit.document["clean"]["accuracy"]["value"] == 1


def test_what_is_not_a_run_folder_is_refused(tmp_path, result):
    with pytest.raises(RunFolderError, match="expected a finished run folder"):
        rafair.Audit.load(tmp_path)
    (tmp_path / "audit.json").write_text(json.dumps(result.document | {"schema_version": 99}))
    with pytest.raises(RunFolderError, match="expected schema_version 1, found 99"):
        rafair.Audit.load(tmp_path)


def test_attacks_on_a_function_say_what_to_do(table):
    with pytest.raises(
        ModelError, match=r"'pgd' needs gradients, .* rafair-fb, worst-counterpart, noise"
    ):
        rafair.audit(lambda rows: rows[:, :2], table, attacks=("rafair", "pgd"))


def test_instances_are_the_callers_own_rows(table):
    part = table.take(np.arange(40, 80))
    result = rafair.audit(planted.network(5), part, steps=1, instances=10)
    assert set(result.adversarial["instance"]) <= set(range(40, 80))
    for case in result.cases(limit=5):
        assert case.clean["x0"] == pytest.approx(table.frame["x0"][case.instance], abs=1e-5)


def test_a_constant_model_is_called_one(table):
    result = rafair.audit(planted.linear([0.0] * 5, bias=1), table, steps=1)
    assert "same class for every row" in result.warnings[0]


def test_html_is_well_formed(result):
    from xml.etree import ElementTree

    page = ElementTree.fromstring(f"<div>{result._repr_html_().replace('<br>', '<br/>')}</div>")
    rows = [len(table.findall("tbody/tr")) for table in page.findall("table")]
    case = result.cases(limit=1)[0]
    # clean and the leading attack; of a case what differs, and the prediction
    assert rows == [2, len(case.rows) + 1]
    whole = ElementTree.fromstring(f"<div>{as_html(everything(result))}</div>".replace("<br>", " "))
    rows = [len(table.findall("tbody/tr")) for table in whole.findall("table")]
    # moves; clean and four attacks, twice; seven groups of two features; repairs; costs
    assert rows[:6] == [3, 5, 5, 2 + 7, 4, 4]


def test_an_attack_leaves_the_same_behind_in_any_company(table):
    """What others saw of the clean rows saves passes, and changes nothing else."""
    model, options = planted.network(5, seed=1), {"steps": 3, "step_size": 0.05, "instances": 40}
    together = rafair.audit(model, table, attacks=["rafair", "pgd", "noise"], **options)
    for name in ("pgd", "noise", "rafair-ff"):
        alone = rafair.audit(model, table, attacks=[name], **options)
        expected = together.adversarial.query("attack == @name").reset_index(drop=True)
        found = alone.adversarial.query("attack == @name").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_categorical=False)
        spent = [a.document["attacks"][name] for a in (alone, together)]
        assert spent[0]["prediction_rows"] >= spent[1]["prediction_rows"]
    assert together.document["attacks"]["noise"]["zero_gradient"] is None


def test_a_budget_bounds_what_each_attack_asks_for():
    table = planted.random_table(12, domains=(3, 2))
    attacks = ("rafair-ff", "pgd", "adf", "noise")
    found = rafair.audit(
        planted.network(5), table, attacks=attacks, steps=5, step_size=0.03, max_gradient_rows=13
    )
    spent = {name: attack["gradient_rows"] for name, attack in found.document["attacks"].items()}
    # two looks at six counterparts fit, or six steps of pairs; pgd needs no more than six
    assert 0 < spent["rafair-ff"] <= 12 * 12
    assert 0 < spent["pgd"] <= 12 * 6
    assert 0 < spent["adf"] <= 12 * 12
    assert spent["noise"] == 0
    assert found.document["config"]["max_gradient_rows"] == 13
    assert not found.warnings


def test_an_audit_says_which_attacks_the_budget_does_not_pay_for():
    table = planted.random_table(12, domains=(3, 2))
    attacks = ("rafair-ff", "pgd")
    found = rafair.audit(planted.network(5), table, attacks=attacks, steps=5, max_gradient_rows=5)
    assert found.document["attacks"]["rafair-ff"]["gradient_rows"] == 0
    assert len(found.warnings) == 1
    assert "rafair-ff: the budget of 5 gradient rows does not pay" in found.warnings[0]
    frame = found.adversarial
    frame = frame[frame["attack"] == "rafair-ff"]
    assert frame.groupby("instance")["raw.x0"].nunique().max() == 1


def test_dice_tells_bits_that_follow_from_its_columns():
    table = planted.random_table(12, domains=(3, 2))
    found = rafair.audit(planted.network(5), table, attacks=("dice", "pgd"), steps=4)
    bits = found.document["attacks"]["dice"]["discrimination_bits"]
    frame = found.adversarial
    counted = frame[frame["attack"] == "dice"]
    clean = counted[counted["step"] == 0]
    assert bits["clean"]["min_entropy"]["value"] == pytest.approx(np.log2(clean["bins"]).mean())
    assert bits["clean"]["shannon_entropy"]["value"] == pytest.approx(clean["entropy_bits"].mean())
    largest = counted.groupby("instance")["entropy_bits"].max()
    assert bits["largest"]["shannon_entropy"]["value"] == pytest.approx(largest.mean())
    assert (counted["entropy_bits"] <= np.log2(counted["bins"]) + 1e-12).all()
    assert frame[frame["attack"] == "pgd"][["bins", "entropy_bits"]].isna().all(axis=None)
    assert "discrimination_bits" not in found.document["attacks"]["pgd"]
