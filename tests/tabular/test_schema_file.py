"""Schema files: what is written is read again, and what is wrong is said in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafair.errors import DataFileError
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema, write_schema

GOOD = """
label = "paid"
classes = ["no", "yes"]
relations = ["debt <= 0.4 * `net-income`"]

[[feature]]
name = "debt"
kind = "numeric"
minimum = 0
maximum = 90.5
step = 0.01
unit = "EUR"
direction = "decrease_only"
largest_change = 5
bands = [10, 20.5, 50]

[[feature]]
name = "net-income"
kind = "integer"
minimum = 0
maximum = 200
immutable = true
missing = true

[[feature]]
name = "sex"
kind = "categorical"
levels = ["f", "m"]
sensitive = true
domain = ["f", "m"]

[[feature]]
name = "own"
kind = "boolean"
group = "home"

[[feature]]
name = "rent"
kind = "boolean"
group = "home"

[[feature]]
name = "class"
kind = "ordinal"
levels = [1, 2, 3]
largest_change = 1
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text: str, **options) -> Schema:
        (tmp_path / "schema.toml").write_text(text, encoding="utf-8")
        return read_schema("schema.toml", **options)

    return read


def test_every_field_is_read(read):
    schema = read(GOOD)
    debt = schema["debt"]
    assert (debt.step, debt.grid, debt.unit, debt.direction) == (0.01, 0.01, "EUR", "decrease_only")
    assert (debt.minimum, debt.maximum, debt.largest_change) == (0, 90.5, 5)
    assert debt.bands == (10, 20.5, 50)
    assert not schema["net-income"].mutable
    assert schema["net-income"].missing
    assert debt.mutable
    assert schema.sensitive == ("sex",)
    assert schema["sex"].domain == ("f", "m")
    assert schema["own"].levels == (False, True)
    assert schema["own"].group == schema["rent"].group == "home"
    assert schema["class"].levels == (1, 2, 3)
    assert schema.relations == ("debt <= 0.4 * `net-income`",)
    assert read(write_schema(schema)) == schema
    assert "bands = [10, 20.5, 50]" in write_schema(schema)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
FINITE = st.floats(-1e9, 1e9)
LEVELS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=5, unique=True),
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5, unique=True),
    st.lists(FINITE, min_size=1, max_size=5, unique=True),
)


@st.composite
def features(draw, name):
    shared = {
        "name": name,
        "mutable": draw(st.booleans()),
        "sensitive": draw(st.booleans()),
        "missing": draw(st.booleans()),
        "unit": draw(st.text(st.characters(exclude_categories=["Cs"]))),
    }
    if draw(st.booleans()):
        minimum = draw(FINITE)
        return Feature(
            kind=draw(st.sampled_from(["numeric", "integer"])),
            minimum=minimum,
            maximum=minimum + draw(st.floats(0, 1e9)),
            step=draw(st.none() | st.floats(1e-12, 1e9)),
            direction=draw(st.sampled_from(["both", "increase_only", "decrease_only"])),
            largest_change=draw(st.none() | st.floats(1e-12, 1e9)),
            **shared,
        )
    levels = tuple(draw(LEVELS))
    domain = draw(st.none() | st.just(levels))
    kind = draw(st.sampled_from(["ordinal", "categorical"]))
    return Feature(kind=kind, levels=levels, domain=domain, **shared)


@st.composite
def schemas(draw):
    names = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    classes = draw(st.lists(NAMES, min_size=2, max_size=3, unique=True))
    return Schema(
        features=tuple(draw(features(name)) for name in names[1:]),
        label=names[0],
        classes=tuple(classes),
    )


