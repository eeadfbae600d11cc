from __future__ import annotations

import gzip
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from rafair.datasets import DATASETS, fetch, load_dataset, status
from rafair.errors import DataFileError, DownloadError, InputError, UnknownNameError

TINY = b"age;y\n30;no\n40;yes\n"


class Recorder:
    """A progress that keeps what it was shown."""

    def __init__(self):
        self.tasks = []

    @contextmanager
    def task(self, description, total, unit=""):
        self.tasks.append([description, total, unit, 0])
        yield self

    def advance(self, amount=1):
        self.tasks[-1][3] += amount

    def note(self, message):
        raise AssertionError(message)


def is_empty(cache):
    return not cache.exists() or not list(cache.iterdir())


def test_a_whole_file_lands_in_the_cache(cache, tiny, serve, answer, zip_of):
    body = zip_of({"readme": b"x" * 100_000, "tiny.csv": TINY})
    progress = Recorder()
    assert fetch("tiny", url=serve(answer(body)), progress=progress) == [cache / "tiny.csv"]
    assert (cache / "tiny.csv").read_bytes() == TINY
    assert progress.tasks == [["Fetching tiny.csv", len(body), "B", len(body)]]
    assert [path.name for path in cache.iterdir()] == ["tiny.csv"]


def test_what_is_here_is_not_fetched_again(cache, tiny, serve, answer):
    fetch("tiny", url=serve(answer(TINY)))
    assert fetch("tiny", url="http://127.0.0.1:1/nobody") == [cache / "tiny.csv"]


def test_a_mirror_may_offer_the_bare_or_gzipped_file(cache, tiny, serve, answer):
    for body in (TINY, gzip.compress(TINY)):
        fetch("tiny", url=serve(answer(body)))
        assert (cache / "tiny.csv").read_bytes() == TINY
        (cache / "tiny.csv").unlink()


def test_a_bad_file_in_the_cache_is_replaced(cache, tiny, serve, answer):
    cache.mkdir(parents=True)
    (cache / "tiny.csv").write_bytes(TINY[:-3])
    fetch("tiny", url=serve(answer(TINY)))
    assert (cache / "tiny.csv").read_bytes() == TINY


def test_a_bad_file_in_the_users_folder_is_theirs(cache, tiny, tmp_path, monkeypatch):
    (tmp_path / "tiny.csv").write_bytes(TINY[:-3])
    monkeypatch.setenv("RAFAIR_DATA", str(tmp_path))
    with pytest.raises(DataFileError, match="is not the expected file"):
        fetch("tiny")


def test_a_slow_but_steady_server_is_waited_for(cache, tiny, serve, answer):
    url = serve(answer(TINY, pieces=10, pause=0.05))
    fetch("tiny", url=url, timeout=(1, 0.4))
    assert (cache / "tiny.csv").read_bytes() == TINY


def test_a_server_that_falls_silent_is_given_up(cache, tiny, serve, answer):
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no data for 0\.2 s") as caught:
        fetch("tiny", url=serve(answer(TINY, pieces=2, pause=0.8)), timeout=(1, 0.2))
    assert caught.value.exit_code == 3
    assert time.monotonic() - start < 2
    assert is_empty(cache)


def test_a_connection_that_breaks_off_is_said_so(cache, tiny, serve, answer):
    with pytest.raises(DownloadError, match="broke off before the whole file had come"):
        fetch("tiny", url=serve(answer(TINY, missing=10)))
    assert is_empty(cache)


def test_a_cut_archive_is_refused(cache, tiny, serve, answer, zip_of):
    body = zip_of({"tiny.csv": TINY})
    with pytest.raises(DataFileError, match="cut short or damaged") as caught:
        fetch("tiny", url=serve(answer(body[:-30])))
    assert caught.value.exit_code == 2
    assert is_empty(cache)


@pytest.mark.parametrize("body", [b"", TINY.replace(b"30", b"31")])
def test_an_altered_or_empty_file_is_refused(cache, tiny, serve, answer, body):
    url = serve(answer(body))
    with pytest.raises(DataFileError, match=f"'tiny.csv from {url}': is .* sha256 {tiny.sha256}"):
        fetch("tiny", url=url)
    assert is_empty(cache)


def test_an_answer_of_not_found_is_said_so(cache, tiny, serve, answer):
    with pytest.raises(DownloadError, match="the server answers 404 Not Found"):
        fetch("tiny", url=serve(answer(b"", status=404)))


