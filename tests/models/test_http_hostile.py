"""Servers that mean harm, or are broken beyond words: each ends in one line, soon and small."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import tracemalloc

import numpy as np
import pytest

import hostility
import servers
from rafair.errors import InputError, ModelError, ModelGoneError, RafairError
from rafair.models.http.http_classifier import HttpClassifier, HttpOptions, open_endpoint
from rafair.models.http.proxies_and_certificates import certificates
from rafair.models.http.retry_after import asked_pause
from rafair.tabular.schema import Feature, Schema

AGE = Feature(name="age", kind="integer", minimum=20, maximum=40)
SCHEMA = Schema(features=(AGE,), label="y", classes=("no", "yes"))
ROWS = np.float32([[0.25], [0.75]])
SOON = {"retries": 1, "backoff_s": 0.01, "timeout_s": 0.6}
PATIENT = SOON | {"timeout_s": 60.0}


def opened(address: str, **http) -> HttpClassifier:
    return open_endpoint(address, SCHEMA, http=HttpOptions(**SOON | http))


def complaint(model: HttpClassifier) -> str:
    with pytest.raises(ModelGoneError) as caught:
        model.logits(ROWS)
    return str(caught.value)


@pytest.fixture
def server():
    with servers.ModelServer(lambda request: {"probabilities": [0.2, 0.8]}) as running:
        yield running


# a deadline -----------------------------------------------------------------------------------

HOLDING = {
    "silence": hostility.silent,
    "a head that never ends": hostility.dripping(hostility.OK + b"X-Long: ", b"a"),
    "one line of a head after the other": hostility.dripping(hostility.OK, b"a: b\r\n"),
    "promises": hostility.dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body byte by byte": hostility.dripping(hostility.ENDLESS),
    "a refusal byte by byte": hostility.dripping(hostility.ENDLESS.replace(b"200 OK", b"500 No")),
}


@pytest.mark.parametrize("done", HOLDING.values(), ids=HOLDING)
def test_nothing_holds_a_request_beyond_its_time(server, done):
    left = threading.Semaphore(0)

    def told_of_the_end(connection, over):
        try:
            done(connection, over)
        finally:
            left.release()

    server.fault = lambda number: told_of_the_end
    said = complaint(opened(server.address))
    assert "no whole answer within 0.6 s, in 2 tries" in said
    if done is not hostility.silent:  # the others notice that nobody listens any more
        assert all(left.acquire(timeout=30) for _ in range(2))


def test_a_server_that_takes_no_connection():
    with hostility.unaccepting() as address:
        assert "no connection within 0.6 s, in 2 tries" in complaint(opened(address))


def test_a_line_that_was_cut_is_replaced_by_another(server):
    server.fault = lambda number: HOLDING["a body byte by byte"] if number == 1 else None
    assert opened(server.address).logits(ROWS).argmax(axis=1).tolist() == [0, 1]


# a cap ----------------------------------------------------------------------------------------

POURING = {
    "a body": (hostility.endless(), r"more than 4,19\d,\d\d\d bytes"),
    "a head": (hostility.endless(hostility.OK + b"X: ", b"a" * 1000), "Receive buffer too long"),
    "many headers": (hostility.endless(hostility.OK, b"a: b\r\n" * 99), "Receive buffer too long"),
    "a refusal": (hostility.endless(hostility.ENDLESS.replace(b"200", b"503")), "status 503"),
    "a bomb": (hostility.bomb(256), r"more than 4,19\d,\d\d\d bytes"),
    "a bomb in a bomb": (hostility.bomb(256, "gzip, gzip"), "in the coding 'gzip, gzip'"),
    "another coding": (hostility.bomb(1, "br"), "in the coding 'br', where gzip was asked for"),
}


@pytest.mark.parametrize("case", POURING.values(), ids=POURING)
def test_no_more_is_taken_than_an_answer_can_hold(server, case):
    pieces, words = case
    server.fault = lambda number: hostility.pouring(pieces)
    model = opened(server.address, **PATIENT | {"retries": 0})
    tracemalloc.start()
    try:
        with pytest.raises(ModelGoneError, match=words):
            model.logits(ROWS)
        assert tracemalloc.get_traced_memory()[1] < 24 * hostility.MEBIBYTE
    finally:
        tracemalloc.stop()


def test_answers_may_come_compressed(server):
    body = gzip.compress(b'{"probabilities": [0.2, 0.8]}')
    about = f"Content-Encoding: GZip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server.fault = lambda number: hostility.pouring([hostility.OK + about + body])
    assert opened(server.address).logits(ROWS).argmax(axis=1).tolist() == [0, 1]
    server.fault = lambda number: hostility.pouring(
        [hostility.OK + about.replace(b"GZip", b"gzip") + b"x" * len(body)]
    )
    assert "says it is gzip and is not" in complaint(opened(server.address))


def test_large_batches_may_have_large_answers():
    def generous(request):
        rows = len(request["rows"])
        return {"probabilities": [[0.25, 0.75]] * rows, "about": ["x" * 400] * rows}

    with servers.ModelServer(generous) as server:
        model = opened(server.address, **PATIENT | {"batch_rows": 20_000})
        assert model.logits(np.repeat(ROWS, 10_000, axis=0)).shape == (20_000, 2)


# malformed answers ----------------------------------------------------------------------------

DEEP = "[" * 400 + "1" + "]" * 400
VALUES = [
    *("null", "true", "-1", "5", "1e400", '"a"', '"\\ud800"', "[]", "{}", "[{}]", "[[]]"),
    *("9" * 400, "9" * 5000, DEEP, "[" * 5000, "[1e400, 0]", "[null, 1]", "[true, 0.5]"),
    *(
        "NaN",
        "[Infinity, 1]",
        "[[0.5, 0.5], null]",
        '["no", 1]',
        '[{"a": [1]}, 2]',
        "[[1, 2], [3]]",
    ),
    *(f"[{'9' * 400}, 0]", "[9223372036854775808, -5]", "[-5, 2]", "[99999999999, 2]", '"22"'),
    *("[2.0, 2]", '["2", 2]', "[0, 0]", "[1e9, 1]", '{"a": 1, "a": 1}'),
]
GOOD = {
    "outputs": [
        {"name": "prob", "datatype": "FP32", "shape": [2, 2], "data": [0.9, 0.1, 0.2, 0.8]},
        {"name": "label", "datatype": "INT64", "shape": [2], "data": [0, 1]},
    ]
}
METADATA = {
    "name": "m",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
    "outputs": [
        {"name": "prob", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "label", "datatype": "INT64", "shape": [-1]},
    ],
}
PLAIN = {"probabilities": [[0.9, 0.1], [0.2, 0.8]], "labels": ["no", "yes"], "classes": ["no"]}
AT_ONCE = {"retries": 0, "timeout_s": 60.0}


def spoilt(tree, value: str):
    """The JSON text of the tree with the value in place of each of its parts in turn."""

    def parts(node, put):
        yield put("@")
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, inner in pairs if isinstance(node, dict | list) else ():

            def into(new, key=key):
                copy = node.copy()
                copy[key] = new
                return put(copy)

            yield from parts(inner, into) if isinstance(inner, dict | list) else [into("@")]

    for text in map(json.dumps, parts(tree, lambda new: new)):
        yield text.replace('"@"', value)


def told(act) -> RafairError | None:
    """With what a call is refused on purpose, if it is."""
    try:
        act()
    except RafairError as error:
        return error
    return None


@pytest.mark.parametrize("protocol", ["json", "v2", "metadata"])
def test_whatever_an_answer_holds_it_is_understood_or_refused(server, protocol, monkeypatch):
    context = certificates()  # takes its time to be read, each time that a model is opened
    monkeypatch.setattr("rafair.models.http.retries.certificates", lambda: context)
    now = {"v2": json.dumps(GOOD), "json": "", "metadata": json.dumps(METADATA)}
    server.answer = lambda request: now["json" if protocol == "json" else "v2"]
    server.get = lambda path: now["metadata"]
    if protocol != "json":
        server.rows_of = lambda request: []
    options = HttpOptions(**AT_ONCE)
    path = "/predict" if protocol == "json" else "/v2/models/m"
    kept = (
        None
        if protocol == "metadata"
        else open_endpoint(server.address + path, SCHEMA, http=options)
    )
    for value in VALUES:
        for text in spoilt({"json": PLAIN, "v2": GOOD, "metadata": METADATA}[protocol], value):
            now[protocol] = text

            def ask():
                model = kept or open_endpoint(server.address + path, SCHEMA, http=options)
                model.logits(ROWS)

            error = told(ask)
            if error is not None:
                assert error.exit_code in (2, 3), text[:200]
                assert "\n" not in str(error)
                assert len(str(error)) < 4000


REFUSED = {
    '{"probabilities": [0.2, 0.8], "probabilities": [0.3, 0.7]}': "'probabilities': expected once",
    '{"probabilities": [NaN, 0.8]}': "expected numbers as JSON writes them, found NaN",
    '{"probabilities": [0.2, -Infinity]}': "expected numbers as JSON writes them, found -Inf",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_json_does_not_know_is_refused(server, text):
    server.answer = lambda request: text
    assert REFUSED[text] in complaint(opened(server.address))


@pytest.mark.parametrize(
    "asked",
    ["1e400", "9" * 5000, "Wed, 21 Oct 99999999999999999999 07:28:00 GMT", "1 Jan 1 0:0 +99"],
)
def test_a_pause_beyond_all_calendars(asked):
    assert asked_pause(asked) >= 0


# the environment ------------------------------------------------------------------------------

SETTINGS = {
    "socks": ({"ALL_PROXY": "socks5://me:s3cr3t@127.0.0.1:9"}, "ALL_PROXY: .*httpx.socks"),
    "a scheme": ({"HTTPS_PROXY": "foo://127.0.0.1"}, "HTTPS_PROXY: expected a proxy .*'foo://"),
    "no host": ({"http_proxy": "http://"}, "http_proxy: expected a proxy such as http://HOST"),
    "a port": ({"HTTP_PROXY": "127.0.0.1:99999999"}, "HTTP_PROXY: expected a proxy"),
    "a bracket": ({"HTTP_PROXY": "http://["}, "HTTP_PROXY: expected a proxy"),
    "no line": ({"HTTP_PROXY": "http://127.0.0.1:9\n"}, "HTTP_PROXY: expected a proxy"),
    "exceptions": ({"NO_PROXY": "[::1", "HTTP_PROXY": ""}, "NO_PROXY: expected hosts"),
    "no file": ({"SSL_CERT_FILE": "/none/such"}, "SSL_CERT_FILE: expected a file .*'/none/such'"),
    "no folder": (
        {"SSL_CERT_FILE": "", "SSL_CERT_DIR": "/none/such"},
        "SSL_CERT_DIR: expected a folder .*'/none/such'",
    ),
    "no certificates": ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE: expected certificates that"),
}


@pytest.mark.parametrize("case", SETTINGS.values(), ids=SETTINGS)
def test_settings_that_cannot_be_used_are_named(server, monkeypatch, case):
    settings, words = case
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=words) as caught:
        opened(server.address).logits(ROWS)
    assert not isinstance(caught.value, ModelError)
    assert "s3cr3t" not in str(caught.value)
    assert server.requests == 0


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    with hostility.unaccepting() as address:
        monkeypatch.setenv("HTTP_PROXY", address)
        said = complaint(opened("http://model.example/predict"))
        assert f"within 0.6 s by way of the proxy {address[7:]}, which the environment" in said


def test_a_proxy_that_refuses_is_named(server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", server.address)
    address = "http://model.example/predict"
    assert opened(address).logits(ROWS).argmax(axis=1).tolist() == [0, 1]
    server.fault = lambda number: 502
    assert "status 502" in (said := complaint(opened(address)))
    assert f"by way of the proxy {server.address[7:]}" in said
    server.fault = lambda number: 407
    with pytest.raises(ModelError, match="a proxy that lets this machine through"):
        opened(address).logits(ROWS)
    # it knows no CONNECT
    assert "proxy" in complaint(opened("https://model.example/predict"))


@pytest.mark.parametrize("host", ["999.1.1.1", "a..b", "a" * 70 + ".example"])
def test_hosts_that_cannot_be(monkeypatch, host):
    # a name is coded before anybody is asked for it, which these do not survive
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_: host.encode("idna"))
    with pytest.raises(ModelError, match="expected an address with a host's name"):
        opened(f"http://{host}/predict").logits(ROWS)
