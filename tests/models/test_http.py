"""Models behind HTTP: real servers of really trained trees, which stumble in every way they can."""

from __future__ import annotations

import json
import pickle
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import servers
from rafair.errors import InputError, ModelError, ModelGoneError, RafairWarning
from rafair.models.answer_cache import CachedClassifier
from rafair.models.fit_to_table import check_fits
from rafair.models.http import connection
from rafair.models.http.http_classifier import HttpClassifier, HttpOptions, open_endpoint
from rafair.models.model_options import ModelOptions
from rafair.tabular.encoding import MISSING
from rafair.tabular.schema import Feature, Schema

TABLE = servers.affairs().test
ROWS = TABLE.rows[:300]
QUICK = {"retries": 3, "backoff_s": 0.01, "batch_rows": 64, "timeout_s": 5.0}


def opened(server: servers.ModelServer, path: str = "/predict", **options) -> HttpClassifier:
    http = HttpOptions(**QUICK | options)
    return open_endpoint(server.address + path, TABLE.schema, http=http)


def expected(rows: np.ndarray) -> np.ndarray:
    """What the trees themselves answer."""
    model, frame = servers.trees(), TABLE.frame[:300]
    return model(model.numbers(frame))[: len(rows)]


def shares(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def one_line(error: BaseException) -> str:
    connection = str(error)
    assert "\n" not in connection
    return connection


# both protocols -------------------------------------------------------------------------------


def test_plain_json_gives_what_the_model_gives():
    with servers.plain_server() as server:
        model = opened(server)
        check_fits(model, ROWS, 2)
        assert np.allclose(shares(model.logits(ROWS)), expected(ROWS), atol=1e-6)
        assert (model.n_features, model.n_classes, model.differentiable) == (8, 2, False)
        row = json.loads(next(iter(server.asked)))
        assert row == TABLE.frame.iloc[0].to_dict()


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("path", ["/v2/models/affairs", "/v2/models/affairs/infer"])
def test_open_inference_gives_what_the_model_gives(columns, path):
    with servers.inference_server(columns=columns) as server:
        model = opened(server, path)
        check_fits(model, ROWS, 2)
        assert np.allclose(shares(model.logits(ROWS)), expected(ROWS), atol=1e-6)


def test_a_failure_loses_no_answer_that_is_under_way(monkeypatch):
    """The first batch is refused while the others are being answered: they were paid for."""
    monkeypatch.setattr(connection, "GRACE", 60.0)  # a busy machine answers when it can

    def slowly(request):
        time.sleep(0.2)
        return servers.plain_answer(request)

    with servers.ModelServer(slowly) as server:
        model = opened(server, batch_rows=10, concurrency=4, retries=0)
        arrived = set()

        def fault(number):
            arrived.add(number)
            while number == 1 and len(arrived) < 4:  # a busy machine sends the others late
                time.sleep(0.01)
            return 500 if number == 1 else None

        server.fault = fault
        taken = []
        with pytest.raises(ModelGoneError, match="status 500"):
            taken.extend(part for part, _ in model.logits_in_parts(ROWS[:200]))
        assert len(taken) == 3
        assert sum(server.answered.values()) == 30


def test_encoded_rows_arrive_to_the_last_bit():
    got = []

    def linear(request):
        got.append(np.array(request["rows"], np.float32))
        return {"logits": (got[-1][:, :2]).tolist()}

    with servers.ModelServer(linear) as server:
        model = open_endpoint(server.address, TABLE.schema, ModelOptions(inputs="encoded"))
        rows = np.random.default_rng(0).random((20, 8), dtype=np.float32)
        assert np.array_equal(model.logits(rows), rows[:, :2])
        assert np.array_equal(got[0], rows)


def test_integers_stay_integers_and_missing_values_are_null():
    age = Feature(name="age", kind="integer", minimum=18, maximum=68, missing=True)
    sex = Feature(name="sex", kind="categorical", levels=("f", "m"), missing=True)
    owner = Feature(name="owner", kind="boolean", levels=(False, True))
    schema = Schema(features=(age, sex, owner), label="y", classes=("no", "yes"))
    got = []

    def answer(request):
        got.extend(request["rows"])
        return {"predictions": [0.25] * len(request["rows"])}

    with servers.ModelServer(answer) as server:
        rows = np.float32([[0.5, 0, 1], [MISSING, MISSING, 0], [0.51, 1, 0]])
        logits = open_endpoint(server.address, schema).logits(rows)
    assert json.dumps(got) == json.dumps(
        [
            {"age": 43, "sex": "f", "owner": True},
            {"age": None, "sex": None, "owner": False},
            {"age": 43.5, "sex": "m", "owner": False},
        ]
    )
    assert np.allclose(shares(logits), [[0.75, 0.25]] * 3)


# stumbling ------------------------------------------------------------------------------------

FAULTS = [500, 503, 429, 408, "closed", "short", "text", "nan", "shape"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("protocol", ["json", "v2"])
def test_what_passes_is_tried_again(fault, protocol):
    json_server, v2_server = servers.plain_server, servers.inference_server
    with (json_server if protocol == "json" else v2_server)() as server:
        server.fault = lambda number: fault if number <= 3 else None
        model = opened(server, "/predict" if protocol == "json" else "/v2/models/affairs")
        rows = ROWS[:50]
        assert np.allclose(shares(model.logits(rows)), expected(rows), atol=1e-6)
        assert server.requests == 4


WORDS = {
    500: "status 500",
    429: "status 429",
    "closed": "disconnected",
    "short": "answers of shape (49, 2) for 50 rows",
    "text": "not JSON but ",
    "nan": "NaN",
    "shape": "not equally many",
}


@pytest.mark.parametrize("fault", WORDS)
def test_what_does_not_pass_ends_in_one_line(fault):
    with servers.plain_server() as server:
        server.fault = lambda number: fault
        with pytest.raises(ModelGoneError) as caught:
            opened(server).logits(ROWS[:50])
        connection = one_line(caught.value)
        assert WORDS[fault] in connection
        assert ("Welcome" in connection) == (fault == "text")
        assert "in 4 tries; what was done is kept" in connection
        assert server.requests == 4
        assert caught.value.exit_code == 3


def test_a_server_that_does_not_answer_in_time_is_asked_again():
    with servers.plain_server() as server:
        server.fault = lambda number: "slow" if number <= 2 else None
        model = opened(server, timeout_s=0.3)
        assert np.allclose(shares(model.logits(ROWS[:9])), expected(ROWS[:9]), atol=1e-6)
        server.fault = lambda number: "slow"
        with pytest.raises(ModelGoneError, match=r"no whole answer within 0.3 s"):
            opened(server, timeout_s=0.3, retries=1).logits(ROWS[:9])


def test_nobody_there_ends_in_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = open_endpoint(f"http://127.0.0.1:{port}", TABLE.schema, http=HttpOptions(**QUICK))
    with pytest.raises(ModelGoneError, match=r"refused.* in 4 tries"):
        check_fits(model, ROWS, 2)  # passes it on as it is
    with pytest.raises(ModelGoneError, match="refused"):
        open_endpoint(
            f"http://127.0.0.1:{port}/v2/models/m", TABLE.schema, http=HttpOptions(**QUICK)
        )


def test_a_server_that_asks_for_a_pause_gets_it():
    with servers.plain_server() as server:
        server.fault = lambda number: 503 if number == 1 else None
        server.retry_after = "1"
        begun = time.monotonic()
        opened(server).logits(ROWS[:9])
        assert time.monotonic() - begun >= 1


def test_requests_are_made_side_by_side_up_to_the_limit():
    meet = threading.Barrier(3, timeout=10)

    def together(request):
        meet.wait()  # nobody is answered before three are there
        return servers.plain_answer(request)

    with servers.ModelServer(together) as server:
        model = opened(server, concurrency=3, batch_rows=10, retries=0)
        assert np.allclose(shares(model.logits(ROWS[:90])), expected(ROWS[:90]), atol=1e-6)
        assert server.requests == 9
        assert server.most_at_once == 3


def test_many_threads_share_one_classifier():
    with servers.plain_server() as server:
        server.fault = lambda number: 503 if number % 5 == 0 else None
        model = opened(server, retries=20)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: model.logits(ROWS), range(6)))
        assert all(np.array_equal(answer, answers[0]) for answer in answers)
        assert np.allclose(shares(answers[0]), expected(ROWS), atol=1e-6)
        assert server.most_at_once <= 4


