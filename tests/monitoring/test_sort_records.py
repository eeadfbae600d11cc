"""Records sorted into rows, labels and a quarantine: one bad record spoils no other."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rafair
from planted_loans import loan_schema, loans
from rafair.errors import InputError
from rafair.monitoring.incoming.columns import Columns
from rafair.monitoring.incoming.file_records import read_records
from rafair.monitoring.incoming.record_sorting import Sorted, sort_records
from rafair.monitoring.stream_record import Record
from rafair.search.seeded_draws import row_keys
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_check import misfits

PEOPLE = Schema(
    features=(
        Feature(name="age", kind="integer", minimum=17, maximum=42, sensitive=True),
        Feature(name="pay", kind="numeric", minimum=0, maximum=10, step=0.1, missing=True),
        Feature(name="job", kind="categorical", levels=("cook", "NA", "35")),
        Feature(name="member", kind="boolean", levels=(False, True)),
        Feature(name="rating", kind="ordinal", levels=(1, 2, 5)),
    ),
    label="paid",
    classes=("no", "yes"),
)
GOOD = {"id": "x", "age": 30, "pay": 1.5, "job": "cook", "member": True, "rating": 2}
AGE = "column 'age': expected a number from 17 to 42, found "


def sort(*rows: dict, schema: Schema = PEOPLE, **options) -> Sorted:
    records = [Record("a.csv", number, row, raw="the line") for number, row in enumerate(rows, 2)]
    names = {name: options.pop(name) for name in ("id", "label") if name in options}
    return sort_records(records, schema, Columns.of(schema, **names), **options)


def reasons(*rows: dict, **options) -> list[str]:
    return [refused.reason for refused in sort(*rows, **options).refused]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_real_rows_are_encoded_as_their_table_is(ending, tmp_path):
    table = rafair.load_dataset("affairs").table
    frame = table.frame.copy()
    frame["affairs"] = [table.schema.classes[code] for code in table.labels]
    frame["weather"] = "fine"
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    columns = Columns.of(table.schema)
    found = sort_records(list(read_records(path)), table.schema, columns, number_rows=True)
    assert found.refused == ()
    np.testing.assert_array_equal(found.rows, table.rows)
    np.testing.assert_array_equal(found.labels, table.labels)
    np.testing.assert_array_equal(found.keys, row_keys(table.rows, 0).view(np.int64))
    first = 0 if ending == "parquet" else 2 if ending == "csv" else 1
    assert found.ids == tuple(f"{path.name}:{first + n}" for n in range(len(frame)))
    assert found.ignored == ("weather",)
    assert found.outside_by == {}
    assert (found.rows.dtype, found.labels.dtype, found.keys.dtype) == ("f4", "i8", "i8")


def test_planted_loans_keep_and_lose_the_rows_that_the_schema_says():
    table = loans(400)
    rows = [{"id": n, **row} for n, row in enumerate(table.frame.astype(object).to_dict("records"))]
    rows[7] |= {"north": "yes", "south": "yes"}
    rows[8] |= dict.fromkeys(("north", "south", "west"), "no")
    rows[9]["rate"] = 0.6
    frame = pd.DataFrame(rows)
    broken = {misfit.row for misfit in misfits(frame, table.schema)} - {None}
    assert len(broken) > 20  # some break a relation from the start
    found = sort(*rows, schema=table.schema)
    assert set(found.places.tolist()) == set(range(400)) - broken
    assert {refused.number - 2 for refused in found.refused} == broken
    said = {refused.number - 2: refused.reason for refused in found.refused}
    group = "group 'region': expected exactly one true of north, south, west, found "
    assert group + "north and south" in said[7]
    assert group + "none" in said[8]
    assert "column 'rate': expected 0.5 plus a multiple of 0.25, found 0.6" in said[9]


def test_a_relation_that_one_row_alone_breaks_is_said_of_this_row():
    row = loans(50).frame.iloc[0].to_dict() | {"id": 1, "income": 50, "housing_debt": 900}
    [reason] = reasons(row, schema=loan_schema())
    assert reason == (
        "relation 'housing_debt <= 0.4 * income': expected it to hold, found housing_debt = 900, "
        "income = 50"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": "abc"}, AGE + "'abc'"),
        ({"age": True}, AGE + "true"),
        ({"age": [30]}, AGE + "a list"),
        ({"age": {"years": 30}}, AGE + "an object"),
        ({"age": None}, AGE + "a missing value"),
        ({"age": "NA"}, AGE + "a missing value"),
        ({"age": float("inf")}, AGE + "inf"),
        ({"age": "1e999"}, AGE + "inf"),
        ({"age": 10**400}, AGE + repr(10**58) + "…"),
        ({"age": "\ud800"}, AGE + r"'\ud800'"),
        ({"age": b"30"}, AGE + "b'30'"),
        ({"age": pd.Timestamp(0)}, AGE + "a value of the type Timestamp"),
        ({"age": 30.5}, "column 'age': expected a whole number, found 30.5"),
        ({"age": 130.5}, "column 'age': expected a whole number, found 130.5"),
        ({"pay": 0.15}, "column 'pay': expected 0 plus a multiple of 0.1, found 0.15"),
        ({"job": "smith"}, "column 'job': expected one of cook, NA, 35, found 'smith'"),
        ({"job": 35}, "column 'job': expected one of cook, NA, 35, found 35"),
        ({"job": ""}, "column 'job': expected one of cook, NA, 35, found a missing value"),
        ({"job": ["cook"]}, "column 'job': expected one of cook, NA, 35, found a list"),
        ({"job": "\u202ex"}, r"column 'job': expected one of cook, NA, 35, found '\u202ex'"),
        ({"member": "maybe"}, "column 'member': expected one of False, True, found 'maybe'"),
        ({"rating": 3}, "column 'rating': expected one of 1, 2, 5, found 3"),
        ({"rating": True}, "column 'rating': expected one of 1, 2, 5, found true"),
        ({"label": "maybe"}, "label 'label': expected one of no, yes, found 'maybe'"),
        ({"label": 2}, "label 'label': expected one of no, yes, found 2"),
        ({"label": ["no"]}, "label 'label': expected one of no, yes, found a list"),
        ({"paid": "maybe"}, "label 'paid': expected one of no, yes, found 'maybe'"),
        ({"id": None}, "id 'id': expected a text or a whole number, found none"),
        ({"id": ""}, "id 'id': expected a text or a whole number, found none"),
        ({"id": 1.5}, "id 'id': expected a text or a whole number, found 1.5"),
        ({"id": True}, "id 'id': expected a text or a whole number, found true"),
        ({"id": [1]}, "id 'id': expected a text or a whole number, found a list"),
        ({"id": "a\0b"}, r"id 'id': expected no control characters, found 'a\x00b'"),
        ({"id": "a\n"}, r"id 'id': expected no control characters, found 'a\n'"),
        ({"id": "\udc80"}, r"id 'id': expected no control characters, found '\udc80'"),
        (
            {"id": "é" * 201},
            f"id 'id': expected at most 200 characters, found 201: '{'é' * 58}…",
        ),
        (
            {"age": "a", "pay": "b", "job": "c", "rating": "d", "label": "e"},
            f"label 'label': expected one of no, yes, found 'e'; {AGE}'a'; "
            "column 'pay': expected a number from 0 to 10, found 'b'; and 2 more",
        ),
    ],
)
def test_what_does_not_fit_is_refused_alone_with_its_reason(change, reason):
    others = [GOOD | {"id": f"other {n}", "age": 20 + n} for n in range(4)]
    found = sort(*others[:2], GOOD | change, *others[2:])
    assert [(refused.number, refused.content) for refused in found.refused] == [(4, "the line")]
    assert found.refused[0].reason == reason
    found.refused[0].reason.encode()
    assert found.ids == tuple(row["id"] for row in others)
    np.testing.assert_array_equal(found.rows, sort(*others).rows)


def test_a_missing_column_is_said_of_every_row():
    rows = [
        {name: value for name, value in GOOD.items() if name != "age"} | {"id": n} for n in "ab"
    ]
    assert reasons(*rows) == [AGE + "no such column"] * 2


def test_texts_mean_the_same_in_all_formats():
    texts = {"id": "7", "age": " 30", "pay": "NA", "job": "NA", "member": "TRUE", "rating": "2.0"}
    typed = {"id": 8.0, "age": Decimal(30), "pay": None, "job": "NA", "member": 1, "rating": 2}
    found = sort(texts, typed)
    assert found.refused == ()
    assert found.ids == ("7", "8")
    np.testing.assert_array_equal(found.rows[0], found.rows[1])
    np.testing.assert_array_equal(found.rows[0, 1:], np.float32([-1, 0.5, 1, 0.5]))


def test_numbers_of_single_precision_are_on_their_grid():
    rows = [GOOD | {"id": n, "pay": np.float32(n / 10)} for n in range(101)]
    found = sort(*rows)
    assert found.refused == ()
    np.testing.assert_allclose(found.rows[:, 1], np.arange(101) / 100, atol=1e-6)


def test_numbers_outside_their_range_are_moved_and_counted():
    rows = [{"age": 16}, {"age": 42}, {"age": "99", "pay": -0.1}, {"pay": 1e300}]
    found = sort(*({**GOOD, "id": n} | row for n, row in enumerate(rows)), GOOD | {"age": "x"})
    assert found.outside.tolist() == [True, False, True, True]
    assert {k: v.sum() for k, v in found.outside_by.items()} == {"age": 2, "pay": 2}
    np.testing.assert_array_equal(found.rows[:3, 0], np.float32([0, 1, 1]))
    np.testing.assert_array_equal(found.rows[2:, 1], np.float32([0, 1]))


def test_numbers_of_any_size_are_no_trouble_to_grids_and_relations():
    row = loans(50).frame.iloc[0].to_dict()
    for size in (1.7e308, -1.7e308):
        assert sort(GOOD | {"pay": size}).outside_by["pay"].tolist() == [True]
        for name in ("income", "housing_debt"):
            found = sort(row | {"id": 1, name: size}, schema=loan_schema())
            assert len(found) + len(found.refused) == 1


def test_rows_that_are_refused_or_twice_count_nothing_outside():
    row = GOOD | {"age": 99}
    found = sort(row, row, GOOD | {"id": 2, "age": 99, "job": "smith"})
    assert {k: v.sum() for k, v in found.outside_by.items()} == {"age": 1}
    assert (found.duplicates, len(found.refused)) == (1, 1)


def test_the_end_of_a_range_beside_the_grid_refuses_no_row_beyond_it():
    feature = Feature(name="pay", kind="numeric", minimum=0, maximum=1, step=0.3)
    schema = Schema(features=(feature,), label="y", classes=("no", "yes"))
    found = sort({"id": 1, "pay": 1.2}, {"id": 2, "pay": 1}, schema=schema)
    assert found.ids == ("1",)
    assert found.rows.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("yes", 1), ("no", 0), (1, 1), (0.0, 0), ("1", 1), (True, 1), (None, -1), ("", -1),
        ("NA", -1), (float("nan"), -1), (np.float32(1), 1),
    ],
)  # fmt: skip
def test_labels_are_names_or_codes_or_have_not_come(label, code):
    assert sort(GOOD | {"label": label}).labels.tolist() == [code]
    assert sort(GOOD | {"paid": label}).labels.tolist() == [code]


def test_classes_that_are_truth_values_or_numbers_are_meant_by_both():
    for classes, labels in {
        ("False", "True"): [False, "True", 1, "0"],
        ("2", "1"): [2, "1", 1.0, "2.0"],
    }.items():
        schema = PEOPLE.model_copy(update={"classes": classes})
        rows = [GOOD | {"id": n, "label": label} for n, label in enumerate(labels)]
        assert sort(*rows, schema=schema).labels.tolist() == [0, 1, 1, 0]


def test_the_column_label_goes_before_the_data_sets_own_and_an_option_before_both():
    row = GOOD | {"label": "no", "paid": "yes", "result": 1}
    assert sort(row).labels.tolist() == [0]
    assert sort(row).ignored == ("result",)
    assert sort(row, label="paid").labels.tolist() == [1]
    assert sort(row, label="result").labels.tolist() == [1]
    assert sort(row | {"nr": 5}, id="nr").ids == ("5",)


def test_labels_alone_are_told_from_rows():
    found = sort(
        {"id": 1, "label": "yes"},
        {"id": "2", "paid": 0},
        {"id": 2, "label": "no"},
        {"id": 1, "label": "no"},
        {"id": 3, "label": "maybe"},
        {"label": "yes"},
        {"id": 4},
        number_rows=True,
    )
    assert found.labels_alone == {"1": 1, "2": 0}
    assert found.duplicates == 1
    assert [refused.reason for refused in found.refused][:3] == [
        "id '1': expected one label, found two different ones",
        "label 'label': expected one of no, yes, found 'maybe'",
        "id 'id': expected a text or a whole number, found none",
    ]
    assert found.refused[3].reason.startswith(AGE + "no such column")
    assert found.rows.shape == (0, 5)


def test_a_label_is_given_to_its_row_in_the_same_batch():
    found = sort({"id": "y", "label": 1}, GOOD, GOOD | {"id": "y"}, {"id": "x", "label": "no"})
    assert found.ids == ("x", "y")
    assert found.labels.tolist() == [0, 1]
    assert found.labels_alone == {}
    assert (found.duplicates, found.refused) == (0, ())


def test_of_two_records_with_one_id_the_first_counts():
    found = sort(GOOD, GOOD, GOOD | {"age": 31}, GOOD | {"label": 1}, GOOD | {"label": 0})
    assert found.ids == ("x",)
    assert found.labels.tolist() == [1]
    assert found.duplicates == 2
    assert [refused.reason for refused in found.refused] == [
        "id 'x': expected once, found again with other values",
        "id 'x': expected one label, found two different ones",
    ]


def test_rows_without_an_id_are_numbered_or_refused():
    row = {name: value for name, value in GOOD.items() if name != "id"}
    assert sort(row, row, number_rows=True).ids == ("a.csv:2", "a.csv:3")
    assert reasons(row) == ["id 'id': expected a text or a whole number, found none"]
    long = sort_records([Record("é" * 201, 9, row)], PEOPLE, Columns.of(PEOPLE), number_rows=True)
    assert len(long.ids[0]) == 18


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("id", {}, "id_column: expected one that is no feature, got 'id'; name another one, as"),
        ("label", {}, "label_column: expected one that is no feature, got 'label'; name another"),
        ("age", {"id": "age"}, "id_column: expected one that is no feature, got 'age'"),
        ("age", {"label": "age"}, "label_column: expected one that is no feature, got 'age'"),
        ("age", {"label": "nr", "id": "nr"}, "label_column: expected another one than the ids'"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused_up_front(name, options, message):
    feature = Feature(name=name, kind="integer", minimum=0, maximum=9)
    schema = Schema(features=(feature,), label="y", classes=("no", "yes"))
    with pytest.raises(InputError, match=message):
        Columns.of(schema, **options)


def test_a_feature_called_id_goes_with_an_option():
    feature = Feature(name="id", kind="integer", minimum=0, maximum=9)
    schema = Schema(features=(feature,), label="y", classes=("no", "yes"))
    assert sort({"id": 3, "nr": "a"}, schema=schema, id="nr").ids == ("a",)


def test_malformed_records_keep_what_was_read():
    records = [Record("-", 3, None, "expected JSON", "{"), Record("a.pq", 0, {"age": 1})]
    first, second = sort_records(records, PEOPLE, Columns.of(PEOPLE)).refused
    assert (first.source, first.number, first.reason, first.content) == (
        "-",
        3,
        "expected JSON",
        "{",
    )
    assert json.loads(second.content) == {"age": 1}


def test_no_records_are_no_rows():
    found = sort()
    assert (found.rows.shape, found.keys.shape, found.ids) == ((0, 5), (0,), ())


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.binary(max_size=3), st.decimals(), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(), st.none()), st.datetimes(),
    st.sampled_from(["30", "cook", "yes", "1", 30, 1, 10**400, "\ud800"]),
)  # fmt: skip
NAMES = st.sampled_from([*GOOD, "label", "paid", "other"])


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.dictionaries(NAMES, ANY), max_size=6), number_rows=st.booleans())
def test_nothing_is_lost_and_nothing_spoils_a_good_row(rows, number_rows):
    found = sort(GOOD | {"id": "good"}, *rows, number_rows=number_rows)
    n_labels = len(rows) + 1 - len(found) - len(found.refused) - found.duplicates
    assert n_labels >= len(found.labels_alone)
    assert found.ids[0] == "good"
    np.testing.assert_array_equal(found.rows[:1], sort(GOOD).rows)
    assert not np.isnan(found.rows).any()
    for refused in found.refused:
        (refused.reason + refused.content).encode()
        assert "\n" not in refused.reason


def test_a_hundred_thousand_rows_take_seconds():
    table = rafair.load_dataset("affairs").table
    rows = table.frame.astype(object).to_dict("records")
    records = [Record("-", n, {"id": n, **rows[n % len(rows)]}) for n in range(100_000)]
    start = time.perf_counter()
    found = sort_records(records, table.schema, Columns.of(table.schema))
    assert time.perf_counter() - start < 20  # about one second on an idle machine
    assert len(found) == 100_000


def test_of_two_labels_the_first_counts_whichever_record_has_it():
    row = GOOD | {"id": "a"}
    for own, alone in (("yes", "no"), ("no", "yes")):
        told = {"id": "a", "label": alone}
        first = sort(told, row | {"label": own})
        assert first.ids == ("a",)
        assert first.labels.tolist() == [("no", "yes").index(alone)]
        assert [one.number for one in first.refused] == [3]
        second = sort(row | {"label": own}, told)
        assert second.labels.tolist() == [("no", "yes").index(own)]
        assert [one.number for one in second.refused] == [3]
