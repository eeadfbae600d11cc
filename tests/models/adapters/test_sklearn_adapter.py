from __future__ import annotations

import functools
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from rafair.errors import ModelError
from rafair.models.adapters.skops_types import check_types
from rafair.models.models_by_name import ModelOptions, open_model
from rafair.models.raw_inputs import raw_frame
from rafair.tabular.schema import Feature, Schema

skops_io = pytest.importorskip("skops.io")

NUMBERS = ["age", "yrs_married", "children"]
TEXTS = ["rate_marriage", "religious", "educ", "occupation", "occupation_husb"]


def pipeline(last):
    """What takes the raw table: texts one-hot, numbers scaled, what is missing filled in."""
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), TEXTS),
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        sparse_threshold=0,
    )
    return make_pipeline(columns, last)


def fitted(affairs, last, classes=("no affair", "affair")):
    return pipeline(last).fit(affairs.train.frame, np.array(classes)[affairs.train.labels])


def stored(model, path):
    skops_io.dump(model, path)
    return str(path)


@pytest.mark.parametrize(
    "last",
    [
        LogisticRegression(max_iter=300),
        RandomForestClassifier(20, max_depth=6, random_state=0, n_jobs=2),
        HistGradientBoostingClassifier(max_iter=20),
        LinearSVC(),
        MLPClassifier((8,), max_iter=15, random_state=0, early_stopping=True),
        KNeighborsClassifier(25, algorithm="kd_tree"),  # brute force decides ties by the batch
        GaussianNB(),
    ],
    ids=lambda last: type(last).__name__,
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_pipelines_of_the_raw_table_decide_as_they_do_without_us(tmp_path, affairs, agrees, last):
    model = fitted(affairs, last)
    classifier = open_model(stored(model, tmp_path / "m.skops"), affairs.test.schema)
    agrees(classifier, model.predict(affairs.test.frame) == "affair")


def test_probabilities_become_their_logarithms_and_scores_stay(tmp_path, affairs):
    model = fitted(affairs, LogisticRegression(max_iter=300))
    source, rows = stored(model, tmp_path / "m.skops"), affairs.test.rows
    given = open_model(source, affairs.test.schema).logits(rows)
    given = given - np.logaddexp(given[:, :1], given[:, 1:])
    expected = model.predict_log_proba(affairs.test.frame)  # affair, no affair
    np.testing.assert_allclose(given, expected[:, ::-1], rtol=1e-4, atol=1e-6)
    options = ModelOptions(outputs="logits")
    scores = open_model(source, affairs.test.schema, options).logits(rows)
    expected = -model.decision_function(affairs.test.frame)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_missing_values_reach_the_pipeline_as_missing(tmp_path, affairs):
    frame, rows = affairs.test.frame.copy(), affairs.test.rows.copy()
    model = fitted(affairs, HistGradientBoostingClassifier(max_iter=10))
    features = []
    for i, feature in enumerate(affairs.test.schema.features):
        features.append(feature.model_copy(update={"missing": True}))
        frame.loc[frame.index[i::9], feature.name] = np.nan
        rows[i::9, i] = -1
    schema = affairs.test.schema.model_copy(update={"features": tuple(features)})
    classifier = open_model(stored(model, tmp_path / "m.skops"), schema)
    found = classifier.logits(rows).argmax(axis=1)
    assert np.array_equal(found, model.predict(frame) == "affair")


def test_an_estimator_fitted_without_names_gets_none(tmp_path, affairs, agrees):
    model = LogisticRegression(max_iter=300).fit(affairs.train.rows, affairs.train.labels)
    source = stored(model, tmp_path / "m.skops")
    classifier = open_model(source, affairs.test.schema, ModelOptions(inputs="encoded"))
    agrees(classifier, model.predict(affairs.test.rows))


def test_codes_of_classes_are_codes_and_names_are_names(tmp_path, affairs):
    schema = affairs.test.schema
    for classes in ((0, 1), (False, True), (0.0, 1.0), ("no affair", "affair")):
        model = fitted(affairs, LogisticRegression(max_iter=300), classes)
        classifier = open_model(stored(model, tmp_path / "m.skops"), schema)
        expected = model.predict(affairs.test.frame) == classes[1]
        assert np.array_equal(classifier.logits(affairs.test.rows).argmax(axis=1), expected)
    model = fitted(affairs, LogisticRegression(max_iter=300), ("good", "bad"))
    with pytest.raises(ModelError, match="expected the classes no affair, affair, found bad, good"):
        open_model(stored(model, tmp_path / "m.skops"), schema)


def test_a_pickle_is_not_opened_without_trust(tmp_path, affairs, agrees):
    model = fitted(affairs, LogisticRegression(max_iter=300))
    for name, dump in (("m.pkl", pickle.dump), ("m.joblib", joblib.dump)):
        with (tmp_path / name).open("wb") as file:
            dump(model, file)
        with pytest.raises(ModelError, match=r"a pickle can run any code .* `trust_pickle=True`"):
            open_model(str(tmp_path / name), affairs.test.schema)
        options = ModelOptions(trust_pickle=True)
        classifier = open_model(str(tmp_path / name), affairs.test.schema, options)
        agrees(classifier, model.predict(affairs.test.frame) == "affair")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


@pytest.mark.parametrize(
    "name", ["m.pkl", "m.skops", "m.onnx", "m.pt", "m.json", "m.txt", "m.ubj", "m.joblib"]
)
def test_no_bomb_goes_off(tmp_path, affairs, name):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(tmp_path / "went off")))
    with pytest.raises(ModelError) as raised:
        open_model(str(tmp_path / name), affairs.test.schema)
    assert "a pickle" in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def older(frame):
    return frame.assign(age=frame["age"] + 1)


