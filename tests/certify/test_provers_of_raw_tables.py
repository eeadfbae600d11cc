from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import ensemble, linear_model, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

import certified
import tiny_people
from rafair.certify.prover_interface import Proof
from rafair.certify.prover_registry import prover_of
from rafair.certify.reading.linear_weights import sklearn_linear
from rafair.certify.region import Surroundings
from rafair.errors import ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.model_options import ModelOptions
from rafair.models.models_in_memory import open_live
from rafair.models.raw_inputs import RawUnits, raw_matrix
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import decode_values
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema

SOME = 16
NO_GRID = [np.zeros(0, np.float32)] * 8
"""All columns that have a choice have a list."""

NUMBERS = ["age", "pay", "hours", "total"]


def steps(scaler: object, *, indicator: bool = False, sparse: bool = True) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(add_indicator=indicator), scaler)
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=sparse)
    ratings = OrdinalEncoder(categories=[[1, 2, 5]])
    return ColumnTransformer(
        [("n", numbers, NUMBERS), ("c", levels, ["sex", "job"]), ("o", ratings, ["rating"])],
        remainder="passthrough",
    )


def xgboost(**options: object) -> object:
    return pytest.importorskip("xgboost").XGBClassifier(
        n_estimators=5, max_depth=3, min_child_weight=0, n_jobs=1, **options
    )


def lightgbm(**options: object) -> object:
    return pytest.importorskip("lightgbm").LGBMClassifier(
        n_estimators=5, min_child_samples=2, num_leaves=8, verbose=-1, n_jobs=1, **options
    )


LAST = {
    "logistic regression": linear_model.LogisticRegression(),
    "support vectors": svm.SVC(kernel="linear"),
    "linear support vectors": svm.LinearSVC(),
    "gradient descent": linear_model.SGDClassifier(random_state=0),
    "ridge": linear_model.RidgeClassifier(),
    "perceptron": linear_model.Perceptron(random_state=0),
    "tree": tree.DecisionTreeClassifier(max_depth=5, random_state=0),
    "forest": ensemble.RandomForestClassifier(5, max_depth=4, random_state=0),
    "gradient": ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": ensemble.HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=8),
}
SCALERS = {
    "standard": StandardScaler(),
    "least and most": MinMaxScaler((-1, 3)),
    "largest": MaxAbsScaler(),
    "quartiles": RobustScaler(),
}


def checked(model, n_classes: int = 2, *, missing: bool = True, ties: bool = False, **options):
    """Verdicts on all feasible rows equal enumeration; what is proven of boxes has no exception."""
    known = tiny_people.schema(n_classes, missing=missing)
    rows = tiny_people.encoded(n_classes, missing=missing)
    classifier = open_live(model, known, ModelOptions(**options))
    prover = prover_of(CachedClassifier(classifier), known, rows)
    counterparts = Counterparts.of(known)
    some = rows[:SOME].copy()
    some[3, 7] = 0.3  # a sensitive value that is new to the domain
    wanted = classifier.logits(some).argmax(axis=1)
    wanted[:2] = 1 - wanted[:2]
    around = Surroundings(FeasibleSet.of(known, 0.3), counterparts)
    joint = around.joint(some)
    proofs = certified.check(prover, classifier, joint, wanted, NO_GRID, ties=ties)
    continuous = Surroundings(PerturbationSet.of(known, 0.05), counterparts).joint(some)
    found = certified.decided(prover, classifier, continuous, wanted)
    assert not (found.proof == Proof.OPEN).any()
    no_exception(classifier, continuous, wanted, found.proof)
    assert {Proof.PROVEN, Proof.REFUTED} <= {*proofs.tolist(), *found.proof.tolist()}
    return prover


def no_exception(classifier, region, wanted, proof) -> None:
    """Random rows of regions that are proven get the class."""
    generator = np.random.default_rng(0)
    boxes = generator.choice(np.flatnonzero(np.isin(proof[region.owner], Proof.PROVEN)), 800)
    lower, upper = region.lower[boxes], region.upper[boxes]
    shares = generator.choice(np.float32([0, 0.01, 0.5, 0.99, 1]), lower.shape)
    shares = np.where(generator.random(lower.shape) < 0.5, generator.random(lower.shape), shares)
    rows = np.clip((lower + (upper - lower) * shares).astype(np.float32), lower, upper)
    for column, values in enumerate(region.values):
        here = np.flatnonzero(region.listed[boxes, column])
        if values is not None and len(here):
            inside = (values >= lower[here, column, None]) & (values <= upper[here, column, None])
            rows[here, column] = values[(inside * generator.random(inside.shape)).argmax(axis=1)]
    assert (classifier.logits(rows).argmax(axis=1) == wanted[region.owner[boxes]]).all()