def test_what_was_answered_before_the_end_is_kept():
    """Batches that were answered are not asked about again, though the call as a whole failed."""
    with servers.plain_server() as server:
        server.fault = lambda number: None if number <= 3 else 500
        once = CachedClassifier(opened(server, concurrency=2, retries=1))
        with pytest.raises(ModelGoneError):
            once.logits(ROWS)
        answered = sum(server.answered.values())
        assert once.asked == answered == 3 * 64
        server.fault = lambda number: None
        assert np.allclose(shares(once.logits(ROWS)), expected(ROWS), atol=1e-6)
        # other rows of the table may be equal, and are then asked about once
        assert max(server.answered.values()) == 1
        assert once.asked == len(server.answered) == len(np.unique(ROWS, axis=0))


# refused --------------------------------------------------------------------------------------


def test_a_wrong_token_is_refused_at_once_and_told_to_nobody(monkeypatch):
    monkeypatch.setenv("RAFAIR_TOKEN", "s3cr3t-wrong")
    with servers.plain_server(token="s3cr3t-right") as server:
        with pytest.raises(ModelError) as caught:
            check_fits(opened(server), ROWS, 2)
        assert server.requests == 1
        connection = one_line(caught.value)
        assert "bearer token in RAFAIR_TOKEN that the server takes, got status 401" in connection
        assert "s3cr3t" not in connection
        monkeypatch.setenv("OTHER", "s3cr3t-right")
        model = opened(server, token_env="OTHER")
        model.logits(ROWS[:5])
        assert server.authorizations == {"Bearer s3cr3t-wrong", "Bearer s3cr3t-right"}
        sent = pickle.dumps(model)
        assert b"s3cr3t" not in sent
        assert np.array_equal(pickle.loads(sent).logits(ROWS[:5]), model.logits(ROWS[:5]))
        assert "s3cr3t" not in f"{model!r} {model.name} {vars(model)} {model.sha256}"
        monkeypatch.delenv("OTHER")
        with pytest.raises(InputError, match="OTHER: expected a bearer token there, found none"):
            opened(server, token_env="OTHER")
        monkeypatch.delenv("RAFAIR_TOKEN")
        with pytest.raises(ModelError, match=r"in RAFAIR_TOKEN \(none was found there\)"):
            opened(server).logits(ROWS[:5])
        monkeypatch.setenv("RAFAIR_TOKEN", "two\nlines")
        with pytest.raises(InputError, match="RAFAIR_TOKEN: expected a bearer token of visible"):
            opened(server)


