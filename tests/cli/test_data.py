from __future__ import annotations

import json
from pathlib import Path

import pytest

from rafair.cli.main import run

WITHOUT_FILES = """
data set    rows  features  sensitive (values)              I(v)  paper     files
─────────────────────────────────────────────────────────────────────────────────
affairs    6,366         8  age (6), religious (4)            24  –         bundled
adult     45,222        13  age (74), race (5), gender (2)   740  age (71)  missing
credit     1,000        21  gender (2), age (53)             106  age (51)  missing
bank      45,211   15 / 16  age (77)                          77  same      missing
compas     6,172    8 / 11  age (65), race (6), gender (2)   780  age (71)  missing

I(v): counterparts of each instance, itself included · features: clean / paper variant
paper: which of these figures the paper's Table 2 has otherwise; same: none
missing: adult, credit, bank, compas. Get one with `rafair data fetch adult`, or set RAFAIR_DATA to
a folder that holds its files.
"""


def printed(capsys) -> str:
    streams = capsys.readouterr()
    assert streams.err == ""
    return streams.out


def lines(text: str) -> list[str]:
    return [line.rstrip().rstrip("─") for line in text.strip("\n").splitlines()]


def test_list_without_files(capsys):
    assert run(["data", "list"]) == 0
    assert lines(printed(capsys)) == lines(WITHOUT_FILES)


def test_list_as_json(capsys):
    assert run(["data", "list", "--json", "-"]) == 0
    entries = json.loads(printed(capsys))
    assert [entry["name"] for entry in entries] == ["affairs", "adult", "credit", "bank", "compas"]
    assert entries[3] == {
        "name": "bank",
        "title": "Bank Marketing",
        "rows": 45_211,
        "features": {"clean": 15, "paper": 16},
        "sensitive": {"age": 77},
        "counterparts_per_instance": 77,
        "paper": {"rows": 45_211, "sensitive": {"age": 77}},
        "files": [
            {
                "name": "bank-full.csv",
                "place": "missing",
                "path": None,
                "url": "https://archive.ics.uci.edu/static/public/222/bank+marketing.zip",
                "sha256": ["d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d"],
            }
        ],
    }


def test_json_beside_the_readable_form(capsys, tmp_path):
    path = tmp_path / "list.json"
    assert run(["data", "list", "--json", str(path)]) == 0
    assert "affairs" in printed(capsys)
    assert len(json.loads(path.read_text())) == 5


def test_list_with_a_wrong_folder(capsys, monkeypatch):
    monkeypatch.setenv("RAFAIR_DATA", "/no/such/folder")
    assert run(["data", "list"]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == (
        "rafair: RAFAIR_DATA: expected a folder with data files, got '/no/such/folder'\n"
    )


def test_show_affairs(capsys):
    assert run(["data", "show"]) == 0
    text = printed(capsys)
    assert max(map(len, text.splitlines())) <= 100
    for part in (
        "Extramarital affairs (Fair)  affairs, clean variant",
        "affair     2,053 (32.2%)  1,642 (32.2%)  411 (32.3%)",
        "age             6  17.5, 22, 27, 32, 37, 42",
        "religious        ordinal  not → mildly → fairly → strongly",
        "Known problems",
        "Licence: Included in statsmodels",
    ):
        assert part in text


def test_show_as_json(capsys):
    assert run(["data", "show", "affairs", "--json", "-"]) == 0
    document = json.loads(printed(capsys))
    assert document["rows"] == {"whole": 6_366, "train": 5_092, "test": 1_274}
    assert document["classes"]["test"]["affair"]["count"] == 411
    assert document["features"][1] == {
        "name": "age",
        "kind": "numeric",
        "minimum": 17.5,
        "maximum": 42.0,
        "levels": None,
        "sensitive": True,
        "mutable": True,
        "domain": [17.5, 22.0, 27.0, 32.0, 37.0, 42.0],
        "unit": "years",
        "step": None,
        "direction": "both",
        "largest_change": None,
        "scale": None,
        "group": None,
        "missing": False,
        "bands": None,
    }
    assert len(document["sha256"]) == 64


@pytest.mark.data
@pytest.mark.parametrize("name", ["adult", "credit"])
def test_show_fits_a_hundred_columns(capsys, name):
    assert run(["data", "show", name]) == 0
    text = printed(capsys)
    assert max(map(len, text.splitlines())) <= 100
    assert "Known problems" in text


@pytest.mark.data
def test_show_a_variant(capsys):
    for variant, there in (("clean", False), ("paper", True)):
        assert run(["data", "show", "bank", "--variant", variant, "--json", "-"]) == 0
        document = json.loads(printed(capsys))
        assert ("duration" in {f["name"] for f in document["features"]}) is there


@pytest.mark.data
@pytest.mark.filterwarnings("default::rafair.RafairWarning")
def test_show_what_lacks_features(capsys):
    assert run(["data", "show", "compas", "--variant", "paper", "--json", "-"]) == 0
    streams = capsys.readouterr()
    assert streams.err.startswith("rafair: warning: compas: 9 of the paper's 11 features")
    assert streams.err.count("\n") == 1
    assert len(json.loads(streams.out)["features"]) == 9


def test_show_an_unknown_variant(capsys):
    assert run(["data", "show", "affairs", "--variant", "dirty"]) == 2
    assert "'clean', 'paper'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "fetch"])
def test_an_unknown_name(capsys, command):
    assert run(["data", command, "adlut"]) == 2
    assert capsys.readouterr().err == (
        "rafair: unknown data set 'adlut': did you mean 'adult'? "
        "(known: affairs, adult, credit, bank, compas)\n"
    )


def test_fetch_what_is_bundled(capsys):
    assert run(["data", "fetch", "affairs", "--json", "-"]) == 0
    assert json.loads(printed(capsys)) == [
        {
            "name": "statsmodels (fair.csv)",
            "place": "bundled",
            "path": None,
            "url": None,
            "sha256": [],
        }
    ]
    assert run(["data", "fetch", "affairs"]) == 0
    assert "comes with rafair" in printed(capsys)


def test_fetch_from_nobody(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RAFAIR_CACHE", str(tmp_path))
    assert run(["data", "fetch", "adult", "--url", "http://127.0.0.1:1/adult.zip"]) == 3
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("rafair: 'adult.data': cannot be downloaded from http://127.0.")
    assert streams.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.data
def test_fetch_what_is_here(capsys):
    assert run(["data", "fetch", "adult", "--json", "-"]) == 0
    files = json.loads(printed(capsys))
    assert [file["place"] for file in files] == ["RAFAIR_DATA"] * 2
    assert all(Path(file["path"]).exists() for file in files)


@pytest.mark.parametrize("command", ["list", "show", "fetch"])
def test_help_shows_an_example(capsys, command):
    assert run(["data", command, "--help"]) == 0
    text = printed(capsys)
    assert f"Example:  rafair data {command}" in text
    assert "--json" in text
