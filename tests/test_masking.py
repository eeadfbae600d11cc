"""No line that people read has a password or a token in it."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest

from commands import call
from rafair.errors import InputError
from rafair.masking import masked, without_token
from rafair.monitoring.store.database_address import address_of

PASSWORD = "s3cr/et@x"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:{}@host/db",
        "postgresql:/me:{}@host/db",
        "postgresql:me:{}@host/db",
        "POSTGRES:///me:{}@host",
        "me:{}@host:5432/db",
        ":{}@host",
        "http://me:{}@127.0.0.1/x",
        "https:/me:{}@127.0.0.1/x",
        "ray://me:{}@host:1",
        "host=h user=me password={} dbname=d",
        "postgresql://host/db?user=me&password={}",
        "postgresql://host/db?sslpassword={}",
    ],
)
def test_no_spelling_of_an_address_shows_its_password(address, tmp_path):
    given = address.format(PASSWORD)
    assert PASSWORD not in masked(f"store: expected a file, got '{given}'")
    try:
        told = address_of(given).shown
    except InputError as error:
        told = str(error)
    assert "s3cr" not in told
    data = tmp_path / "rows.csv"
    data.write_text("a,b,y\n1,2,no\n2,1,yes\n")
    done = call("audit", "--data", data, "--label", "y", "--sensitive", "a", "--model", given)
    assert done.code == 2
    assert "model" in done.err
    assert "s3cr" not in done.out + done.err


def test_other_texts_stay_as_they_are():
    for text in ("mail a@b.org", "12:30, not 'x@y'", "score=3", "a:b", "https://host:80/path?a=b"):
        assert masked(text) == text


TOKEN = "tok-EN+/with.9~signs"
CODINGS = {
    "plain": TOKEN,
    "percent": quote(TOKEN, safe=""),
    "percent of each": "".join(f"%{ord(sign):02x}" for sign in TOKEN),
    "percent twice": quote(quote(TOKEN, safe=""), safe=""),
    "HTML": "".join(f"&#{ord(sign)};" for sign in TOKEN),
    "HTML of some": html.escape(TOKEN).replace("+", "&plus;"),
    "JSON": json.dumps("".join(f"\\u{ord(sign):04x}" for sign in TOKEN)),
    "Base64": base64.b64encode(TOKEN.encode()).decode(),
    "Base64 of the header": base64.b64encode(f"Bearer {TOKEN}".encode()).decode(),
    "Base64 for addresses": base64.urlsafe_b64encode(f"a{TOKEN}".encode()).decode().rstrip("="),
    "hexadecimal": TOKEN.encode().hex(),
    "hexadecimal with signs": TOKEN.encode().hex(" "),
    "capitals": TOKEN.upper(),
    "backwards": TOKEN[::-1],
    "most of it": TOKEN[: len(TOKEN) * 2 // 3],
    "spaced": " ".join(TOKEN),
}


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_a_token_is_not_repeated_in_any_coding(coding):
    for text in (f"no such token: {coding}", f'{{"error": "{coding}"}}'):
        told = without_token(text, TOKEN)
        assert coding not in told
        assert told in (text.replace(TOKEN, "***"), "(not shown: it repeats the token)")


def test_what_does_not_repeat_it_is_told():
    text = "column 'age' is missing (request 6f2c-9ab0, YWJjZGVm)"
    assert without_token(text, TOKEN) == text
    assert without_token(text, None) == text
    assert without_token("no ab", "ab") == "no ***"


def test_what_a_message_asks_for_stays_legible():
    with pytest.raises(InputError) as told:
        address_of(f"postgresql:/me:{PASSWORD}@host/db")
    shown = masked(str(told.value))
    assert shown.endswith(
        "postgresql://USER:PASSWORD@HOST/DATABASE, got 'postgresql:/me:***@host/db'"
    )
