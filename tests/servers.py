"""Real servers of really trained models, which stumble when a test tells them to."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import xgboost

import rafair
from rafair.tabular.schema import Schema

Hostile = Callable[[socket.socket, threading.Event], None]
"""What is done to a connection, until the event is set; see `hostility.py`."""

Fault = str | int | Hostile | None
"""What a request gets instead of its answer: a status, "slow", "closed", "short", "text", "nan",
"shape", what is done to its connection, or None for a good answer."""


@cache
def affairs() -> rafair.Dataset:
    return rafair.load_dataset("affairs")


class Trees:
    """Gradient-boosted trees on the affairs data, asked with values in the data's own units."""

    def __init__(self) -> None:
        train = affairs().train
        self.schema: Schema = train.schema
        self.booster = xgboost.XGBClassifier(n_estimators=30, max_depth=3, n_jobs=1, seed=0)
        self.booster.fit(self.numbers(train.frame), train.labels)

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Texts as the places of their levels."""
        columns = []
        for feature in self.schema.features:
            values = frame[feature.name]
            codes = {level: code for code, level in enumerate(feature.levels or ())}
            columns.append(values.map(codes) if codes else values)
        return np.stack([column.to_numpy(np.float32) for column in columns], axis=1)

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Probabilities of shape `(n, c)`."""
        return self.booster.predict_proba(np.asarray(numbers, np.float32))


@cache
def trees() -> Trees:
    return Trees()


class ModelServer:
    """A model behind HTTP on a port of this machine; use it in a `with` statement.

    Args:
        answer: From the JSON of a request and its path to the JSON of the answer.
        get: The same for GET.
        token: The bearer token that requests must bring.
    """

    def __init__(
        self,
        answer: Callable[[Any], Any],
        get: Callable[[str], Any] | None = None,
        token: str | None = None,
    ) -> None:
        self.answer, self.get, self.token = answer, get, token
        self.fault: Callable[[int], Fault] = lambda number: None
        self.retry_after: str | None = None
        self.port = 0
        self.requests = 0
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.authorizations: set[str | None] = set()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Comes (back) to its port."""
        self._stopping.clear()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Goes away."""
        self._stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def rows_of(self, request: Any) -> list[str]:
        """What tells the rows of a request apart."""
        if "rows" in request:
            return [json.dumps(row) for row in request["rows"]]
        tensors = request["inputs"]
        n = tensors[0]["shape"][0]
        parts = [np.array(tensor["data"], dtype=object).reshape(n, -1) for tensor in tensors]
        return [json.dumps([list(part[i]) for part in parts]) for i in range(n)]


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go in two writes

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        found = self.owner.get(self.path) if self.owner.get else None
        self._send(200 if found else 404, found or {"error": f"no model at {self.path}"})

    def do_POST(self) -> None:
        owner = self.owner
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = owner.rows_of(request)
        with owner.lock:
            owner.requests += 1
            number = owner.requests
            owner.asked.update(rows)
            owner.authorizations.add(self.headers["Authorization"])
            owner.at_once += 1
            owner.most_at_once = max(owner.most_at_once, owner.at_once)
        try:
            self._respond(request, rows, owner.fault(number))
        finally:
            with owner.lock:
                owner.at_once -= 1

    def _respond(self, request: Any, rows: list[str], fault: Fault) -> None:
        owner = self.owner
        if owner.token and self.headers["Authorization"] != f"Bearer {owner.token}":
            given = self.headers["Authorization"]
            self._send(401, {"error": f"not let in with {given}"})
        elif isinstance(fault, int):
            self._send(fault, {"error": "out of order"}, owner.retry_after)
        elif callable(fault):
            self.close_connection = True
            with suppress(OSError):  # the other end hangs up
                fault(self.connection, owner._stopping)
        elif fault == "slow":
            owner._stopping.wait(20)
            self.close_connection = True
        elif fault == "closed":
            self.close_connection = True
        elif fault == "text":
            self._send(200, "<html>Welcome</html>")
        else:
            answer = owner.answer(request)
            if fault is None:
                with owner.lock:  # before the asker can look at it
                    owner.answered.update(rows)
            self._send(200, spoilt(answer, fault))

    def _send(self, status: int, content: Any, retry_after: str | None = None) -> None:
        body = content if isinstance(content, str) else json.dumps(content)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body.encode())


