"""A model behind HTTP as a classifier: batches side by side, each tried until it is answered."""

from __future__ import annotations

import hashlib
import json
import warnings
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from rafair.engine.thread_pool import given_up_here
from rafair.errors import InputError, ModelError, ModelGoneError, RafairWarning
from rafair.models.adapters.output_classes import order_of
from rafair.models.adapters.score_model import terms_of
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.models.decision import OWN, DecisionRule, threshold_of
from rafair.models.http.connection import GLANCE
from rafair.models.http.http_options import COLUMNS, HttpOptions, checked_address
from rafair.models.http.json_protocol import HttpProtocol, PlainJson
from rafair.models.http.open_inference_protocol import (
    Metadata,
    OpenInference,
    model_address,
    speaks_inference,
)
from rafair.models.http.response_scores import Reading
from rafair.models.http.retries import Transport
from rafair.models.http.undeclared_tensors import with_declared
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema

__all__ = ["HttpOptions", "HttpClassifier", "open_endpoint"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def open_endpoint(
    source: str,
    schema: Schema,
    options: ModelOptions | None = None,
    http: HttpOptions | None = None,
) -> HttpClassifier:
    """Opens a model behind HTTP.

    Args:
        source: Its address: `http://HOST/v2/models/NAME` speaks the Open Inference Protocol, any
            other plain JSON, unless `http` says which.
        schema: The features of the rows, and the classes in the order of the model's scores.
        options: What it takes, "raw" values by default; what it gives, told by the answer's names
            by default; its classes, and how it decides.
        http: How it is asked; with all defaults if None.

    Raises:
        InputError: If the address or an option is wrong, or httpx is not installed.
        ModelError: If the model does not fit the schema, or the server refuses.
        ModelGoneError: If its metadata are needed, and the server does not answer.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> open_endpoint("http://localhost:8000/predict", schema).name
        'http://localhost:8000/predict'
    """
    http, options = http or HttpOptions(), options or ModelOptions()
    address, outputs = checked_address(source), options.outputs
    transport = Transport(address, http)
    _warn_of_open_token(address, http)
    encoded = options.inputs == "encoded"
    protocol: HttpProtocol
    if http.protocol == "v2" or (http.protocol is None and speaks_inference(address)):
        model = model_address(address)
        metadata = transport.ask("GET", model, Metadata.read)
        metadata = with_declared(metadata, schema, http, address)
        pandas = http.datatype == COLUMNS
        protocol = OpenInference(
            model,
            metadata,
            address,
            schema,
            encoded=encoded,
            outputs=outputs,
            pandas=pandas,
        )
    else:
        for name in ("datatype", "input_name", "output_name"):
            if getattr(http, name) is not None:
                raise InputError(f"{name}: expected only with the protocol v2")
        protocol = PlainJson(address, address, schema, encoded, outputs)
    return HttpClassifier(transport, protocol, schema, options)


def _warn_of_open_token(address: str, http: HttpOptions) -> None:
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and http.token():
        warnings.warn(
            f"model '{address}': the token in {http.token_env} is sent without encryption; use "
            "https://",
            RafairWarning,
            stacklevel=3,
        )


class HttpClassifier(Classifier):
    """Logits from a server, asked in batches of which several are under way at once.

    What a server computes cannot be pinned: its hash tells where it is and what its metadata say,
    never its parameters.

    Args:
        transport: The way to the server.
        protocol: What is sent and read.
        schema: The features and classes.
        options: How it was opened.
    """

    differentiable = False
    n_parameters = None
    block_rows = 1  # it is asked about rows, not blocks: what fills one would be paid for

    def __init__(
        self,
        transport: Transport,
        protocol: HttpProtocol,
        schema: Schema,
        options: ModelOptions | None = None,
    ) -> None:
        self.name = transport.name
        self.n_features, self.n_classes = len(schema), len(schema.classes)
        self._transport, self._protocol, self._schema = transport, protocol, schema
        self.options = options or ModelOptions()
        threshold = threshold_of(self.options.threshold, schema.classes)
        order = order_of(self.options.classes, schema, self.name)
        self._reading = Reading(self.name, schema, order, threshold)
        self.terms = terms_of(self.options, threshold, default="raw")
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    @property
    def sha256(self) -> str:
        """The hash of what identifies the model: its address, its metadata, the table's columns."""
        identity = self._protocol.identity() | {"classes": list(self._schema.classes)}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`.

        Raises:
            ModelError: If the server refuses the rows, or its answers fit another table.
            ModelGoneError: If a batch was not answered in all tries.
        """
        logits = np.empty((len(rows), len(self._schema.classes)), np.float32)
        for part, answer in self.logits_in_parts(rows):
            logits[part] = answer
        return logits

    def logits_in_parts(self, rows: Rows) -> Iterator[tuple[slice, Logits]]:
        """Logits of some rows after the other, as they are answered.

        No further batch is sent before the answers that are there were taken, so that no more than
        `concurrency` of them can be lost; nor after a failure: what was under way is still yielded
        if it is answered, before the error is raised. What was paid for can be kept.

        Raises:
            ModelError: If the server refuses the rows, or its answers fit another table.
            ModelGoneError: If a batch was not answered in all tries, or the work that this thread
                does is given up.
        """
        options, abandoned, pool = self._transport.options, Event(), self._started()
        given_up = given_up_here()
        cuts = range(0, len(rows), options.batch_rows)
        ahead = iter([slice(start, start + options.batch_rows) for start in cuts])
        under_way: dict[Future[Logits], slice] = {}
        failure: BaseException | None = None
        try:
            while True:
                room = 0 if failure else options.concurrency - len(under_way)
                for part in islice(ahead, room):
                    under_way[pool.submit(self._ask, rows[part], abandoned)] = part
                if not under_way:
                    break
                for future in self._answered(under_way, given_up):
                    part = under_way.pop(future)
                    error = None if future.cancelled() else future.exception()
                    if error is not None and failure is None:
                        failure = error
                        _abandon(under_way, abandoned)
                    elif error is None and not future.cancelled():
                        yield part, future.result()
        finally:
            _abandon(under_way, abandoned)
        if failure is not None:
            raise failure

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"model '{self.name}': a model behind HTTP gives no gradients")

    def _ask(self, rows: Rows, abandoned: Event) -> Logits:
        return self._transport.ask(
            "POST",
            self._protocol.address,
            partial(self._logits, n_rows=len(rows)),
            self._protocol.request(rows),
            len(rows) * len(self._schema.classes),
            abandoned,
        )

    def _answered(
        self, under_way: Iterable[Future[Logits]], given_up: Event
    ) -> set[Future[Logits]]:
        """Those that are done, as soon as some are."""
        while not given_up.is_set():
            done = wait(under_way, GLANCE, FIRST_COMPLETED).done
            if done:
                return done
        raise ModelGoneError(f"model '{self.name}': asked no more, as the work was given up")

    def _logits(self, answer: Any, n_rows: int) -> Logits:
        said = self._protocol.read(answer)
        if said.labels is not None and self._reading.threshold is None:
            self.terms.decision = DecisionRule(OWN)
        if said.classes is not None:
            self.terms.outputs, self.terms.outputs_stated = tuple(map(str, said.classes)), True
        return self._reading.logits(said, n_rows)

    def _started(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._transport.options.concurrency)
                weakref.finalize(self, self._pool.shutdown, wait=False)
            return self._pool

    def __reduce__(self) -> tuple[Any, ...]:
        return HttpClassifier, (self._transport, self._protocol, self._schema, self.options)


def _abandon(parts: dict[Future[Logits], slice], abandoned: Event) -> None:
    abandoned.set()
    for future in parts:
        future.cancel()
