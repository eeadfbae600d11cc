from __future__ import annotations

import gzip
import hashlib

import pytest

from rafair.datasets.archives import unpack
from rafair.datasets.info import SourceFile
from rafair.errors import DataFileError

ROWS = b"a,b\n" + b"1,2\n" * 500
FILE = SourceFile("rows.csv", hashlib.sha256(ROWS).hexdigest(), "", ("inner.zip", "rows.csv"))


def test_plain_bytes_pass_unchanged():
    assert unpack(ROWS, FILE, "here") == ROWS


def test_each_packing_is_told_by_its_first_bytes(zip_of):
    inner = zip_of({"rows.csv": ROWS, "other.csv": b"x"})
    outer = zip_of({"names.txt": b"x", "folder/inner.zip": inner})
    for packed in (gzip.compress(ROWS), inner, outer, gzip.compress(outer)):
        assert unpack(packed, FILE, "here") == ROWS


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_archive_names_file_and_hashes(zip_of, share):
    for whole in (gzip.compress(ROWS), zip_of({"rows.csv": ROWS})):
        cut = whole[: int(len(whole) * share)]
        with pytest.raises(DataFileError, match=r"'here': cut short or damaged") as caught:
            unpack(cut, FILE, "here")
        assert FILE.sha256 in str(caught.value)
        assert hashlib.sha256(cut).hexdigest() in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_archive_without_the_file_says_what_is_in_it(zip_of):
    with pytest.raises(DataFileError, match=r"with 'rows.csv' in it, found a.txt, b.txt"):
        unpack(zip_of({"b.txt": b"", "a.txt": b""}), FILE, "here")


def test_an_empty_archive_is_refused(zip_of):
    with pytest.raises(DataFileError):
        unpack(gzip.compress(zip_of({"x": b""})), FILE, "here")
