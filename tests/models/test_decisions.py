"""What is judged is the decision that the model itself takes, also at ties and off the table."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    calibration,
    compose,
    discriminant_analysis,
    dummy,
    ensemble,
    gaussian_process,
    linear_model,
    model_selection,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, ClassifierMixin, clone

import rafair
from rafair.models.adapters.score_model import probe_rows
from rafair.models.adapters.sklearn_decisions import FOLLOWS, JOINT, name_of, question_for
from rafair.models.decision import OWN, THRESHOLD, settled
from rafair.models.model_options import ModelOptions
from rafair.models.models_in_memory import open_live
from rafair.models.raw_inputs import raw_frame
from rafair.tabular.counterparts import Counterparts

CLASSES = {2: ("no", "yes"), 3: ("a", "b", "c")}


def people(classes: int, n: int = 120) -> pd.DataFrame:
    """Few distinct values, so that scores are often equal."""
    g = np.random.default_rng(classes)
    frame = pd.DataFrame(
        {"age": g.integers(0, 5, n), "sex": g.choice(["f", "m"], n), "grade": g.integers(0, 3, n)}
    )
    score = frame["age"] - 2 + frame["grade"] - 1 + (frame["sex"] == "m") + g.integers(-1, 2, n)
    place = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    return frame.assign(ok=np.array(CLASSES[classes])[place])


FRAMES = {classes: people(classes) for classes in CLASSES}
TABLES = {
    classes: rafair.Table.from_frame(frame, label="ok", sensitive=["sex"])
    for classes, frame in FRAMES.items()
}


def asked_rows(table: rafair.Table) -> np.ndarray:
    """The table's rows, all their counterparts, other rows that could be, and any rows."""
    counterparts = Counterparts.of(table.schema)
    each = np.repeat(table.rows, counterparts.size, axis=0)
    counterparts.substitute(each, np.tile(np.arange(counterparts.size), len(table)))
    anything = np.random.default_rng(1).random((100, len(table.schema)), dtype=np.float32)
    return np.concatenate([table.rows, each, probe_rows(table.schema, 200), anything])


def pipe(last, scaler=None):
    encode = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(), ["sex"]),
        (scaler or preprocessing.StandardScaler(), ["age", "grade"]),
    )
    return pipeline.make_pipeline(encode, last)


class Cautious(ClassifierMixin, BaseEstimator):
    """Says yes only where the chance is between .3 and .7: no threshold on its score."""

    def fit(self, rows, labels):
        self.model_ = linear_model.LogisticRegression().fit(rows, labels)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, rows):
        return self.model_.predict_proba(rows)

    def predict(self, rows):
        chance = self.predict_proba(rows)[:, 1]
        return self.classes_[((chance > 0.3) & (chance < 0.7)).astype(int)]


FIXED = model_selection.FixedThresholdClassifier
TREE = tree.DecisionTreeClassifier(max_depth=3, random_state=0)
LOGISTIC = linear_model.LogisticRegression()

