"""Boosted trees and ONNX graphs are judged by what their own library decides."""

from __future__ import annotations

import shlex

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper, numpy_helper
from test_decisions import FRAMES, TABLES, asked_rows

import rafair
from rafair import option_values
from rafair.engine.thread_pool import Workers
from rafair.models.decision import OWN
from rafair.models.model_options import ModelOptions
from rafair.models.models_in_memory import open_live
from rafair.models.raw_inputs import raw_frame
from rafair.sources.model_checks import first_look

NUMBERS = ["age", "grade"]
BOOSTED = {
    "xgboost": lambda **options: xgboost.XGBClassifier(
        n_estimators=2, max_depth=2, n_jobs=1, **options
    ),
    "xgboost, stopped early": lambda **options: xgboost.XGBClassifier(
        n_estimators=60, max_depth=4, n_jobs=1, early_stopping_rounds=2, **options
    ),
    "xgboost forest": lambda **options: xgboost.XGBRFClassifier(
        n_estimators=3, n_jobs=1, **options
    ),
    "lightgbm": lambda **options: lightgbm.LGBMClassifier(
        n_estimators=2, min_child_samples=2, n_jobs=1, verbose=-1, **options
    ),
    "lightgbm forest": lambda **options: lightgbm.LGBMClassifier(
        n_estimators=3,
        boosting_type="rf",
        bagging_freq=1,
        bagging_fraction=0.5,
        min_child_samples=2,
        n_jobs=1,
        verbose=-1,
        **options,
    ),
}


def boosted(kind: str, classes: int, levels: bool):
    """A fitted model, and what it is given for rows."""
    frame, table = FRAMES[classes], TABLES[classes]
    columns = [*NUMBERS, *(["sex"] if levels else [])]

    def given(rows: pd.DataFrame) -> pd.DataFrame:
        known = pd.CategoricalDtype(["f", "m"])
        return rows[columns].astype({"sex": known}) if levels else rows[columns]

    labels = frame["ok"]
    if kind.startswith("xgboost"):
        labels = labels.map({name: code for code, name in enumerate(table.schema.classes)})
    options = {"enable_categorical": True} if levels and kind.startswith("xgboost") else {}
    data = given(frame)
    more = {"eval_set": [(data, labels)], "verbose": False} if "stopped" in kind else {}
    return BOOSTED[kind](**options).fit(data, labels, **more), given


@pytest.mark.parametrize("levels", [False, True], ids=["numbers", "levels"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", BOOSTED)
def test_boosted_trees_are_judged_by_their_own_predict(kind, classes, levels):
    model, given = boosted(kind, classes, levels)
    table = TABLES[classes]
    rows = asked_rows(table)
    own = model.predict(given(raw_frame(rows, table.schema)))
    if kind.startswith("xgboost"):
        own = np.array(table.schema.classes)[own]
    judged = open_live(model, table.schema).logits(rows).argmax(axis=1)
    assert (np.array(table.schema.classes)[judged] == own).all()


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("kind", BOOSTED)
def test_a_threshold_is_compared_with_the_library_s_own_probability(kind, at):
    model, given = boosted(kind, 2, levels=False)
    table = TABLES[2]
    rows = asked_rows(table)
    chances = model.predict_proba(given(raw_frame(rows, table.schema)))[:, 1]
    at = float(chances[np.abs(chances - at).argmin()])  # a tie
    options = ModelOptions(threshold={"yes": at})
    judged = open_live(model, table.schema, options).logits(rows).argmax(axis=1)
    assert (judged == (chances >= at)).all()


def test_codes_in_another_order_are_found_and_the_order_can_be_said():
    frame, table = FRAMES[2], TABLES[2]
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1)
    model.fit(frame[NUMBERS], (frame["ok"] == "no").astype(int))  # yes is 0
    accuracy = float(((model.predict(frame[NUMBERS]) == 0) == (frame["ok"] == "yes")).mean())
    with pytest.raises(rafair.ModelError) as caught:
        rafair.audit(model, table, attacks=())
    assert f"{1 - accuracy:.3f} where its outputs are no, yes, {accuracy:.3f}" in str(caught.value)
    assert "--model-classes yes,no" in str(caught.value)
    audit = rafair.audit(model, table, attacks=(), model_classes=["yes", "no"])
    assert audit.document["model"]["test_accuracy"]["value"] == pytest.approx(accuracy)
    assert audit.document["model"]["decision"]["classes"] == ["yes", "no"]
    insisted = rafair.audit(model, table, attacks=(), model_classes=["no", "yes"])
    assert insisted.document["model"]["test_accuracy"]["value"] == pytest.approx(1 - accuracy)


def test_the_order_is_said_as_a_shell_takes_it():
    frame = FRAMES[2].assign(ok=np.where(FRAMES[2]["ok"] == "yes", ">50K, or more", "<=50K"))
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["sex"])
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1)
    model.fit(frame[NUMBERS], (frame["ok"] == "<=50K").astype(int))
    with pytest.raises(rafair.ModelError) as caught:
        rafair.audit(model, table, attacks=())
    text = str(caught.value).partition("say which with ")[2].partition(" (model_classes")[0]
    words = shlex.split(text)  # the one option or the other
    stated = option_values.fields("model_classes", words[1])
    assert words[0] == "--model-classes"
    assert stated == (">50K, or more", "<=50K")
    rafair.audit(model, table, attacks=(), model_classes=stated)


