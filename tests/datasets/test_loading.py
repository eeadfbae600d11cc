"""The facts of the data: README and design against the loaded tables."""

from __future__ import annotations

import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest

from rafair.datasets import DATASETS, Dataset, Variant, load_dataset
from rafair.errors import DataFileError, RafairWarning, UnknownNameError
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import decode, encode

PAPERS = [name for name in DATASETS if name != "affairs"]
ALL = ["affairs", *(pytest.param(name, marks=pytest.mark.data) for name in PAPERS)]
both_variants = pytest.mark.parametrize("variant", list(Variant))


@functools.cache
def _loaded(name: str, variant: str) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RafairWarning)
        return load_dataset(name, variant)


@pytest.fixture
def load(request):
    def loader(name: str, variant: str = "clean") -> Dataset:
        if name != "affairs":
            request.getfixturevalue("data_folder")
        return _loaded(name, variant)

    return loader


def shares(name, column, load):
    return load(name).table.frame[column].value_counts().to_dict()


@pytest.mark.parametrize("name", ALL)
@both_variants
def test_facts_are_those_of_the_data(load, name, variant):
    data = load(name, variant)
    schema, info = data.table.schema, data.info
    assert len(data.table) == info.rows
    nine = (name, variant) == ("compas", "paper")  # the minimised file has no more
    assert len(schema) == (9 if nine else info.features[variant])
    assert {n: len(schema[n].domain) for n in schema.sensitive} == info.sensitive
    assert Counterparts.of(schema).size == info.counterparts


@pytest.mark.parametrize("name", ALL)
@both_variants
def test_rows_encode_into_the_unit_cube_and_back(load, name, variant):
    table = load(name, variant).table
    assert table.rows.dtype == np.float32
    assert np.isfinite(table.rows).all()
    assert table.rows.min(axis=0).tolist() == [0] * len(table.schema)
    assert table.rows.max(axis=0).tolist() == [1] * len(table.schema)
    some = table.take(np.arange(0, len(table), 97))
    assert np.array_equal(encode(decode(some.rows, table.schema), table.schema), some.rows)


@pytest.mark.parametrize("name", ALL)
def test_every_row_is_among_its_own_counterparts(load, name):
    table = load(name).table
    assert (Counterparts.of(table.schema).own_index(table.rows) >= 0).all()


