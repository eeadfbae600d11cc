"""What is said of a table that decides figures without anybody having asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rafair as package
from commands import rafair
from rafair.tabular.data_doubts import doubts
from rafair.tabular.similar_names import alike
from rafair.tabular.table import Table

N = 60
MODEL = "def answer(rows):\n    return rows[:, 0]\n"


def people(**changes) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    columns = {
        "age": 18 + 3 * (np.arange(N) * 7 % N),
        "sex": generator.choice(["f", "m"], N),
        "paid": generator.choice(["no", "yes"], N),
    }
    return pd.DataFrame(columns | changes)


def said(frame: pd.DataFrame, sensitive: str = "sex") -> list[str]:
    return doubts(Table.from_frame(frame, label="paid", sensitive=[sensitive]))


def test_nothing_is_said_of_a_table_without_doubts():
    assert said(people()) == []


PAID = people()["paid"]
GIVEN_AWAY = {
    "the same texts": PAID,
    "other texts": PAID.map({"no": "x", "yes": "y"}),
    "codes": PAID.map({"no": 0, "yes": 1}),
    "codes the other way round": PAID.map({"no": 7.5, "yes": -2.5}),
    "truth values": PAID == "yes",
}


@pytest.mark.parametrize("values", GIVEN_AWAY.values(), ids=GIVEN_AWAY)
def test_a_feature_that_equals_the_label_is_told(values):
    [sentence] = said(people(code=values))
    assert sentence.startswith("column 'code' equals the label: ")
    assert "in all 60 rows" in sentence


def test_a_feature_that_equals_the_label_but_for_one_row_is_not_told():
    code = PAID.map({"no": 0, "yes": 1})
    code[59] = 1 - code[59]
    assert said(people(code=code)) == []
    # a value for each row tells the label as well, but is not it
    assert said(people(code=np.arange(N) * 7 % N * 20 + (PAID == "yes"))) == []


def test_a_feature_that_equals_a_label_of_three_classes_is_told():
    paid = np.array(["no", "yes", "late"])[np.arange(N) % 3]
    assert "column 'code' equals" in said(people(paid=paid, code=10 * (np.arange(N) % 3)))[0]
    assert said(people(paid=paid, code=np.arange(N) % 3 // 2)) == []


def test_few_rows_equal_the_label_by_chance():
    assert said(people(code=PAID)[:9]) == []


def test_rows_that_stand_twice_are_counted():
    frame = people()
    [sentence] = said(pd.concat([frame, frame[:3], frame[:1]]))
    assert sentence.startswith("4 of 64 rows repeat an earlier one exactly, label included")
    assert said(pd.concat([frame, frame[:1]]))[0].startswith("1 of 61 rows repeats an earlier one")


def test_rows_with_the_features_of_another_and_another_label_are_told_apart():
    frame = people()
    other = frame[:2].assign(paid=frame["paid"][:2].map({"no": "yes", "yes": "no"}))
    [sentence] = said(pd.concat([frame, other]))
    assert sentence.startswith("4 of 62 rows have the features of another row, but not its label")
    both = said(pd.concat([frame, other, frame[:1]]))
    assert [words.split(" rows ")[0] for words in both] == ["1 of 63", "5 of 63"]


@pytest.mark.parametrize(
    "names",
    [
        ("yes", "Yes"),
        ("yes", "yes "),
        (" yes", "yes"),
        ("yes", "yes."),
        (">50K", ">50K."),
        ("a b", "a  b"),
        ("a b", "A\u00a0b"),
        ("straße", "STRASSE"),
        ("ﬁt", "fit"),
        ("yes.", "YES "),
    ],
)
def test_names_that_differ_only_in_how_they_are_written_are_found(names):
    [sentence] = alike("levels", [*names, "other"])
    assert all(repr(name) in sentence for name in names)
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "names", [("a", "b"), ("yes", "yes!"), ("1", "1.5"), (".", ".."), ("<=50K", "<50K"), (1, True)]
)
def test_other_names_are_left_alone(names):
    assert alike("levels", names) == []


def test_classes_and_levels_that_are_written_in_two_ways_are_told():
    paid = np.where(np.arange(N) % 7 == 0, PAID + ".", PAID)
    found = said(people(paid=paid, job=np.where(np.arange(N) % 3, "cook", "Cook ")))
    assert found[0].startswith("label 'paid': classes 'no', 'no.'; 'yes', 'yes.' differ only by")
    assert found[1].startswith("column 'job': levels 'Cook ', 'cook' differ only by spaces")


def test_doubts_reach_the_terminal_and_the_document(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = people(code=PAID == "yes")
    pd.concat([frame, frame[:2]]).to_csv("people.csv", index=False)
    Path("model.py").write_text(MODEL)
    done = rafair(
        *("audit", "--data", "people.csv", "--label", "paid", "--sensitive", "sex"),
        *("--model", "model.py:answer", "--model-output", "probabilities", "--out", "run"),
    )
    assert done.code == 0, done.err
    warnings = json.loads(Path("run/audit.json").read_text())["warnings"]
    for words in ("column 'code' equals the label", "2 of 62 rows repeat an earlier one exactly"):
        assert any(words in warning for warning in warnings)
        assert words in done.out.replace("\n", " ") + done.err.replace("\n", " ")


def test_doubts_stand_in_the_audit_of_a_callers_table():
    table = Table.from_frame(people(code=PAID), label="paid", sensitive=["sex"])
    audit = package.audit(lambda rows: np.c_[rows[:, 0], 1 - rows[:, 0]], table, attacks=())
    assert any("column 'code' equals the label" in warning for warning in audit.warnings)


def test_schemas_say_what_is_written_in_two_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = people(job=np.where(np.arange(N) % 3, "cook", "Cook"))
    frame.assign(paid=np.where(np.arange(N) % 5, PAID, PAID + ".")).to_csv("a.csv", index=False)
    done = rafair("schema", "infer", "a.csv", "--label", "paid", "--sensitive", "sex")
    for words in ("# classes 'no', 'no.'; 'yes', 'yes.' differ", "# levels 'Cook', 'cook' differ"):
        assert words in done.out
    Path("schema.toml").write_text(done.out)
    done = rafair("schema", "check", "schema.toml", "a.csv", "--json", "-")
    document = json.loads(done.out)
    assert [sentence.split(":")[0] for sentence in document["doubts"]] == [
        "label 'paid'",
        "column 'job'",
    ]
    assert (done.code, document["misfits"]) == (0, [])
    assert "column 'job': levels 'Cook', 'cook' differ only" in done.err.replace("\n", " ")
