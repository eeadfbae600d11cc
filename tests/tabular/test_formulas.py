"""Formulas of derived columns: what is read, what they give, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafair.errors import InputError
from rafair.tabular.derived import formulas_of
from rafair.tabular.formulas import Formula
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_check import misfits
from rafair.tabular.schema_file import read_schema, write_schema

ENDS = {"kind": "numeric", "minimum": -1000, "maximum": 1000}


def schema(**derive: str) -> Schema:
    plain = [Feature(name=name, **ENDS) for name in ("a", "b", "a b", "min")]
    age = Feature(name="age", sensitive=True, domain=(1, 2), **ENDS)
    job = Feature(name="job", kind="categorical", levels=("x", "y"))
    derived = [Feature(name=name, derive=text, **ENDS) for name, text in derive.items()]
    return Schema(features=(*plain, age, job, *derived), label="ok", classes=("no", "yes"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a / b", 3.5),
        ("a + b * 3 - -1", 14),
        ("(a + b) * 3", 27),
        ("round(b / a, 2)", 0.29),
        ("round(a / b, 0)", 4),
        ("min(a, b, 1) + max(a, b)", 8),
        ("`a b` * `min`", 33),
        ("  a\n/ b ", 3.5),
        ("1e2 * a", 700),
        ("a / (b - 2)", np.nan),
        ("a + b / (b - b)", np.nan),
    ],
)
def test_what_formulas_give(text, value):
    values = {"a": 7.0, "b": 2.0, "a b": 3.0, "min": 11.0}
    found = Formula(text).of({name: np.array([value, np.nan]) for name, value in values.items()})
    np.testing.assert_allclose(found, [value, np.nan])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected numbers and features"),
        ("a ** b", "expected numbers and features"),
        ("a // b", "expected numbers and features"),
        ("a % b", "expected numbers and features"),
        ("a <= b", "expected numbers and features"),
        ("a if b else a", "expected numbers and features"),
        ("__import__('os')", "expected numbers and features"),
        ("a.real", "expected numbers and features"),
        ("a[0]", "expected numbers and features"),
        ("abs(a)", "expected numbers and features"),
        ("round(a)", "expected numbers and features"),
        ("round(a, -1)", "expected numbers and features"),
        ("round(a, True)", "expected numbers and features"),
        ("round(a, b)", "expected numbers and features"),
        ("min(a)", "expected numbers and features"),
        ("min(a, b, key=a)", "expected numbers and features"),
        ("min(*a)", "expected numbers and features"),
        ("a + True", "expected numbers and features"),
        ("a + 'x'", "expected numbers and features"),
        ("a + 1j", "expected numbers and features"),
        ("a + 1e999", "expected numbers and features"),
        ("a + " + "9" * 400, "expected numbers and features"),
        ("a; b", "expected numbers and features"),
        ("a\x00", "expected numbers and features"),
        ("min + 1", "expected numbers and features"),
        ("-" * 40 + "a", "expected at most 30 operations within each other"),
        ("(" * 500 + "a" + ")" * 500, "expected numbers and features"),
        ("a" + " + a" * 400, "expected numbers and features"),
        ("1 + 2", "expected at least one feature"),
        ("a + c", "expected features that are numbers, 'c' is unknown"),
        ("a + job", "expected features that are numbers, 'job' is of the kind categorical"),
        ("a + age", "expected no sensitive feature, whose counterparts it would follow, got 'age'"),
        ("a + x", "expected features that are not derived themselves, 'x' is"),
    ],
)
def test_what_is_refused_in_one_line(text, words):
    with pytest.raises(InputError, match=f"'x': derive '.*{words}") as caught:
        formulas_of(schema(x=text))
    assert "\n" not in str(caught.value)


@given(st.text("ab +-*/().,1`minroud", max_size=30) | st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_no_text_does_anything_else(text):
    try:
        formula = formulas_of(schema(x=text))["x"]
    except InputError as error:
        refused = str(error)
        assert "\n" not in refused
    else:
        values = formula.of({name: np.array([2.0, 0.0]) for name in ("a", "b", "a b", "min")})
        assert not np.isinf(values).any()


def test_other_features_are_refused():
    with pytest.raises(ValueError, match="'x': derive: expected a number"):
        Feature(name="x", kind="boolean", levels=(0, 1), derive="a")
    sensitive = schema(x="a / b")
    features = [
        feature.model_copy(update={"sensitive": True}) if feature.name == "x" else feature
        for feature in sensitive.features
    ]
    with pytest.raises(InputError, match="'x': derive 'a / b': expected of a feature that is not"):
        formulas_of(sensitive.model_copy(update={"features": tuple(features)}))
    related = schema(x="a / b").model_copy(update={"relations": ("x <= a",)})
    with pytest.raises(InputError, match="relation 'x <= a': expected no derived feature"):
        formulas_of(related)


def test_a_schema_file_holds_formulas(tmp_path):
    path = tmp_path / "schema.toml"
    known = schema(x="`a b` / a")
    path.write_text(write_schema(known))
    assert read_schema(path) == known
    assert not known["x"].mutable
    assert 'derive = "`a b` / a"' in path.read_text()
    assert "immutable" not in path.read_text()
    for line, words in (
        ('kind = "boolean"\nderive = "a"', "derive: expected not to be given"),
        (
            'kind = "numeric"\nminimum = 0\nmaximum = 1\nderive = 3',
            "derive: expected a text, got 3",
        ),
        (
            'kind = "numeric"\nminimum = 0\nmaximum = 1\nderive = "a"\nimmutable = true',
            "immutable: expected not to be given for a derived feature",
        ),
        (
            'kind = "numeric"\nminimum = 0\nmaximum = 1\nderive = "a +"',
            "derive 'a \\+': expected num",
        ),
    ):
        path.write_text(write_schema(schema()) + f'\n[[feature]]\nname = "x"\n{line}\n')
        with pytest.raises(InputError, match=words):
            read_schema(path)


def test_schemas_without_formulas_are_written_as_they_were():
    assert "derive" not in schema().model_dump(mode="json")["features"][0]
    assert schema(x="a / b").model_dump(mode="json")["features"][-1]["derive"] == "a / b"


def test_rows_that_contradict_a_formula_are_named():
    features = (
        *(Feature(name=name, missing=True, **ENDS) for name in ("a", "b")),
        Feature(name="x", derive="a / b", missing=True, step=0.01, **ENDS),
    )
    known = Schema(features=features, label="ok", classes=("no", "yes"))
    frame = pd.DataFrame(
        {
            "a": [1, 2, 2, np.nan, np.nan, 1, 1],
            "b": [3, 3, 3, 1, 1, 0, 3],
            "x": [0.33, 0.67, 0.66, np.nan, 0.5, np.nan, np.nan],
            "ok": "no",
        }
    )
    assert [str(misfit) for misfit in misfits(frame, known)] == [
        "column 'x', row 2: expected a / b = 0.6666666667, found 0.66",
        "column 'x', row 4: expected a / b = a missing value, found 0.5",
        "column 'x', row 6: expected a / b = 0.3333333333, found a missing value",
    ]