def test_a_token_on_an_open_line_is_warned_of(monkeypatch):
    monkeypatch.setenv("RAFAIR_TOKEN", "abc")
    with pytest.warns(RafairWarning, match="'http://example.org/m': the token in RAFAIR_TOKEN is"):
        open_endpoint("http://example.org/m", TABLE.schema)
    open_endpoint("https://example.org/m", TABLE.schema)


STATUSES = {
    404: 'expected a model at this address, got status 404 (\'{"error": "out of order"}\')',
    301: "expected the address where the model is, got status 301",
    413: "expected a server that takes 64 rows at once, got status 413",
    422: "expected a model that takes the table's rows, got status 422",
}


@pytest.mark.parametrize("status", STATUSES)
def test_other_refusals_are_not_tried_again(status):
    with servers.plain_server() as server:
        server.fault = lambda number: status
        with pytest.raises(ModelError) as caught:
            opened(server).logits(ROWS[:5])
        assert STATUSES[status] in one_line(caught.value)
        assert server.requests == 1


def test_a_refusal_after_good_answers_leaves_work_to_be_carried_on():
    with servers.plain_server() as server:
        model = opened(server)
        model.logits(ROWS[:5])
        server.fault = lambda number: 404
        with pytest.raises(ModelGoneError, match="expected an answer as before, got status 404"):
            model.logits(ROWS[:5])


UNFIT = {
    "labels": (
        {"predictions": [False, True, True]},
        "in 'predictions', got predicted classes alone",
    ),
    "words": ({"predictions": ["no", "yes", "no"]}, "got predicted classes alone"),
    "three classes": ({"probabilities": [[0.2, 0.3, 0.5]] * 3}, "each of 2 classes, got 3"),
    "no sum": ({"probabilities": [[0.2, 0.3]] * 3}, "probabilities that add up to 1, got 0.2, 0.3"),
    "logits": ({"predictions": [[-2.0, 3.0]] * 3}, "got -2, 3; `model_output='logits'`"),
}


@pytest.mark.parametrize("case", UNFIT.values(), ids=UNFIT)
def test_answers_that_fit_no_such_table_are_refused_at_once(case):
    answer, words = case
    with servers.ModelServer(lambda request: answer) as server:
        with pytest.raises(ModelError) as caught:
            opened(server).logits(ROWS[:3])
        assert words in one_line(caught.value)
        assert server.requests == 1