BOTH = {
    "logistic regression": LOGISTIC,
    "logistic regression, cross-validated": linear_model.LogisticRegressionCV(
        Cs=2, cv=2, l1_ratios=(0,), use_legacy_attributes=False
    ),
    "perceptron": linear_model.Perceptron(random_state=0),
    "ridge": linear_model.RidgeClassifier(),
    "ridge, cross-validated": linear_model.RidgeClassifierCV(),
    "hinge": linear_model.SGDClassifier(random_state=0),
    "modified huber": linear_model.SGDClassifier(loss="modified_huber", random_state=0),
    "linear support vectors": svm.LinearSVC(random_state=0),
    "boosted stumps": ensemble.AdaBoostClassifier(n_estimators=5, random_state=0),
    "gradient boosting": ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    "histogram boosting": ensemble.HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5),
    "tree": TREE,
    "extra tree": tree.ExtraTreeClassifier(max_depth=3, random_state=0),
    "forest of 2": ensemble.RandomForestClassifier(n_estimators=2, max_depth=3, random_state=0),
    "extra trees": ensemble.ExtraTreesClassifier(n_estimators=4, max_depth=2, random_state=0),
    "bagging": ensemble.BaggingClassifier(TREE, n_estimators=2, random_state=0),
    "bagging of votes": ensemble.BaggingClassifier(
        linear_model.RidgeClassifier(), n_estimators=2, random_state=0
    ),
    "soft voting": ensemble.VotingClassifier([("t", TREE), ("l", LOGISTIC)], voting="soft"),
    "calibrated": calibration.CalibratedClassifierCV(svm.LinearSVC(random_state=0), cv=2),
    "network": neural_network.MLPClassifier((3,), max_iter=2000, tol=1e-2, random_state=0),
    "gaussian bayes": naive_bayes.GaussianNB(),
    "bernoulli bayes": naive_bayes.BernoulliNB(),
    "stacking": ensemble.StackingClassifier([("t", TREE)], LOGISTIC, cv=2),
    "nearest 2": neighbors.KNeighborsClassifier(2),
    "nearest centroid": neighbors.NearestCentroid(),
    "linear discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
    "gaussian process": gaussian_process.GaussianProcessClassifier(),
    "label propagation": semi_supervised.LabelPropagation(),
    "support vectors": svm.SVC(),
    "support vectors, pairwise": svm.SVC(decision_function_shape="ovo"),
    "support vectors, breaking ties": svm.SVC(break_ties=True),
    "dummy": dummy.DummyClassifier(strategy="prior"),
    "grid search": model_selection.GridSearchCV(LOGISTIC, {"C": [0.1, 1.0]}, cv=2),
}
TWO = {
    "threshold of .2": FIXED(LOGISTIC, threshold=0.2, response_method="predict_proba"),
    "threshold of .8": FIXED(LOGISTIC, threshold=0.8, response_method="predict_proba"),
    "threshold of a forest, met": FIXED(
        ensemble.RandomForestClassifier(n_estimators=2, max_depth=3, random_state=0),
        threshold=0.5,
        response_method="predict_proba",
    ),
    "threshold of a tree, for no": FIXED(
        TREE, threshold=0.2, response_method="predict_proba", pos_label="no"
    ),
    "threshold of a margin": FIXED(
        svm.LinearSVC(random_state=0), threshold=-0.4, response_method="decision_function"
    ),
    "threshold of a margin, for no": FIXED(
        svm.LinearSVC(random_state=0),
        threshold=0.4,
        response_method="decision_function",
        pos_label="no",
    ),
    "threshold, automatic": FIXED(LOGISTIC),
    "tuned threshold": model_selection.TunedThresholdClassifierCV(
        LOGISTIC, cv=2, thresholds=[0.2, 0.4, 0.6, 0.8]
    ),
    "a rule of its own": Cautious(),
}
CASES = [
    *((classes, name, model) for name, model in BOTH.items() for classes in (2, 3)),
    *((2, name, model) for name, model in TWO.items()),
]


