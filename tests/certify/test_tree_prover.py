from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import ensemble, tree

import certified
from rafair.certify.derived_intervals import Followers
from rafair.certify.prover_interface import Proof
from rafair.certify.prover_registry import prover_of
from rafair.certify.region import Region
from rafair.engine.thread_pool import Workers
from rafair.models.model_options import ModelOptions
from rafair.models.models_in_memory import open_live
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema

CENTRE = np.float32(0.5)
DOMAIN = np.float32([0, 0.5, 1])


def neighbours(n: int = 5, ulps: int = 4) -> np.ndarray:
    """Codes about one half, so many numbers of single precision apart."""
    places = CENTRE.view(np.int32) + ulps * np.arange(-n, n + 1)
    return places.astype(np.int32).view(np.float32)


def schema(n_classes: int = 2, *, missing: bool = False) -> Schema:
    ends = {"kind": "numeric", "minimum": 0, "maximum": 1}
    features = (
        Feature(name="a", **ends, missing=missing),
        Feature(name="b", **ends, missing=missing),
        Feature(name="sex", kind="ordinal", levels=("x", "y", "z"), sensitive=True),
    )
    return Schema(features=features, label="y", classes=tuple("012"[:n_classes]))


def table(seed: int, n_classes: int, *, missing: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rows = generator.choice(neighbours(), (400, 3))
    rows[:, 2] = generator.choice(DOMAIN, 400)
    if missing:
        rows[:, :2][generator.random((400, 2)) < 0.15] = -1
    # labels that a tree has to learn number by number
    places = rows.view(np.int32).astype(np.int64) // 4
    return rows, (places @ np.array([1, 3, 1]) // 3) % 5 % n_classes


def region(rows: np.ndarray, seed: int, *, steps: int = 5) -> Region:
    """A box around each row, of a few neighbours, with all values of the last column."""
    generator = np.random.default_rng(seed)
    codes, lower, upper = neighbours(20, 1), rows.copy(), rows.copy()
    for column in range(2):
        there = rows[:, column] >= 0
        ends = np.sort(generator.integers(0, len(codes), (len(rows), 2)), axis=1)
        ends[:, 1] = np.minimum(ends[:, 1], ends[:, 0] + steps)
        lower[there, column] = codes[ends[there, 0]]
        upper[there, column] = codes[ends[there, 1]]
    lower[:, 2], upper[:, 2] = 0, 1
    listed = np.zeros(rows.shape, bool)
    listed[:, 2] = True
    followers = Followers(None, rows)
    each, values = np.arange(len(rows)), (None, None, DOMAIN)
    box = PerturbationSet(np.float32([1, 1, 0]))
    return Region(each, lower, upper, listed, values, followers, box, (2,))


def boosted(library: str, **options: object) -> object:
    if library == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        return xgboost.XGBClassifier(
            n_estimators=6,
            max_depth=4,
            min_child_weight=0,
            tree_method="exact",
            n_jobs=1,
            **options,
        )
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.LGBMClassifier(
        n_estimators=6,
        min_child_samples=1,
        min_data_in_bin=1,
        num_leaves=12,
        verbose=-1,
        n_jobs=1,
        **options,
    )


KINDS = {
    "xgboost": lambda: boosted("xgboost"),
    "lightgbm": lambda: boosted("lightgbm"),
    "lightgbm forest": lambda: boosted(
        "lightgbm", boosting_type="rf", bagging_freq=1, bagging_fraction=0.7
    ),
    "tree": lambda: tree.DecisionTreeClassifier(max_depth=6, random_state=0),
    "forest": lambda: ensemble.RandomForestClassifier(6, max_depth=5, random_state=0),
    "extra trees": lambda: ensemble.ExtraTreesClassifier(6, max_depth=6, random_state=0),
    "gradient": lambda: ensemble.GradientBoostingClassifier(n_estimators=6, max_depth=4),
    "histograms": lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=6, max_leaf_nodes=12, min_samples_leaf=1
    ),
}


def opened(kind: str, rows: np.ndarray, labels: np.ndarray, known: Schema):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = KINDS[kind]().fit(rows, labels)
    return open_live(model, known, ModelOptions(inputs="encoded"))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_equal_enumeration_number_by_number(kind, n_classes):
    known = schema(n_classes)
    rows, labels = table(n_classes, n_classes)
    classifier = opened(kind, rows, labels, known)
    prover = prover_of(classifier, known, rows)
    some = rows[:40]
    wanted = classifier.logits(some).argmax(axis=1)
    grid = [neighbours(24, 1), neighbours(24, 1), DOMAIN]
    proofs = np.concatenate(
        [
            certified.check(prover, classifier, region(some, steps, steps=steps), wanted, grid)
            for steps in (1, 5)
        ]
    )
    assert {Proof.PROVEN, Proof.REFUTED} == set(proofs.tolist())
    assert not prover.continuous
    assert prover.reads == {0, 1, 2}


def test_budgets_leave_instances_open_and_no_others():
    known = schema()
    rows, labels = table(2, 2)
    classifier = opened("forest", rows, labels, known)
    prover = prover_of(classifier, known, rows)
    some = region(rows[:40], 5)
    wanted = classifier.logits(rows[:40]).argmax(axis=1)
    whole = certified.decided(prover, classifier, some, wanted)
    certified.BUDGET, before = 4, certified.BUDGET
    try:
        part = certified.decided(prover, classifier, some, wanted)
    finally:
        certified.BUDGET = before
    left = part.proof == Proof.OPEN
    assert 0 < left.sum() < len(left)
    assert np.array_equal(part.proof[~left], whole.proof[~left])
    assert (whole.boxes[left] > 4).all()
    nobody = certified.decided(prover, classifier, some, wanted, [])
    assert (nobody.proof == Proof.OPEN).all()


def test_rows_that_nobody_confirms_prove_nothing():
    """What is decided otherwise but may not be keeps an instance open, and is no witness."""
    known = schema()
    rows, labels = table(2, 2)
    classifier = opened("tree", rows, labels, known)
    prover = prover_of(classifier, known, rows)
    some = region(rows[:40], 5)
    wanted = classifier.logits(rows[:40]).argmax(axis=1)
    whole = certified.decided(prover, classifier, some, wanted).proof
    nothing = prover.decide(
        some, wanted, np.arange(40), 5000, lambda owner, _: np.zeros(len(owner), bool), Workers(1)
    )
    expected = np.where(whole == Proof.REFUTED, Proof.OPEN, whole)
    assert np.array_equal(nothing.proof, expected)