ADDRESSES = {
    "no host": ("http:///predict", "such as http://HOST:PORT/PATH"),
    "another scheme": ("ftp://host/model", "such as http://HOST"),
    "a port that is none": ("http://host:99999/model", "such as http://HOST"),
    "a password": ("https://me:s3cr3t@host/model", "without user or password"),
    "a user": ("https://s3cr3t@host/model", "without user or password"),
    "a key": ("https://host/model?api_key=s3cr3t", "without '?api_key='"),
}


@pytest.mark.parametrize("case", ADDRESSES.values(), ids=ADDRESSES)
def test_addresses_that_are_refused(case):
    address, words = case
    with pytest.raises(InputError) as caught:
        open_endpoint(address, TABLE.schema)
    assert words in one_line(caught.value)
    assert "s3cr3t" not in str(caught.value)


def changed(**changes):
    return servers.metadata("/v2/models/affairs") | changes


MATRIX = {"name": "rows", "datatype": "FP32", "shape": [-1, 8]}
METADATA = {
    "another width": (changed(inputs=[MATRIX | {"shape": [-1, 9]}]), "8 features", "one of 9"),
    "whole numbers": (changed(inputs=[MATRIX | {"datatype": "INT64"}]), "floating-point", "INT64"),
    "unknown column": (
        changed(inputs=[MATRIX | {"name": name, "shape": [-1]} for name in ("age", "agge")]),
        "unknown column of the table 'agge'",
        "did you mean 'age'?",
    ),
    "labels alone": (
        changed(outputs=[{"name": "label", "datatype": "INT64", "shape": [-1]}]),
        "expected scores",
        "'label'",
    ),
    "two scores": (
        changed(
            outputs=[{"name": n, "datatype": "FP32", "shape": [-1, 2]} for n in ("left", "right")]
        ),
        "an output called probabilities or logits",
        "'left', 'right'",
    ),
}


@pytest.mark.parametrize("case", METADATA.values(), ids=METADATA)
def test_models_whose_tensors_do_not_fit(case):
    said, *words = case
    with servers.ModelServer(servers.matrix_answer, lambda path: said) as server:
        with pytest.raises(InputError) as caught:
            opened(server, "/v2/models/affairs")
        for word in words:
            assert word in one_line(caught.value)


def test_a_model_that_is_not_there():
    with servers.inference_server() as server:
        with pytest.raises(ModelError, match="a model at this address, got status 404"):
            opened(server, "/v2/models/affair")
        with pytest.raises(InputError, match="such as http://HOST/v2/models/NAME"):
            opened(server, "/predict", protocol="v2")


def test_values_between_whole_numbers_and_missing_ones_have_no_tensor():
    age = Feature(name="age", kind="integer", minimum=0, maximum=10, missing=True)
    schema = Schema(features=(age,), label="y", classes=("no", "yes"))
    said = changed(inputs=[{"name": "age", "datatype": "INT64", "shape": [-1]}])
    with servers.ModelServer(servers.matrix_answer, lambda path: said) as server:
        model = open_endpoint(server.address + "/v2/models/affairs", schema)
        with pytest.raises(ModelError, match=r"'age': expected whole numbers for INT64, got 5.5"):
            model.logits(np.float32([[0.55]]))
        with pytest.raises(ModelError, match=r"'age': a missing value .* plain JSON"):
            model.logits(np.float32([[MISSING]]))


OPTIONS = {"protocol": "v3", "batch_rows": 0, "concurrency": 0.5, "timeout_s": 0, "retries": -1}


@pytest.mark.parametrize("option", OPTIONS.items(), ids=OPTIONS)
def test_options_out_of_range(option):
    name, value = option
    with pytest.raises(InputError, match=name):
        HttpOptions(**{name: value})


def test_what_identifies_a_model_shows_in_its_hash():
    with servers.inference_server() as first, servers.inference_server(columns=True) as second:
        one, other = (opened(server, "/v2/models/affairs") for server in (first, second))
        assert one.sha256 == opened(first, "/v2/models/affairs/infer").sha256
        assert one.sha256 == opened(first, "/v2/models/affairs", retries=0).sha256
        assert one.sha256 != other.sha256
        before = one.sha256
        first.get = lambda path: servers.metadata(path) | {"versions": ["2"]}
        assert opened(first, "/v2/models/affairs").sha256 != before
