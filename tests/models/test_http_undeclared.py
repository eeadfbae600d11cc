"""Models whose metadata declare no tensors: what MLServer 1.7.1 said, replayed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import servers
from rafair.errors import InputError, ModelError
from rafair.models.http.http_classifier import HttpOptions, open_endpoint
from rafair.tabular.encoding import MISSING
from rafair.tabular.schema import Feature, Schema

SAID = {"name": "m", "versions": [], "platform": "", "inputs": [], "outputs": [], "parameters": {}}
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", minimum=30, maximum=60, missing=True),
        Feature(name="income", kind="numeric", minimum=2.5, maximum=3.5),
        Feature(name="sex", kind="categorical", levels=("f", "m")),
        Feature(name="owner", kind="boolean", levels=(False, True)),
    ),
    label="y",
    classes=("no", "yes"),
)
NUMBERS = Schema(features=SCHEMA.features[:2], label="y", classes=("no", "yes"))
NAMES = [{"name": "predict_proba"}, {"name": "predict"}]


def tensor(name, datatype, data, **more):
    return {"name": name, "datatype": datatype, "shape": [2, 1], "data": data} | more


COLUMNS = {
    "parameters": {"content_type": "pd"},
    "inputs": [
        tensor("age", "INT64", [30, 60]),
        tensor("income", "FP64", [2.5, 3.5]),
        tensor("sex", "BYTES", ["f", "m"], parameters={"content_type": "str"}),
        tensor("owner", "BOOL", [False, True]),
    ],
    "outputs": NAMES,
}
MATRIX = {
    "inputs": [
        {"name": "rows", "datatype": "FP32", "shape": [2, 2], "data": [30.0, 2.5, 60.0, 3.5]}
    ],
    "outputs": NAMES,
}


def answered(datatype, scores, decided=(0, 1)):
    about = {"parameters": {"content_type": "np"}}
    proba = {"name": "predict_proba", "shape": [2, 2], "datatype": datatype, "data": scores}
    label = {"name": "predict", "shape": [2, 1], "datatype": "INT64", "data": list(decided)}
    return {"model_name": "m", "parameters": {}, "outputs": [proba | about, label | about]}


SKLEARN = [0.9122403861643373, 0.08775961383566265, 0.05096030781648253, 0.9490396921835175]
XGBOOST = [0.8342111110687256, 0.1657889187335968, 0.048596858978271484, 0.9514031410217285]
EXCHANGES = {
    "scikit-learn": (SCHEMA, "pd", COLUMNS, "FP64", SKLEARN),
    "xgboost": (NUMBERS, "FP32", MATRIX, "FP32", XGBOOST),
}


def opened(server, schema=SCHEMA, path="/v2/models/m", **options):
    http = HttpOptions(retries=3, backoff_s=0.01, **options)
    return open_endpoint(server.address + path, schema, http=http)


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
@pytest.mark.parametrize("decided", [(0, 1), (1, 1)])
def test_options_declare_what_mlserver_does_not(exchange, decided):
    schema, datatype, sent, kind, scores = exchange
    got = []

    def answer(request):
        got.append(request)
        return answered(kind, scores, decided)

    with servers.ModelServer(answer, lambda path: SAID) as server:
        model = opened(server, schema, datatype=datatype, output_name="predict_proba")
        logits = model.logits(np.float32([[0] * len(schema), [1] * len(schema)]))
    assert json.dumps(got) == json.dumps([sent])
    assert logits.argmax(axis=1).tolist() == list(decided)
    powers = np.exp(logits.astype(np.float64))
    if decided == (0, 1):
        assert np.allclose((powers / powers.sum(axis=1, keepdims=True)).ravel(), scores, atol=1e-6)


REFUSED = {
    "nothing": (
        {},
        "give `datatype='FP64'` .* `datatype='pd'` .* and `output_name='predict_proba'`",
    ),
    "no output": ({"datatype": "pd"}, "no tensors; give `output_name='predict_proba'`"),
    "no input": ({"output_name": "p"}, "no tensors; give `datatype='FP64'`"),
    "a name of many": (
        {"datatype": "pd", "output_name": "p", "input_name": "x"},
        "input_name: expected not to be given with `datatype='pd'`",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_missing_declaration_is_wrong_input_and_asked_for_once(case):
    options, words = case
    asked = []

    def get(path):
        asked.append(path)
        return SAID

    with servers.ModelServer(servers.matrix_answer, get) as server:
        with pytest.raises(InputError, match=words) as caught:
            opened(server, **options)
        assert (len(asked), caught.value.exit_code, "\n" in str(caught.value)) == (1, 2, False)


def test_options_do_not_contradict_what_a_server_declares():
    with servers.inference_server() as server:
        for option in ("datatype", "input_name", "output_name"):
            with pytest.raises(InputError, match=f"{option}: the metadata of model"):
                opened(
                    server, servers.affairs().test.schema, "/v2/models/affairs", **{option: "pd"}
                )
            with pytest.raises(InputError, match=f"{option}: expected only with the protocol v2"):
                opened(server, path="/predict", **{option: "pd"})
    with pytest.raises(InputError, match="datatype"):
        HttpOptions(datatype="INT8")


def test_what_no_column_can_hold_is_not_sent():
    with servers.ModelServer(servers.matrix_answer, lambda path: SAID) as server:
        model = opened(server, datatype="pd", output_name="predict_proba")
        for age, words in ((0.55, "whole numbers for INT64, got 46.5"), (MISSING, "a missing")):
            with pytest.raises(ModelError, match=words):
                model.logits(np.float32([[age, 0, 0, 0]]))
        assert server.requests == 0