@given(schemas(), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_written_is_read_again(tmp_path_factory, schema, note):
    path = tmp_path_factory.getbasetemp() / "written.toml"
    notes = {"": [note], "label": [note]} | {name: [note, note] for name in schema.names}
    path.write_text(write_schema(schema, notes), encoding="utf-8", newline="")
    back = read_schema(path)
    assert back == schema
    for feature, other in zip(schema.features, back.features, strict=True):
        assert list(map(type, feature.levels or ())) == list(map(type, other.levels or ()))


WRONG = {
    "unknown kind": (
        'kind = "integer"',
        'kind = "whole"',
        "feature 'net-income': kind: expected one of numeric, integer, ordinal, categorical, "
        "boolean, opaque, got 'whole'",
    ),
    "no kind": ('kind = "integer"\n', "", "feature 'net-income': kind: expected one of numeric"),
    "unknown key": (
        "minimum = 0\nmaximum = 200",
        "minimun = 0\nmaximum = 200",
        "feature 'net-income': unknown key 'minimun': did you mean 'minimum'? (known: name, kind, ",
    ),
    "unknown key above": ("relations =", "relation =", "unknown key 'relation': did you mean 're"),
    "text as number": ("maximum = 90.5", 'maximum = "90.5"', "expected a number, got '90.5'"),
    "truth as number": ("maximum = 90.5", "maximum = true", "expected a number, got True"),
    "number as truth": ("immutable = true", "immutable = 1", "expected true or false, got 1"),
    "no name": ('name = "sex"\n', "", "feature number 3: name: expected a text, got None"),
    "name twice": ('name = "own"', 'name = "rent"', "expected distinct feature names"),
    "no maximum": ("maximum = 90.5\n", "", "feature 'debt': maximum: expected a number, found non"),
    "maximum below": ("maximum = 90.5", "maximum = -1", "feature 'debt': expected minimum <= max"),
    "endless": ("maximum = 90.5", "maximum = inf", "feature 'debt': expected a finite minimum"),
    "negative step": ("step = 0.01", "step = -1", "feature 'debt': expected a step above 0"),
    "direction": ("decrease_only", "down", "direction: expected one of both, increase_only, decr"),
    "level twice": ('levels = ["f", "m"]', 'levels = ["f", "f"]', "a list of distinct levels"),
    "levels in levels": ('levels = ["f", "m"]', 'levels = [["f"]]', "a list of texts, numbers or"),
    "no levels": ('levels = ["f", "m"]\n', "", "feature 'sex': levels: expected a list of texts"),
    "domain": (
        'domain = ["f", "m"]',
        'domain = ["f", "x"]',
        "feature 'sex': domain: expected one of f, m, got 'x'",
    ),
    "levels of a number": ("step = 0.01", "levels = [1, 2]", "levels: expected not to be given fo"),
    "range of levels": ("group =", "minimum = 0\ngroup =", "expected not to be given for the kind"),
    "bands of levels": ("group =", "bands = [1]\ngroup =", "bands: expected not to be given for"),
    "no bands": (
        "[10, 20.5, 50]",
        "[]",
        "feature 'debt': bands: expected a list of numbers, got []",
    ),
    "falling bands": ("20.5, 50]", "5]", "bands: expected ascending numbers, got 5 after 10"),
    "bands outside": (
        "20.5, 50]",
        "91]",
        "bands: expected edges from 0 to 90.5, the feature's range",
    ),
    "bands of texts": ("[10,", '["10",', "bands: expected a list of numbers, got ['10', 20.5, 50]"),
    "nan in bands": ("[10,", "[nan,", "bands: expected finite numbers, got nan"),
    "three truths": ('kind = "boolean"', 'kind = "boolean"\nlevels = [0, 1, 2]', "expected two,"),
    "group of one": (
        '"rent"\nkind = "boolean"\ngroup = "home"',
        '"rent"\nkind = "boolean"',
        "found one",
    ),
    "sensitive group": (
        'group = "home"',
        'group = "home"\nsensitive = true',
        "in no one-hot group",
    ),
    "number in group": ("step = 0.01", 'group = "home"', "expected a boolean in group 'home'"),
    "no label": ('label = "paid"\n', "", 'label: expected a line such as label = "paid", found'),
    "no classes": ('classes = ["no", "yes"]\n', "", "classes: expected a list such as"),
    "one class": ('["no", "yes"]', '["no"]', "expected at least two classes"),
    "class twice": ('["no", "yes"]', '["no", "no"]', "classes: expected distinct names"),
    "classes as numbers": ('["no", "yes"]', "[0, 1]", "classes: expected a list of texts, got [0"),
    "no relation": ("debt <= 0.4", "debt ~ 0.4", "relation 'debt ~ 0.4 * `net-income`': expected"),
    "a call": ("debt <= 0.4", "max(debt) <= 0.4", "expected numbers and features, joined by +"),
    "unknown in relation": ("`net-income`", "income", "'income' is an unknown name"),
    "level in relation": ("`net-income`", "sex", "'sex' is a feature with levels"),
    "no TOML": ("[[feature]]", "[[feature]", "expected TOML: "),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line(read, case):
    old, new, words = case
    assert old in GOOD
    with pytest.raises(DataFileError) as caught:
        read(GOOD.replace(old, new, 1))
    line = str(caught.value)
    assert line.startswith("'schema.toml': ")
    assert "\n" not in line
    assert words in line, line


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataFileError, match="expected a schema file, found no such file"):
        read_schema(tmp_path / "none.toml")
    with pytest.raises(DataFileError, match="expected a schema file, found a folder"):
        read_schema(tmp_path)
    (tmp_path / "latin.toml").write_bytes('label = "é"'.encode("latin1"))
    with pytest.raises(DataFileError, match="expected UTF-8 text, found the byte 0xe9"):
        read_schema(tmp_path / "latin.toml")
    (tmp_path / "empty.toml").touch()
    with pytest.raises(DataFileError, match="label: expected a line such as"):
        read_schema(tmp_path / "empty.toml")


def test_the_label_may_be_given_beside_the_file(read):
    text = GOOD.replace('label = "paid"\n', "")
    assert read(text, label="paid") == read(GOOD)
    with pytest.raises(DataFileError, match="label: expected 'paid', as this file says, got 'pad'"):
        read(GOOD, label="pad")


@pytest.mark.parametrize(("name", "classes"), [("sex", ("f", "m")), ("class", ("1", "2", "3"))])
def test_a_feature_that_is_the_label_gives_the_classes(read, name, classes):
    text = GOOD.replace('label = "paid"\nclasses = ["no", "yes"]\n', "")
    schema = read(text, label=name)
    assert schema.classes == classes
    assert name not in schema.names


def test_a_whole_number_that_is_the_label_gives_the_classes(read):
    text = GOOD.replace("net-income", "stage").replace("maximum = 200", "maximum = 2")
    text = text.replace('classes = ["no", "yes"]\nrelations = ["debt <= 0.4 * `stage`"]\n', "")
    assert read(text.replace('"paid"', '"stage"')).classes == ("0", "1", "2")
    with pytest.raises(DataFileError, match="classes: expected a list"):
        read(text.replace('"paid"', '"debt"'))


def test_the_example_of_the_documentation(read):
    page = Path(__file__).parents[2] / "docs" / "own-data.md"
    example = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    schema = read(example)
    assert schema.names == ("income", "debt", "hours-per-week", "sex")
    assert len(parse_all(schema)) == 2


def test_what_acts_unseen_is_spelt_out_and_read_back():
    level = "a\u202eb\u200b\U000e0041\x7f"
    feature = Feature(name="x", kind="categorical", levels=(level, "plain ü"))
    schema = Schema(features=(feature,), label="paid", classes=("no", "yes"))
    text = write_schema(schema, {"x": [f"levels: {level}"]})
    assert level not in text
    assert "\u202e" not in text
    assert "ü" in text
    assert tomllib.loads(text)["feature"][0]["levels"] == [level, "plain ü"]