@cache
def fitted(classes, last):
    """The pipeline on people of so many classes; `last` is the same object each time."""
    frame = FRAMES[classes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipe(clone(last)).fit(frame.drop(columns="ok"), frame["ok"])


@pytest.mark.parametrize(
    ("classes", "last"),
    [(classes, last) for classes, _, last in CASES],
    ids=[f"{name}, {classes} classes" for classes, name, _ in CASES],
)
def test_an_estimator_is_judged_by_its_own_predict(classes, last):
    model, table = fitted(classes, last), TABLES[classes]
    rows = asked_rows(table)
    own = model.predict(raw_frame(rows, table.schema))
    classifier = open_live(model, table.schema)
    judged = np.array(table.schema.classes)[classifier.logits(rows).argmax(axis=1)]
    assert (judged == own).all()


def test_every_type_with_a_documented_rule_is_tried():
    tried = set()
    for classes, _, last in CASES:
        innermost = fitted(classes, last)
        question = question_for(innermost, None, range(classes), "model")
        if not question.asks_predict:
            tried.add(name_of(last))
    gone = {name for name in FOLLOWS if "passive_aggressive" in name}  # of older versions
    bayes = {name for name, method in FOLLOWS.items() if method == JOINT}  # not in pipelines
    assert tried >= FOLLOWS.keys() - gone - bayes


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "last",
    [
        naive_bayes.BernoulliNB(),
        naive_bayes.CategoricalNB(min_categories=5),
        naive_bayes.ComplementNB(),
        naive_bayes.GaussianNB(),
        naive_bayes.MultinomialNB(),
    ],
    ids=lambda last: type(last).__name__,
)
def test_naive_bayes_is_judged_by_its_own_predict(classes, last):
    frame, table = FRAMES[classes], TABLES[classes]
    model = clone(last).fit(frame[["age", "grade"]], frame["ok"])
    assert not question_for(model, None, range(classes), "model").asks_predict
    rows = np.concatenate([table.rows, probe_rows(table.schema, 200)])
    own = model.predict(raw_frame(rows, table.schema)[["age", "grade"]])
    judged = open_live(model, table.schema).logits(rows).argmax(axis=1)
    assert (np.array(table.schema.classes)[judged] == own).all()


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("name", ["no", "yes"])
@pytest.mark.parametrize("last", [TREE, LOGISTIC], ids=["tree", "logistic"])
def test_a_stated_threshold_is_compared_with_the_model_s_own_probability(last, name, at):
    model, table = fitted(2, last), TABLES[2]
    rows = asked_rows(table)
    chance = model.predict_proba(raw_frame(rows, table.schema))[:, ["no", "yes"].index(name)]
    classifier = open_live(model, table.schema, ModelOptions(threshold={name: at}))
    judged = np.array(table.schema.classes)[classifier.logits(rows).argmax(axis=1)]
    other = {"no": "yes", "yes": "no"}[name]
    assert (judged == np.where(chance >= at, name, other)).all()
    assert classifier.terms.decision.rule == THRESHOLD


def test_a_tie_at_a_threshold_is_decided_as_the_model_does():
    """Half of a leaf's rows: an offset of the logits alone would decide by rounding."""
    frame = FRAMES[2]
    model = tree.DecisionTreeClassifier(max_depth=2).fit(frame[["age", "grade"]], frame["ok"])
    chances = np.unique(model.predict_proba(frame[["age", "grade"]])[:, 1])
    table = TABLES[2]
    for at in chances[(chances > 0) & (chances < 1)]:
        options = ModelOptions(threshold={"yes": float(at)})
        judged = open_live(model, table.schema, options).logits(table.rows).argmax(axis=1)
        own = model.predict_proba(frame[["age", "grade"]])[:, 1] >= at
        assert (judged == own).all()


def test_a_rule_of_its_own_is_told_and_no_consensus_is_made_of_it():
    model, table = fitted(2, Cautious()), TABLES[2]
    audit = rafair.audit(model, table, attacks=("noise",), steps=1, instances=40)
    assert audit.document["model"]["decision"]["rule"] == OWN
    truth = model.predict(FRAMES[2].drop(columns="ok"))
    told = audit.document["model"]["test_accuracy"]
    assert told["count"] == int((truth == FRAMES[2]["ok"]).sum())
    from rafair.models.consensus import ConsensusClassifier

    with pytest.raises(rafair.ModelError, match="decides by a rule of its own"):
        ConsensusClassifier(open_live(model, table.schema), Counterparts.of(table.schema))


def test_raised_logits_still_rise_with_the_scores():
    scores = np.float32([[0, -3], [0, -2], [0, -1], [0, -0.5]])
    lead = np.diff(settled(scores.copy(), np.ones(4, np.int64)), axis=1).ravel()
    assert (lead > 0).all()
    assert (np.diff(lead) > 0).all()