def test_types_of_others_are_named_and_refused_until_they_are_trusted(tmp_path, affairs, agrees):
    last = LogisticRegression(max_iter=300)
    model = make_pipeline(FunctionTransformer(older), pipeline(last))
    model.fit(affairs.train.frame, np.array(["no affair", "affair"])[affairs.train.labels])
    source = stored(model, tmp_path / "m.skops")
    name = f"{older.__module__}.older"
    with pytest.raises(ModelError, match=f"not scikit-learn's: {name}; .* `trust={name}`"):
        open_model(source, affairs.test.schema)
    classifier = open_model(source, affairs.test.schema, ModelOptions(trust=(name,)))
    agrees(classifier, model.predict(affairs.test.frame) == "affair")


def test_functions_and_classes_of_numpy_that_do_harm_are_not_trusted(tmp_path, affairs):
    run = functools.partial(np.testing.runstring, "raise SystemExit")
    model = make_pipeline(FunctionTransformer(run), LogisticRegression())
    skops_io.dump(model, tmp_path / "m.skops")
    with pytest.raises(ModelError, match="runstring"):
        open_model(str(tmp_path / "m.skops"), affairs.test.schema)
    for name in ("numpy.lib._datasource.DataSource", "sklearn.utils._testing.TempMemmap"):
        with pytest.raises(ModelError, match=name):
            check_types([name], {}, (), tmp_path)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (RandomForestRegressor(2), "expected a classifier, found the regressor RandomForestRegr"),
        (StandardScaler(), "expected a fitted scikit-learn classifier, found StandardScaler"),
        (LogisticRegression(), "expected a fitted scikit-learn classifier, found LogisticRegr"),
        ([1, 2], "expected a fitted scikit-learn classifier, found list"),
    ],
    ids=["regressor", "transformer", "unfitted", "list"],
)
def test_what_is_no_fitted_classifier_is_refused(tmp_path, affairs, model, words):
    if isinstance(model, RandomForestRegressor | StandardScaler):
        model = model.fit(affairs.train.rows, affairs.train.labels)
    with pytest.raises(ModelError, match=words):
        open_model(stored(model, tmp_path / "m.skops"), affairs.test.schema)


def test_a_pipeline_of_other_columns_or_that_raises_ends_in_one_line(tmp_path, affairs):
    labels = affairs.train.labels
    renamed = affairs.train.frame[NUMBERS].rename(columns={"age": "years"})
    model = LogisticRegression(max_iter=300).fit(renamed, labels)
    with pytest.raises(ModelError, match="takes a column 'years', which the table does not have"):
        open_model(stored(model, tmp_path / "m.skops"), affairs.test.schema)
    wide = np.hstack([affairs.train.rows, affairs.train.rows[:, :2]])
    model = LogisticRegression().fit(wide, labels)
    with pytest.raises(ModelError, match="a 10-column model for a 8-column table"):
        open_model(stored(model, tmp_path / "m.skops"), affairs.test.schema)
    frame = affairs.train.frame[affairs.train.frame["religious"] != "not"]
    few = pipeline(LogisticRegression(max_iter=300)).fit(frame, labels[frame.index])
    classifier = open_model(stored(few, tmp_path / "m.skops"), affairs.test.schema)
    with pytest.raises(ModelError, match="does not take these rows: ValueError") as raised:
        classifier.logits(affairs.test.rows)
    assert "\n" not in str(raised.value)


def test_raw_frames_have_the_types_of_a_table_that_pandas_read(tmp_path):
    frame = pd.DataFrame(
        {
            "age": [20, 30, 40],
            "income": [0.5, 1.0, 2.5],
            "kind": ["a", "b", "a"],
            "yes": [True, False, True],
            "grade": [3, 5, 3],
        }
    )
    features = (
        Feature(name="age", kind="integer", minimum=20, maximum=40, missing=True),
        Feature(name="income", kind="numeric", minimum=0.5, maximum=2.5),
        Feature(name="kind", kind="categorical", levels=("a", "b"), missing=True),
        Feature(name="yes", kind="boolean", levels=(False, True)),
        Feature(name="grade", kind="ordinal", levels=(3, 5)),
    )
    schema = Schema(features=features, label="y", classes=("0", "1"))
    rows = np.float32([[0, 0, 0, 1, 0], [0.5, 0.25, 1, 0, 1], [1, 1, 0, 1, 0]])
    frame.to_csv(tmp_path / "t.csv", index=False)
    # a column with gaps is float64 whether or not one of them is among these rows
    expected = pd.read_csv(tmp_path / "t.csv").astype({"age": np.float64})
    pd.testing.assert_frame_equal(raw_frame(rows, schema), expected)
    rows[1, [0, 2]] = -1
    frame.loc[1, ["age", "kind"]] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(raw_frame(rows, schema), pd.read_csv(tmp_path / "t.csv"))
    assert raw_frame(rows[:0], schema).shape == (0, 5)
    rows[0, 0] = 0.33  # a continuous step leaves the whole numbers, and is not cut off
    assert raw_frame(rows[:1], schema)["age"].tolist() == [26.6]