@pytest.mark.parametrize("text", ["0.2", "=0.2", "yes=", "yes", "yes=much"])
def test_a_threshold_names_a_class_and_a_number(text):
    with pytest.raises(rafair.InputError, match="threshold: expected CLASS=P"):
        option_values.threshold("threshold", text)


def test_accuracy_does_not_decide_about_the_order():
    """Of a rare class and a low threshold, a good model is mostly wrong."""
    g = np.random.default_rng(0)
    frame = pd.DataFrame({"age": g.integers(0, 50, 600), "sex": g.choice(["f", "m"], 600)})
    frame["ok"] = np.where(frame["age"] + g.normal(0, 25, 600) > 60, "yes", "no")
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["sex"])
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1)
    model.fit(frame[["age"]], (frame["ok"] == "yes").astype(int))
    audit = rafair.audit(model, table, attacks=(), threshold={"yes": 0.01})
    assert audit.document["model"]["test_accuracy"]["value"] < 0.5


def test_the_best_order_of_three_classes_is_said():
    frame, table = FRAMES[3], TABLES[3]
    model = xgboost.XGBClassifier(n_estimators=10, n_jobs=1)
    model.fit(frame[NUMBERS], frame["ok"].map({"a": 1, "b": 2, "c": 0}))
    audit = rafair.audit(model, table, attacks=())
    assert any("--model-classes c,a,b" in warning for warning in audit.document["warnings"])


def test_levels_that_the_library_does_not_know():
    frame = FRAMES[2].assign(sex=np.where(np.arange(120) % 5, FRAMES[2]["sex"], "x"))
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["sex"])
    model, _ = boosted("xgboost", 2, levels=True)
    with pytest.raises(rafair.ModelError, match="was not trained on level 'x' of 'sex'"):
        open_live(model, table.schema)
    model, _ = boosted("lightgbm", 2, levels=True)
    with pytest.warns(rafair.RafairWarning, match="was not trained on level 'x' of 'sex'"):
        open_live(model, table.schema)


WEIGHTS = np.float32([0.5, 0.25, 1.0])


