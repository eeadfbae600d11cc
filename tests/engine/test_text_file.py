"""Text in files: read in the encoding it says it has, written the same everywhere."""

from __future__ import annotations

import codecs
import json

import pytest

from rafair.engine.text_file import as_utf8, json_in, read_json, text_in, utf8, without_mark
from rafair.engine.text_file import write_text as write
from rafair.engine.toml_file import read_toml
from rafair.errors import DataFileError

TEXT = "name = 'größe 性別'\r\nnext\n"
MARKED = {
    "UTF-8": codecs.BOM_UTF8 + TEXT.encode("utf-8"),
    "UTF-16-LE": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "UTF-16-BE": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-32-LE": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "UTF-32-BE": codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
}
CONVERT = "; convert the file, as with iconv -f LATIN1 -t UTF-8"
NO_TEXT = {
    "Latin 1": (b"a\nb\xe9\n", "line 2: expected UTF-8 text, found the byte 0xe9" + CONVERT),
    "cut in a character": (b"a\nb\xc3", "line 2: expected UTF-8 text, found the byte 0xc3"),
    "a zero byte": (b"a\n\n\0", "line 3: expected text, found a zero byte"),
    "UTF-16 without a mark": ("a".encode("utf-16-le"), "line 1: expected text, found a zero byte"),
    "half a character of UTF-16": (b"\xff\xfea\0b", "expected UTF-16-LE text, found its end"),
    "half a pair of UTF-16": (
        b"\xfe\xff\0a\0\n\xd8\0\0b",
        "line 2: expected UTF-16-BE text, found other bytes",
    ),
    "a mark, then Latin 1": (b"\xef\xbb\xbf\xe9", "expected UTF-8 text, found the byte 0xe9"),
}


@pytest.mark.parametrize("encoding", MARKED)
def test_a_marked_file_is_read_in_its_encoding(encoding):
    assert text_in(MARKED[encoding]) == TEXT
    assert as_utf8(MARKED[encoding]) == TEXT.encode()


def test_what_has_no_mark_is_utf8_and_its_bytes_stay():
    assert text_in(TEXT.encode()) == TEXT
    assert as_utf8(b"\x00\xe9") == b"\x00\xe9"
    assert text_in(b"") == text_in(codecs.BOM_UTF8) == ""


@pytest.mark.parametrize("case", NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_told_in_one_line(case):
    content, words = case
    with pytest.raises(ValueError, match=r"^line ") as caught:
        text_in(content)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", MARKED)
def test_what_is_read_byte_by_byte_must_be_utf8(encoding):
    if encoding == "UTF-8":
        assert without_mark(MARKED[encoding]) == TEXT.encode()
        return
    with pytest.raises(ValueError, match=f"expected UTF-8 text, found {encoding}; convert it"):
        without_mark(MARKED[encoding])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_any_of_them(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"größe": 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"größe": 1}


@pytest.mark.parametrize("content", [b"{", b"\xe9", b"[" * 100_000, b"\xff\xfe{", b""])
def test_what_is_no_json_is_one_kind_of_error(content):
    with pytest.raises(ValueError, match=r"\w"):
        json_in(content)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_toml_is_read_with_any_mark_and_ends_of_lines(tmp_path, encoding, end):
    path = tmp_path / "a.toml"
    path.write_bytes(end.join(["a = 'größe'", "b = '''x", "y'''", ""]).encode(encoding))
    assert read_toml(path, "a policy") == {"a": "größe", "b": "x\ny"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = '\xe9'", "', line 1: expected UTF-8 text, found the byte 0xe9"),
        (b"a = 1" + b"0" * 5000, "': expected TOML: "),
        (b"a = " + b"[" * 5000, "': expected TOML"),
        (b"a = ", "': expected TOML: Invalid value"),
    ],
)
def test_toml_that_is_none_is_told_with_its_file(tmp_path, content, words):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        read_toml(path, "a policy", DataFileError)
    assert f"'{path}{words}" in str(caught.value)


def test_what_is_written_is_the_same_bytes_on_every_platform(tmp_path):
    write(tmp_path / "a.txt", "größe\nnext\n")
    assert (tmp_path / "a.txt").read_bytes() == b"gr\xc3\xb6\xc3\x9fe\nnext\n"


def test_half_a_pair_of_surrogates_is_written_as_json_spells_it():
    assert json.loads(utf8(json.dumps("a\udcff", ensure_ascii=False))) == "a\udcff"