@pytest.mark.parametrize("name", ALL)
def test_train_and_test_share_a_schema_and_make_up_the_whole(load, name):
    data = load(name)
    assert len(data.train) + len(data.test) == len(data.table)
    assert data.train.schema == data.test.schema == data.table.schema
    together = np.concatenate([data.train.labels, data.test.labels])
    assert np.bincount(together).tolist() == np.bincount(data.table.labels).tolist()
    if data.info.train_rows is None:
        assert len(data.test) == -(-len(data.table) // 5)
        assert abs(data.test.labels.mean() - data.table.labels.mean()) < 0.001


ENCODED = {
    ("affairs", "clean"): "3c1f90393e01d1c9f1a269abe919cd86e6923d590aa2f7501f7dbe154fbf25da",
    ("adult", "clean"): "6812a2ae8e69a6eb51cb30411703ebb40f58b860de4375d980acd99859145de0",
    ("credit", "clean"): "a7b1c472930d7de3a3eeb636a12213d58d40960cb3c6205edd7c611b00230652",
    ("bank", "clean"): "f5718e160e0f390d078bfd0abeb0b71348108289dc27daf896f35246a7ef81b1",
    ("bank", "paper"): "e76f7743f0034d967258943794e23ade4f613974f79364edf45b4aa13d62709a",
    ("compas", "clean"): "e4ace26ebfbdd8d7224f9869a36ac8f96e231566dc56841a7e2061abbf71f972",
    ("compas", "paper"): "c6df132eb61894ca5b929c92e6734d84b2c6b1a4e1cb89d07676d7d4f636ecbb",
}


@pytest.mark.parametrize(
    ("name", "variant"),
    [pytest.param(*key, marks=[] if key[0] == "affairs" else pytest.mark.data) for key in ENCODED],
)
def test_what_a_model_sees_does_not_drift(load, name, variant):
    assert load(name, variant).table.sha256 == ENCODED[name, variant]


@pytest.mark.parametrize("name", ALL)
def test_loading_twice_gives_the_same_bytes(load, name):
    first, second = load(name), load_dataset(name)
    for part in ("table", "train", "test"):
        assert getattr(first, part).sha256 == getattr(second, part).sha256


@pytest.mark.parametrize(
    ("name", "label", "counts"),
    [
        ("affairs", "affairs", {"no affair": 4_313, "affair": 2_053}),
        pytest.param("adult", "income", {"<=50K": 34_014, ">50K": 11_208}, marks=pytest.mark.data),
        pytest.param("credit", "credit_risk", {"bad": 300, "good": 700}, marks=pytest.mark.data),
        pytest.param("bank", "y", {"no": 39_922, "yes": 5_289}, marks=pytest.mark.data),
        pytest.param(
            "compas", "two_year_recid", {"no": 3_363, "yes": 2_809}, marks=pytest.mark.data
        ),
    ],
)
def test_classes(load, name, label, counts):
    table = load(name).table
    assert table.schema.label == label
    assert dict(zip(table.schema.classes, np.bincount(table.labels), strict=True)) == counts


def test_affairs_reads_as_its_documentation(load):
    table = load("affairs").table
    assert table.schema.names == (
        "rate_marriage",
        "age",
        "yrs_married",
        "children",
        "religious",
        "educ",
        "occupation",
        "occupation_husb",
    )
    assert table.schema["age"].domain == (17.5, 22.0, 27.0, 32.0, 37.0, 42.0)
    assert table.schema["religious"].domain == ("not", "mildly", "fairly", "strongly")
    assert shares("affairs", "religious", load)["strongly"] == 656
    assert shares("affairs", "rate_marriage", load)["very poor"] == 99
    assert shares("affairs", "educ", load)["advanced degree"] == 330
    assert shares("affairs", "occupation", load)["white-collar"] == 2_783


def test_affairs_repeats_as_many_rows_as_it_says():
    from statsmodels.datasets import fair

    assert fair.load_pandas().data.duplicated().sum() == 1_039


@pytest.mark.data
def test_adult(load):
    data = load("adult")
    assert (len(data.train), len(data.test)) == (30_162, 15_060)
    assert data.test.labels.sum() == 3_700
    assert data.table.schema.names == (
        "education-num",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
        "workclass",
        "education",
        "marital-status",
        "occupation",
        "relationship",
        "native-country",
        "age",
        "race",
        "gender",
    )
    assert data.table.schema["age"].minimum == 17
    assert data.table.schema["age"].maximum == 90
    assert shares("adult", "workclass", load) == {
        "private": 33_307,
        "self-employed": 5_442,
        "state or local government": 5_046,
        "federal government": 1_406,
        "without pay": 21,
    }
    assert shares("adult", "marital-status", load) == {
        "married": 21_639,
        "never married": 14_598,
        "divorced, separated or widowed": 8_985,
    }
    assert shares("adult", "native-country", load) == {
        "North and Central America": 43_283,
        "Asia": 930,
        "Europe": 738,
        "South America": 170,
        "South": 101,
    }
    assert shares("adult", "gender", load) == {"Male": 30_527, "Female": 14_695}


@pytest.mark.data
def test_the_order_of_education_is_that_of_its_numbers(load):
    table = load("adult").table
    place = {level: i + 1 for i, level in enumerate(table.schema["education"].levels)}
    assert (table.frame["education"].map(place) == table.frame["education-num"]).all()


@pytest.mark.data
def test_credit(load):
    data = load("credit")
    schema = data.table.schema
    assert shares("credit", "gender", load) == {"male": 690, "female": 310}
    assert shares("credit", "personal_status", load) == {
        "divorced, separated (women: or married)": 360,
        "single": 548,
        "married or widowed": 92,
    }
    assert shares("credit", "foreign_worker", load) == {"yes": 963, "no": 37}
    assert shares("credit", "savings", load)["no or unknown savings"] == 183
    assert (schema["age"].minimum, schema["age"].maximum) == (19, 75)
    assert not {69, 71, 72, 73} & set(schema["age"].domain)
    assert not data.table.frame.duplicated().any()


@pytest.mark.data
def test_bank(load):
    clean, paper = load("bank").table.schema, load("bank", "paper").table.schema
    assert set(paper.names) - set(clean.names) == {"duration"}
    assert 91 not in clean["age"].domain
    assert (clean["age"].minimum, clean["age"].maximum) == (18, 95)
    frame = load("bank").table.frame
    unknown = {name: int((frame[name] == "unknown").sum()) for name in ("job", "education")}
    assert unknown == {"job": 288, "education": 1_857}
    assert (frame["contact"] == "unknown").sum() == 13_020
    assert (frame["poutcome"] == "unknown").sum() == 36_959
    assert (frame["pdays"] == -1).sum() == 36_954
    assert clean["month"].levels[:3] == ("jan", "feb", "mar")


@pytest.mark.data
def test_compas(load):
    clean, paper = load("compas"), load("compas", "paper")
    assert set(paper.table.schema.names) - set(clean.table.schema.names) == {"is_recid"}
    agree = (paper.table.frame["is_recid"] == "yes") == (paper.table.labels == 1)
    assert round(agree.mean() * 100, 2) == 97.07
    assert (clean.table.schema["age"].minimum, clean.table.schema["age"].maximum) == (18, 96)
    assert shares("compas", "race", load)["Native American"] == 11
    assert shares("compas", "c_charge_degree", load) == {"felony": 3_970, "misdemeanor": 2_202}


@pytest.mark.data
def test_the_minimised_file_warns_that_it_lacks_features(data_folder):
    with pytest.warns(RafairWarning, match="9 of the paper's 11 features") as caught:
        load_dataset("compas", "paper")
    assert caught[0].filename == __file__


@pytest.mark.data
def test_a_damaged_file_is_refused_before_it_is_parsed(data_folder, tmp_path, monkeypatch):
    whole = (data_folder / "german.data").read_bytes()
    (tmp_path / "german.data").write_bytes(whole.replace(b"A11", b"A12", 1))
    monkeypatch.setenv("RAFAIR_DATA", str(tmp_path))
    with pytest.raises(DataFileError, match=r"german\.data': is not the expected file"):
        load_dataset("credit")


def test_names_and_variants_are_checked():
    with pytest.raises(UnknownNameError, match="unknown data set 'afairs': did you mean 'affairs'"):
        load_dataset("afairs")
    with pytest.raises(UnknownNameError, match="unknown variant 'papers': did you mean 'paper'"):
        load_dataset("affairs", "papers")


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, rafair.datasets as d; from rafair.datasets.dataset_summaries import overview; "
        "overview(); print(sorted({'torch', 'statsmodels', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
