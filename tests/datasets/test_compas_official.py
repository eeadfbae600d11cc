"""ProPublica's own file: a small one in its format stands in for it."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace

import pytest

from rafair.datasets import DATASETS, fetch, load_dataset, status
from rafair.datasets.compas_minimising import KEPT, minimise_compas
from rafair.errors import DataFileError, DownloadError

HEADER_LINE = (
    "id,name,first,last,compas_screening_date,sex,dob,age,age_cat,race,juv_fel_count,decile_score,"
    "juv_misd_count,juv_other_count,priors_count,days_b_screening_arrest,c_jail_in,c_jail_out,"
    "c_case_number,c_offense_date,c_arrest_date,c_days_from_compas,c_charge_degree,c_charge_desc,"
    "is_recid,r_case_number,r_charge_degree,r_days_from_arrest,r_offense_date,r_charge_desc,"
    "r_jail_in,r_jail_out,violent_recid,is_violent_recid,vr_case_number,vr_charge_degree,"
    "vr_offense_date,vr_charge_desc,type_of_assessment,decile_score,score_text,screening_date,"
    "v_type_of_assessment,v_decile_score,v_score_text,v_screening_date,in_custody,out_custody,"
    "priors_count,start,end,event,two_year_recid"
)
HEADER = HEADER_LINE.split(",")
PERSONAL = ("nobody", "noone", "1970-01-", "13011352CF10A")
RACES = ("African-American", "Caucasian")


def person(i: int, **other: str) -> dict[str, str]:
    values = {
        "id": str(i),
        "name": f"nobody {i}",
        "first": "nobody",
        "last": "noone",
        "sex": "Male" if i % 3 else "Female",
        "dob": f"1970-01-{i % 28 + 1:02}",
        "age": str(20 + i % 4),
        "age_cat": "25 - 45",
        "race": RACES[i % 2],
        "juv_fel_count": "0",
        "decile_score": str(i % 10 + 1),
        "priors_count": str(i % 5),
        "days_b_screening_arrest": "-1",
        "c_jail_in": "2013-08-13 23:50:42",
        "c_jail_out": f"2013-08-{14 + i % 3} 00:10:00",
        "c_case_number": "13011352CF10A",
        "c_charge_degree": "F" if i % 2 else "M",
        "c_charge_desc": 'Battery, "simple"',
        "is_recid": str(i % 2),
        "is_violent_recid": str(int(i % 4 == 1)),
        "score_text": "Low",
        "v_decile_score": str(i % 9 + 1),
        "v_score_text": "Low",
        "two_year_recid": str(i % 2),
    }
    return values | other


def official() -> bytes:
    rows = [person(i) for i in range(40)]
    rows += [
        person(41, days_b_screening_arrest="31"),
        person(42, days_b_screening_arrest="", c_jail_in="", c_jail_out=""),
        person(43, is_recid="-1"),
        person(44, c_charge_degree="O"),
        person(45, score_text="N/A"),
    ]
    text = io.StringIO()
    writer = csv.writer(text)  # its line ends are CRLF, as the original's
    writer.writerow(HEADER)
    writer.writerows([[row.get(name, "") for name in HEADER] for row in rows])
    return text.getvalue().encode()


@pytest.fixture
def original(cache, monkeypatch):
    """The stand-in, which the registry takes for ProPublica's file."""
    data = official()
    info = DATASETS["compas"]
    digest = hashlib.sha256(data).hexdigest()
    file = replace(info.files[0], sha256=digest, url="http://127.0.0.1:1/x.csv")
    monkeypatch.setitem(DATASETS, "compas", replace(info, files=(file,)))
    return data


def test_the_stand_in_has_the_originals_format(original):
    assert len(HEADER) == 53
    twice = {name for name in HEADER if HEADER.count(name) == 2}
    assert twice == {"decile_score", "priors_count"}
    assert original.count(b"\r\n") == 46
    assert all(word.encode() in original for word in PERSONAL)


def test_minimising_keeps_listed_columns_only(original):
    small = minimise_compas(original).decode()
    rows = list(csv.DictReader(io.StringIO(small)))
    assert tuple(rows[0]) == (*KEPT, "jail_days")
    assert "\r" not in small
    assert not any(word in small for word in PERSONAL)
    assert len(rows) == 45
    assert rows[0]["c_charge_desc"] == 'Battery, "simple"'
    assert [row["jail_days"] for row in rows[:3]] == ["1", "2", "3"]
    assert rows[41]["jail_days"] == ""


def test_a_column_that_is_not_there_is_named(original):
    with pytest.raises(DataFileError, match="expected a column 'c_jail_out', found none"):
        minimise_compas(original.replace(b"c_jail_out", b"c_jail_xxx"))
    with pytest.raises(DataFileError, match="expected a column 'sex'"):
        minimise_compas(b"")


def check_paper(expected_rows: int = 40) -> None:
    clean, paper = load_dataset("compas"), load_dataset("compas", "paper")
    assert len(clean.table) == len(paper.table) == expected_rows
    assert len(clean.table.schema) == 8
    assert paper.table.schema.names[8:] == ("is_recid", "is_violent_recid", "jail_days")
    assert len(paper.table.schema) == 11
    assert (paper.table.schema["jail_days"].minimum, paper.table.schema["jail_days"].maximum) == (
        1,
        3,
    )
    assert paper.table.labels.sum() == 20


def test_in_the_users_folder_it_gives_all_features(original, tmp_path, monkeypatch, cache):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "compas-scores-two-years.csv").write_bytes(original)
    monkeypatch.setenv("RAFAIR_DATA", str(folder))
    check_paper()
    assert not cache.exists()


def test_a_download_leaves_no_personal_data_behind(original, cache, tmp_path, serve, answer):
    fetch("compas", url=serve(answer(original)))
    check_paper()
    assert sorted(path.name for path in cache.iterdir()) == [
        "compas-scores-two-years.minimised.csv",
        "compas-scores-two-years.minimised.json",
    ]
    for path in tmp_path.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert not any(word in text for word in PERSONAL), path


def test_the_cache_may_be_carried_to_another_machine(
    original, cache, tmp_path, serve, answer, monkeypatch
):
    fetch("compas", url=serve(answer(original)))
    monkeypatch.setenv("RAFAIR_DATA", str(cache.rename(tmp_path / "carried")))
    check_paper()
    assert status("compas")[0].place == "RAFAIR_DATA"


def test_a_tampered_cache_is_noticed_and_replaced(original, cache, serve, answer):
    url = serve(answer(original))
    (kept,) = fetch("compas", url=url)
    kept.write_bytes(kept.read_bytes().replace(b"Caucasian", b"Hispanic"))
    with pytest.raises(DataFileError, match="is not the expected file"):
        load_dataset("compas")
    fetch("compas", url=url)
    check_paper()


@pytest.mark.parametrize("missing", [0, 10])
def test_a_failed_download_leaves_nothing(original, cache, serve, answer, missing):
    with pytest.raises((DownloadError, DataFileError)):
        fetch("compas", url=serve(answer(original[:-100], missing=missing)))
    assert not cache.exists()


@pytest.mark.data
def test_a_mirror_may_offer_the_minimised_file(data_folder, cache, serve, answer):
    body = (data_folder / "compas-two-years-minimised.csv.gz").read_bytes()
    fetch("compas", url=serve(answer(body)))
    assert [path.name for path in cache.iterdir()] == ["compas-two-years-minimised.csv"]
    assert len(load_dataset("compas").table) == 6_172