def spoilt(answer: Any, fault: Fault) -> Any:
    """A good answer of either protocol, made short, not a number, or of another shape."""
    if fault is None:
        return answer
    if "outputs" in answer:
        output = answer["outputs"][0]
        values = np.array(output["data"]).reshape(output["shape"]).tolist()
        bad = _spoilt_rows(values, fault)
        shape = [len(bad), len(bad[0])] if fault != "shape" else output["shape"]
        flat = [value for row in bad for value in row]
        rest = answer["outputs"][1:]
        return {"outputs": [output | {"data": flat, "shape": shape}, *rest]}
    key = next(iter(answer))
    return {key: _spoilt_rows(answer[key], fault)}


def _spoilt_rows(rows: list[list[float]], fault: Fault) -> list[list[float]]:
    if fault == "short":
        return rows[:-1] or [*rows, *rows]
    if fault == "nan":
        return [[float("nan")] * len(row) for row in rows]
    assert fault == "shape"
    return [rows[0][:-1], *rows[1:]]


def plain_answer(request: Any) -> Any:
    """Plain JSON: rows under the table's own names."""
    model = trees()
    frame = pd.DataFrame(request["rows"], columns=list(model.schema.names))
    return {"probabilities": model(model.numbers(frame)).tolist()}


def matrix_answer(request: Any) -> Any:
    """The Open Inference Protocol: one tensor `[n, d]`."""
    (tensor,) = request["inputs"]
    assert tensor["datatype"] == "FP32"
    found = trees()(np.array(tensor["data"], np.float32).reshape(tensor["shape"]))
    return output_of(found)


def columns_answer(request: Any) -> Any:
    """The Open Inference Protocol: one tensor for each column; the probability of class 1."""
    model = trees()
    columns = {tensor["name"]: tensor["data"] for tensor in request["inputs"]}
    found = model(model.numbers(pd.DataFrame(columns)))
    return output_of(found[:, 1:])


def output_of(scores: np.ndarray) -> Any:
    single = scores.shape[1] == 1
    labels = (scores[:, 0] > 0.5).astype(int) if single else scores.argmax(axis=1)
    return {
        "model_name": "affairs",
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": list(scores.shape),
                "data": scores.ravel().tolist(),
            },
            {
                "name": "label",
                "datatype": "INT64",
                "shape": [len(scores)],
                "data": labels.tolist(),
            },
        ],
    }


def metadata(path: str, *, columns: bool = False) -> Any:
    """What the server says of its model."""
    if path != "/v2/models/affairs":
        return None
    schema = trees().schema
    by_name = [
        {
            "name": feature.name,
            "datatype": "FP64" if feature.kind.is_number else "BYTES",
            "shape": [-1, 1],
        }
        for feature in schema.features
    ]
    matrix = [{"name": "rows", "datatype": "FP32", "shape": [-1, len(schema)]}]
    width = 1 if columns else 2
    return {
        "name": "affairs",
        "versions": ["1"],
        "platform": "xgboost",
        "inputs": by_name if columns else matrix,
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, width]},
        ],
    }


@contextmanager
def plain_server(**options: Any) -> Iterator[ModelServer]:
    with ModelServer(plain_answer, **options) as server:
        yield server


@contextmanager
def inference_server(*, columns: bool = False) -> Iterator[ModelServer]:
    answer = columns_answer if columns else matrix_answer
    with ModelServer(answer, lambda path: metadata(path, columns=columns)) as server:
        yield server
