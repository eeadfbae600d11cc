from __future__ import annotations

import gzip
import hashlib

import pytest

from rafair.datasets.dataset_files import (
    FileStatus,
    Place,
    cache_folder,
    locate,
    read_checked,
    status,
    store,
)
from rafair.datasets.info import SourceFile
from rafair.errors import DataFileError, InputError, UnknownNameError

DATA = b"1,2,3\n" * 100
FILE = SourceFile("rows.csv", hashlib.sha256(DATA).hexdigest())
SECRET = SourceFile("people.csv", hashlib.sha256(DATA).hexdigest(), minimise=lambda d: d[:6])
EITHER = SourceFile("all.csv", "0" * 64, substitute=FILE)


def test_the_data_folder_comes_before_the_cache(cache, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("RAFAIR_DATA", str(folder))
    assert locate(FILE) == FileStatus("rows.csv", Place.MISSING)
    kept = store(FILE, DATA)
    assert locate(FILE) == FileStatus("rows.csv", Place.CACHE, kept)
    (folder / "rows.csv.gz").write_bytes(gzip.compress(DATA, mtime=0))
    assert locate(FILE) == FileStatus("rows.csv", Place.FOLDER, folder / "rows.csv.gz")
    (folder / "rows.csv").write_bytes(DATA)
    assert locate(FILE).path == folder / "rows.csv"


def test_a_data_folder_that_is_none_is_refused(cache, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("")
    for named in (path, tmp_path / "nowhere"):
        monkeypatch.setenv("RAFAIR_DATA", str(named))
        with pytest.raises(InputError, match=r"RAFAIR_DATA: expected a folder .* got '") as caught:
            status("adult")
        assert caught.value.exit_code == 2


def test_an_empty_variable_counts_as_not_set(cache, monkeypatch):
    monkeypatch.setenv("RAFAIR_DATA", "")
    assert [found.place for found in status("adult")] == [Place.MISSING] * 2


def test_the_user_cache_is_the_default(monkeypatch):
    monkeypatch.delenv("RAFAIR_CACHE", raising=False)
    assert cache_folder().parts[-2:] == ("rafair", "datasets")


def test_an_unknown_name_says_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'adult'"):
        status("adlut")


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_contents_are_the_same_plain_and_packed(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(DATA, mtime=0) if name.endswith("gz") else DATA)
    assert read_checked(path, FILE) == DATA


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (DATA[:-1], "is not the expected file"),
        (b"2" + DATA[1:], "is not the expected file"),
        (gzip.compress(DATA[:-1], mtime=0), "is not the expected file"),
    ],
)
def test_another_hash_names_file_expected_and_found(tmp_path, data, what):
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    inside = gzip.decompress(data) if data.startswith(b"\x1f") else data
    with pytest.raises(DataFileError) as caught:
        read_checked(path, FILE)
    assert str(caught.value) == (
        f"'{path}': {what}: expected sha256 {FILE.sha256}, found "
        f"{hashlib.sha256(inside).hexdigest()}"
    )


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(DATA, mtime=0)[:-5])
    with pytest.raises(DataFileError, match="cut short or damaged"):
        read_checked(path, FILE)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(DataFileError, match="cannot be read: "):
        read_checked(tmp_path, FILE)


def test_a_substitute_is_accepted_by_its_hash_under_either_name(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("RAFAIR_DATA", str(tmp_path))
    for name in EITHER.names:
        path = tmp_path / name
        path.write_bytes(gzip.compress(DATA, mtime=0) if name.endswith("gz") else DATA)
        assert locate(EITHER).path == path
        assert read_checked(path, EITHER) == DATA
        path.unlink()


def test_a_file_with_personal_data_is_minimised_wherever_it_is_read(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(DATA)
    assert read_checked(path, SECRET) == DATA[:6]


def test_the_cache_keeps_only_the_minimised_form(cache):
    path = store(SECRET, DATA)
    assert sorted(p.name for p in cache.iterdir()) == [
        "people.minimised.csv",
        "people.minimised.json",
    ]
    assert path.read_bytes() == DATA[:6]
    assert locate(SECRET).path == path
    assert read_checked(path, SECRET) == DATA[:6]


def test_a_changed_minimised_file_is_noticed(cache):
    path = store(SECRET, DATA)
    path.write_bytes(b"9,2,3\n")
    with pytest.raises(DataFileError, match="is not the expected file"):
        read_checked(path, SECRET)


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"sha256": "0"}'])
def test_a_minimised_file_needs_its_record(cache, record):
    path = store(SECRET, DATA)
    path.with_suffix(".json").write_text(record)
    with pytest.raises(DataFileError, match=r"record of how 'people\.minimised\.csv'"):
        read_checked(path, SECRET)
    path.with_suffix(".json").unlink()
    with pytest.raises(DataFileError, match="expected the record"):
        read_checked(path, SECRET)


def test_a_minimised_file_of_another_original_is_refused(cache):
    path = store(SECRET, DATA)
    record = path.with_suffix(".json")
    record.write_text(record.read_text().replace(SECRET.sha256, "f" * 64))
    with pytest.raises(DataFileError, match="made from another file"):
        read_checked(path, SECRET)


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("RAFAIR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="cannot be written"):
        store(FILE, DATA)