def fitted(model, n_classes: int = 2, *, missing: bool = True):
    frame, labels = tiny_people.people(n_classes, missing=missing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(frame, labels)


@pytest.mark.parametrize("last", LAST)
def test_pipelines_of_the_raw_table(last):
    place = list(LAST).index(last)
    scaler = list(SCALERS.values())[place % len(SCALERS)]
    encoder = steps(scaler, indicator=place % 2 == 0, sparse=last != "histograms")
    prover = checked(fitted(make_pipeline(encoder, LAST[last])))
    assert prover.continuous == (place < 6)


@pytest.mark.parametrize("last", ["logistic regression", "forest", "histograms"])
def test_three_classes(last):
    checked(fitted(make_pipeline(steps(StandardScaler(), sparse=False), LAST[last]), 3), 3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("library", [xgboost, lightgbm])
def test_boosted_trees_of_raw_numbers_and_gaps(library, n_classes):
    labels, known = tiny_people.people(n_classes)[1], tiny_people.schema(n_classes)
    numbers = raw_matrix(tiny_people.encoded(n_classes), known)
    assert np.isnan(numbers).any()
    classes = {name: place for place, name in enumerate(known.classes)}
    codes = np.array([classes[label] for label in labels])
    checked(library().fit(numbers, codes), n_classes)


@pytest.mark.parametrize("library", [xgboost, lightgbm])
@pytest.mark.parametrize("seed", [2, 5])
def test_random_trees_of_derived_columns_and_gaps_among_others(library, seed):
    """A box may leave the derived column no choice, while others still have some."""
    n_classes = 2 + seed % 2
    known, rows = tiny_people.schema(n_classes), tiny_people.encoded(n_classes)
    numbers, generator = raw_matrix(rows, known), np.random.default_rng(seed)
    weights = generator.normal(size=8) * [0.3, 0.3, 0.3, 3, 1, 1, 1, 1]
    score = np.nan_to_num(numbers, nan=2) @ weights + generator.normal(size=len(rows))
    labels = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    classifier = open_live(library().set_params(n_estimators=8).fit(numbers, labels), known)
    prover = prover_of(classifier, known, rows)
    some = generator.permutation(rows)[:15]
    wanted = classifier.logits(some).argmax(axis=1)
    region = Surroundings(FeasibleSet.of(known, 0.5), Counterparts.of(known)).joint(some)
    certified.check(prover, classifier, region, wanted, NO_GRID)
    # as if a missing age were one of the values of its domain
    lower, listed = region.lower.copy(), region.listed.copy()
    lower[:, 0], listed[:, 0] = -1, True
    upper = region.upper.copy()
    upper[:, 0] = 0.4
    ages = np.float32([-1, 0, 0.2, 0.4, 0.6, 0.8, 1])
    gaps = replace(
        region, lower=lower, upper=upper, listed=listed, values=(ages, *region.values[1:])
    )
    certified.check(prover, classifier, gaps, wanted, NO_GRID)


@pytest.mark.parametrize("library", [xgboost, lightgbm])
def test_boosted_trees_of_categories(library):
    frame, labels = tiny_people.people()
    typed = frame.copy()
    for name in ("job", "sex"):
        typed[name] = frame[name].astype(object).astype("category")
    more = {"enable_categorical": True, "max_cat_to_onehot": 2} if library is xgboost else {}
    checked(library(**more).fit(typed, (labels == "yes").astype(int)))


@pytest.mark.parametrize("library", [xgboost, lightgbm])
def test_boosted_trees_at_the_end_of_a_pipeline(library):
    frame, labels = tiny_people.people()
    model = make_pipeline(steps(RobustScaler(), sparse=False), library())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checked(model.fit(frame, (labels == "yes").astype(int)))


@pytest.mark.parametrize(
    ("last", "name"),
    [("logistic regression", "no"), ("forest", "yes"), ("gradient", "no"), ("xgboost", "yes")],
)
def test_thresholds_of_decisions(last, name):
    options = {"threshold": {name: 0.3}}
    if last == "xgboost":
        codes = (tiny_people.people()[1] == "yes").astype(int)
        numbers = raw_matrix(tiny_people.encoded(), tiny_people.schema())
        checked(xgboost().fit(numbers, codes), **options)
    else:
        checked(fitted(make_pipeline(steps(StandardScaler()), LAST[last])), **options)


def test_thresholds_of_estimators():
    inner = make_pipeline(steps(StandardScaler()), LAST["logistic regression"])
    checked(fitted(FixedThresholdClassifier(inner, threshold=0.7, pos_label="yes")))
    lower = FixedThresholdClassifier(inner, threshold=-0.5, response_method="decision_function")
    checked(fitted(lower.set_params(pos_label="no")))


def test_gaps_without_an_imputer():
    """Forests and histograms take what is missing as it is."""
    columns = [*NUMBERS, "rating", "old"]
    for last in ("forest", "histograms", "tree"):
        chosen = ColumnTransformer([("n", "passthrough", columns)])
        checked(fitted(make_pipeline(chosen, LAST[last])))


def test_a_model_that_reads_no_sensitive_column():
    known, rows = tiny_people.schema(), tiny_people.encoded()
    for last in ("forest", "logistic regression"):
        encoder = ColumnTransformer(
            [("n", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS)]
        )
        model = fitted(make_pipeline(encoder, LAST[last]))
        prover = prover_of(open_live(model, known), known, rows)
        assert prover.reads is not None
        assert prover.reads <= {0, 1, 2, 3}
        assert prover.kind in ("trees of scikit-learn", "logistic regression")


def test_equal_shares_go_to_the_first_class():
    """A tie of a single tree is exact: no rounding decides it."""
    known = tiny_people.schema(missing=False)
    rows = tiny_people.encoded(missing=False)
    one, half = (rows[rows[:, 5] == 1], 1), (rows[rows[:, 5] < 1], 0)
    given = [one, half, (half[0], 1)]
    labels = np.repeat([label for _, label in given], [len(some) for some, _ in given])
    model = tree.DecisionTreeClassifier(max_depth=1, random_state=0)
    model.fit(np.concatenate([some for some, _ in given]), labels)
    classifier = open_live(model, known, ModelOptions(inputs="encoded"))
    prover, rows = prover_of(classifier, known, rows), half[0][:20]
    region = Surroundings(FeasibleSet.of(known, 0.3), Counterparts.of(known)).joint(rows)
    for wanted, proof in ((0, Proof.PROVEN), (1, Proof.REFUTED)):
        found = certified.decided(prover, classifier, region, np.full(len(rows), wanted))
        assert (found.proof == proof).all()


REFUSED = {
    "neighbours": (
        lambda: make_pipeline(steps(StandardScaler(), sparse=False), KNeighborsClassifier()),
        r"cannot be certified; what can: fully connected ReLU networks, .*XGBoost and LightGBM",
    ),
    "curves": (
        lambda: make_pipeline(steps(StandardScaler()), svm.SVC()),
        r"expected a support vector classifier .* kernel='linear', got kernel='rbf' and 2 classes",
    ),
    "powers": (
        lambda: make_pipeline(
            steps(StandardScaler(), sparse=False), PolynomialFeatures(2), LAST["ridge"]
        ),
        r"expected steps that take each column by itself .* got PolynomialFeatures",
    ),
    "zeros for gaps": (
        lambda: make_pipeline(
            ColumnTransformer([("n", SimpleImputer(missing_values=0), ["pay", "hours"])]),
            LAST["ridge"],
        ),
        r"takes 0 for missing \(SimpleImputer\)",
    ),
    "a model of its own before": (
        lambda: make_pipeline(
            steps(StandardScaler()),
            ensemble.GradientBoostingClassifier(n_estimators=2, init=LAST["logistic regression"]),
        ),
        r"begins with a model of its own \(init\)",
    ),
    "calibrated": (
        lambda: CalibratedClassifierCV(
            make_pipeline(steps(StandardScaler()), LAST["linear support vectors"])
        ),
        r"cannot be certified; what can",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_certified_is_refused_in_a_line(kind):
    make, line = REFUSED[kind]
    known, rows = tiny_people.schema(), tiny_people.encoded()
    classifier = open_live(fitted(make()), known)
    with pytest.raises(ModelError, match=line) as refused:
        prover_of(classifier, known, rows)
    assert "\n" not in str(refused.value)


def test_a_reading_that_answers_otherwise_is_refused(monkeypatch):
    known, rows = tiny_people.schema(), tiny_people.encoded()
    classifier = open_live(
        fitted(make_pipeline(steps(StandardScaler()), LAST["logistic regression"])), known
    )

    def altered(estimator, where):
        formula = sklearn_linear(estimator, where)
        return replace(formula, base=formula.base + np.float64([0, 0.01]))

    monkeypatch.setattr("rafair.certify.reading.model_formula.sklearn_linear", altered)
    with pytest.raises(ModelError, match=r"were read in a way that answers otherwise"):
        prover_of(classifier, known, rows)


@pytest.mark.parametrize("step", [None, 0.01, 0.03, 0.05, 0.33, 1 / 3, 1])
@pytest.mark.parametrize("least", [0, 0.125])
@pytest.mark.parametrize("most", [3, 990, 99_000])
def test_numbers_grow_with_their_codes(step, least, most):
    feature = Feature(name="pay", kind="numeric", minimum=least, maximum=most, step=step)
    codes = np.linspace(0, 1, 50_001, dtype=np.float32)
    if step:
        near = np.arange(0, 3000)[:, None] * step + np.linspace(-1, 1, 9) * 3e-7 * most
        codes = np.unique(np.append(codes, (near / most).clip(0, 1).astype(np.float32)))
    assert (np.diff(decode_values(codes, feature)) >= 0).all()
    known = Schema(features=(feature,), label="y", classes=("no", "yes"))
    given = RawUnits(known)(torch.from_numpy(codes)[:, None])
    assert (np.diff(given[:, 0].numpy()) >= 0).all()


def test_money_in_cents_can_be_certified():
    feature = Feature(name="pay", kind="numeric", minimum=0, maximum=19_999, step=0.01)
    known = Schema(features=(feature,), label="y", classes=("no", "yes"))
    rows = np.linspace(0, 1, 401, dtype=np.float32)[:, None]
    model = tree.DecisionTreeClassifier(max_depth=2).fit(raw_matrix(rows, known), rows > 0.5)
    assert prover_of(open_live(model, known), known, rows)