def graph(label: str, classes, sign: int = 1) -> bytes:
    """A linear model with labels: of its largest score, or of a rule of its own."""
    constants = [
        numpy_helper.from_array(np.stack([-sign * WEIGHTS, sign * WEIGHTS], axis=1), "W"),
        numpy_helper.from_array(np.float32([sign * 0.9, -sign * 0.9]), "B"),
        numpy_helper.from_array(np.float32([0.2]), "T"),
        numpy_helper.from_array(np.int64([1]), "second"),
        numpy_helper.from_array(np.int64([-1]), "flat"),
    ]
    nodes = [
        helper.make_node("Gemm", ["X", "W", "B"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    kind = TensorProto.INT64
    if label == "largest":
        nodes.append(helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0))
    elif label == "threshold":
        nodes += [
            helper.make_node("Gather", ["probabilities", "second"], ["p"], axis=1),
            helper.make_node("Greater", ["p", "T"], ["over"]),
            helper.make_node("Cast", ["over"], ["number"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["number", "flat"], ["label"]),
        ]
    else:  # scikit-learn's own operator, which names its classes
        text = isinstance(classes[0], str)
        kind = TensorProto.STRING if text else TensorProto.INT64
        nodes = [
            helper.make_node(
                "LinearClassifier",
                ["X"],
                ["label", "probabilities"],
                domain="ai.onnx.ml",
                coefficients=np.concatenate([-sign * WEIGHTS, sign * WEIGHTS]).tolist(),
                intercepts=[sign * 0.9, -sign * 0.9],
                post_transform="SOFTMAX",
                multi_class=1,
                **{"classlabels_strings" if text else "classlabels_ints": classes},
            )
        ]
        constants = []
    whole = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])],
        [
            helper.make_tensor_value_info("label", kind, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(whole, opset_imports=opsets, ir_version=8).SerializeToString()


GRAPHS = {
    "labels of the largest score": (("largest", None), None),
    "labels of a threshold": (("threshold", None), None),
    "labels of a threshold, other order": (("threshold", None, -1), ("yes", "no")),
    "names as the table's": (("named", ["no", "yes"]), None),
    "names the other way round": (("named", ["yes", "no"], -1), None),
    "codes": (("named", [0, 1]), None),
}


@pytest.mark.parametrize("case", GRAPHS.values(), ids=GRAPHS)
def test_a_graph_is_judged_by_its_own_labels(tmp_path, case):
    arguments, stated = case
    content = graph(*arguments)
    (tmp_path / "m.onnx").write_bytes(content)
    table = TABLES[2]
    options = ModelOptions(outputs="probabilities", classes=stated)
    classifier = rafair.open_model(tmp_path / "m.onnx", table.schema, options)
    rows = asked_rows(table)
    rows = rows[: len(rows) // 16 * 16]  # a single product: others may round otherwise at a tie
    session = onnxruntime.InferenceSession(content)
    (labels,) = session.run(["label"], {"X": rows})
    names = np.array(arguments[1] or stated or table.schema.classes)
    own = np.asarray(labels) if isinstance(labels[0], str) else names[np.asarray(labels)]
    if arguments[1] and not isinstance(arguments[1][0], str):
        own = np.array(table.schema.classes)[np.asarray(labels)]
    judged = np.array(table.schema.classes)[classifier.logits(rows).argmax(axis=1)]
    assert (judged == own).all()
    if classifier.differentiable:
        found, gradients = classifier.logits_and_gradients(rows, lambda z, _: np.ones_like(z))
        assert (np.array(table.schema.classes)[found.argmax(axis=1)] == own).all()
        assert gradients.shape == rows.shape
    assert classifier.terms.decision.rule == OWN


def test_names_that_the_table_does_not_have_are_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(graph("named", ["nay", "yea"]))
    with pytest.raises(rafair.ModelError, match="expected the classes no, yes, found nay, yea"):
        rafair.open_model(tmp_path / "m.onnx", TABLES[2].schema)
    (tmp_path / "m.onnx").write_bytes(graph("named", ["no", "yes"]))
    options = ModelOptions(classes=("yes", "no"))
    with pytest.raises(rafair.ModelError, match="names its classes itself"):
        rafair.open_model(tmp_path / "m.onnx", TABLES[2].schema, options)


def test_what_a_model_takes_is_said_where_nothing_states_it(tmp_path):
    (tmp_path / "m.py").write_text(
        "import numpy as np\n"
        "def score(rows):\n    return np.asarray(rows)[:, 0].astype(float) - .5\n"
    )
    frame = FRAMES[2]
    frame.to_csv(tmp_path / "t.csv", index=False)
    from commands import document
    from commands import rafair as command

    common = ["audit", "--data", tmp_path / "t.csv", "--label", "ok", "--sensitive", "sex"]
    common += ["--model", f"{tmp_path / 'm.py'}:score", "--attack", "noise", "--steps", "1"]
    common += ["--step-size", "0.5"]
    command(*common, "--out", tmp_path / "r")
    told = document(tmp_path / "r")
    assert told["model"]["input"] == "encoded"
    assert "takes encoded rows" in command("show", tmp_path / "r").out
    warning = next(text for text in told["warnings"] if "nothing states" in text)
    table = TABLES[2]
    encoded = float(((table.rows[:, 0] > 0.5) == table.labels).mean())
    raw = float(((frame["age"] > 0.5) == table.labels).mean())
    assert f"{encoded:.3f}" in warning
    assert f"{raw:.3f}" in warning
    command(*common, "--model-input", "raw", "--out", tmp_path / "s")
    told = document(tmp_path / "s")
    assert told["model"]["input"] == "raw"
    assert not any("nothing states" in text for text in told["warnings"])
    assert told["model"]["test_accuracy"]["value"] == pytest.approx(raw)


@pytest.mark.parametrize(
    ("score", "named", "doubted"),
    [
        ("age - .5", False, True),  # .725 and .667 of 120 rows: nothing tells which
        ("age - .5", True, False),
        ("age * 0 + (-1 if age.max() > 1 else 1)", False, True),  # of the majority alike
        ("age - 1.9 if age.max() > 1 else .4 - age", False, True),  # right as raw rows alone
        ("age - 1.9 if age.max() > 1 else .4 - age", True, True),
        ("age - .4 if age.max() <= 1 else .4 - age", False, False),  # as encoded rows alone
        ("age - .4 if age.max() <= 1 else .4 - age", True, False),
    ],
)
def test_the_other_reading_is_told_where_it_is_a_doubt(tmp_path, score, named, doubted):
    """Of a model that names its columns only where it is right more often in the other way."""
    (tmp_path / "m.py").write_text(
        "import numpy as np\n"
        f"def score(rows):\n    age = np.asarray(rows)[:, 0].astype(float)\n    return {score}\n"
    )
    table = TABLES[2]
    options = ModelOptions(outputs="logits")
    classifier = rafair.open_model(f"{tmp_path / 'm.py'}:score", table.schema, options)
    assert classifier.terms.input == "encoded"
    classifier.terms.outputs_stated = True
    classifier.terms.columns = ("age", "sex", "grade") if named else None
    with Workers(1) as workers:
        said = first_look(classifier, table, workers, np.arange(10))
    assert any("nothing states what the model takes" in text for text in said) == doubted


def test_a_model_that_reads_no_sensitive_feature_is_told():
    model, _ = boosted("lightgbm", 2, levels=False)
    audit = rafair.audit(model, TABLES[2], attacks=())
    assert any("reads no sensitive feature (sex)" in text for text in audit.document["warnings"])
    blind = rafair.audit(
        lambda rows: np.stack([1 - rows[:, 0], rows[:, 0] * 2], axis=1), TABLES[2], attacks=()
    )
    assert any("no score changed with sex" in text for text in blind.document["warnings"])