def test_without_a_network_the_message_says_what_to_do(cache, tiny):
    start = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        fetch("tiny")
    assert time.monotonic() - start < 3
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        "'tiny.csv': cannot be downloaded from http://127.0.0.1:1/tiny.zip: no connection to the "
        "server; without a network, save what that address offers in a folder and set RAFAIR_DATA "
        "to the folder"
    )
    assert is_empty(cache)


def test_the_saved_archive_itself_will_do(cache, tiny, tmp_path, monkeypatch, zip_of):
    (tmp_path / "tiny.zip").write_bytes(zip_of({"tiny.csv": TINY}))
    monkeypatch.setenv("RAFAIR_DATA", str(tmp_path))
    assert fetch("tiny") == [tmp_path / "tiny.zip"]


@pytest.mark.parametrize("url", ["nonsense", "file:///etc/passwd", "", "ftp://example.org/x"])
def test_an_address_must_be_one_of_the_web(cache, tiny, url):
    with pytest.raises(InputError, match="url: expected an address that starts with http"):
        fetch("tiny", url=url)


@pytest.mark.parametrize("url", ["http://", "http://a..b/", "http://[::1", "http://a b/"])
def test_an_address_that_is_none_is_one_line(cache, tiny, url):
    with pytest.raises(InputError, match="url: expected an address that can be fetched, got 'http"):
        fetch("tiny", url=url)


def test_an_unknown_data_set_is_refused(cache):
    with pytest.raises(UnknownNameError, match="did you mean 'bank'"):
        fetch("banks")


def test_a_bundled_data_set_has_nothing_to_fetch(cache):
    assert fetch("affairs") == []


@pytest.fixture
def originals(data_folder, zip_of):
    """The archives as UCI offers them, made of the real files."""

    def raw(name):
        return gzip.decompress((data_folder / f"{name}.gz").read_bytes())

    german = (data_folder / "german.data").read_bytes()
    return {
        "adult": zip_of({"adult.data": raw("adult.data"), "adult.test": raw("adult.test")}),
        "credit": zip_of({"german.data": german, "german.doc": b"About the data"}),
        "bank": zip_of(
            {
                "bank-additional.zip": zip_of({"bank-additional.csv": b"another"}),
                "bank.zip": zip_of({"bank-full.csv": raw("bank-full.csv"), "bank.csv": b"fewer"}),
            }
        ),
    }


@pytest.mark.data
@pytest.mark.parametrize("name", ["adult", "credit", "bank"])
def test_the_publishers_archives(name, originals, cache, serve, answer):
    body = originals[name]
    with pytest.raises(DownloadError):
        fetch(name, url=serve(answer(body, missing=1)))
    with pytest.raises(DataFileError, match="cut short or damaged"):
        fetch(name, url=serve(answer(body[: len(body) // 2])))
    assert is_empty(cache)
    fetch(name, url=serve(answer(body, pieces=4, pause=0.02)))
    assert {path.name for path in cache.iterdir()} == {file.name for file in DATASETS[name].files}
    assert all(found.place == "cache" for found in status(name))
    assert len(load_dataset(name).table) == DATASETS[name].rows


@pytest.mark.data
def test_one_changed_byte_of_two_files_keeps_both_out(data_folder, cache, serve, answer, zip_of):
    files = {
        name: bytearray(gzip.decompress((data_folder / f"{name}.gz").read_bytes()))
        for name in ("adult.data", "adult.test")
    }
    files["adult.test"][1_000_000] ^= 1
    with pytest.raises(DataFileError, match=r"adult\.test from .* is not the expected file"):
        fetch("adult", url=serve(answer(zip_of({n: bytes(d) for n, d in files.items()}))))
    assert is_empty(cache)


@pytest.mark.data
def test_a_file_that_is_missing_is_downloaded_by_loading(
    data_folder, cache, serve, answer, zip_of, monkeypatch, tmp_path
):
    info = DATASETS["credit"]
    body = zip_of({"german.data": (data_folder / "german.data").read_bytes()})
    file = replace(info.files[0], url=serve(answer(body)) + "/german.zip")
    monkeypatch.setitem(DATASETS, "credit", replace(info, files=(file,)))
    monkeypatch.setenv("RAFAIR_DATA", str(tmp_path))  # a folder that lacks the file
    assert len(load_dataset("credit").table) == 1_000
    assert (cache / "german.data").exists()
    (cache / "german.data").write_bytes(b"tampered")
    with pytest.raises(DataFileError, match="is not the expected file"):
        load_dataset("credit")
