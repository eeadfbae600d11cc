from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from rafair.errors import ModelError
from rafair.models.models_by_name import ModelOptions, open_model
from rafair.models.raw_inputs import raw_matrix

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")


def codes(table):
    """The frame with codes instead of levels, from the frame itself."""
    frame = table.frame.copy()
    for feature in table.schema.features:
        if feature.levels:
            frame[feature.name] = frame[feature.name].map(list(feature.levels).index)
    return frame


def categories(table):
    """The frame with pandas categories, whose order is the alphabet's and not the schema's."""
    frame = table.frame.copy()
    for feature in table.schema.features:
        if feature.levels:
            frame[feature.name] = pd.Categorical(frame[feature.name], sorted(feature.levels))
    return frame


def plain(table):
    return codes(table).to_numpy()


def encoded(table):
    return table.rows


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("view", [codes, categories, plain, encoded])
def test_xgboost_trees_decide_as_their_library_does(tmp_path, affairs, agrees, view, suffix):
    model = xgboost.XGBClassifier(n_estimators=25, max_depth=4, n_jobs=1, enable_categorical=True)
    model.fit(view(affairs.train), affairs.train.labels)
    model.save_model(tmp_path / f"m.{suffix}")
    options = ModelOptions(inputs="encoded" if view is encoded else None)
    classifier = open_model(str(tmp_path / f"m.{suffix}"), affairs.test.schema, options)
    shares = model.predict_proba(view(affairs.test))[:, 1]
    logits = classifier.logits(affairs.test.rows)
    found = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(found, shares, rtol=1e-5)
    agrees(classifier, shares > 0.5)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("suffix", ["json", "txt"])
def test_a_model_saved_with_a_byte_order_mark_decides_the_same(tmp_path, affairs, suffix, encoding):
    path = tmp_path / f"m.{suffix}"
    x, y = codes(affairs.train), affairs.train.labels
    if suffix == "json":
        xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(x, y).save_model(path)
    else:
        leaves = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(x, y)
        leaves.booster_.save_model(path)
    expected = open_model(path, affairs.test.schema).logits(affairs.test.rows)
    path.write_bytes(path.read_bytes().decode("utf-8").encode(encoding))
    classifier = open_model(path, affairs.test.schema)
    assert np.array_equal(classifier.logits(affairs.test.rows), expected)
    assert classifier.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_other_boosters_of_xgboost(tmp_path, affairs, agrees, booster):
    model = xgboost.XGBClassifier(n_estimators=20, booster=booster, n_jobs=1)
    model.fit(codes(affairs.train), affairs.train.labels)
    model.save_model(tmp_path / "m.json")
    classifier = open_model(str(tmp_path / "m.json"), affairs.test.schema)
    agrees(classifier, model.predict(codes(affairs.test)))


def test_xgboost_stops_at_the_best_round_where_its_wrapper_would(tmp_path, affairs, agrees):
    model = xgboost.XGBClassifier(
        n_estimators=300, learning_rate=0.8, early_stopping_rounds=10, n_jobs=1
    )
    x, y = codes(affairs.train), affairs.train.labels
    model.fit(x[:3000], y[:3000], eval_set=[(x[3000:], y[3000:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    model.save_model(tmp_path / "m.ubj")
    classifier = open_model(str(tmp_path / "m.ubj"), affairs.test.schema)
    agrees(classifier, model.predict(codes(affairs.test)))


@pytest.mark.parametrize("boosting", ["gbdt", "rf"])
@pytest.mark.parametrize("view", [codes, categories, plain, encoded])
def test_lightgbm_trees_decide_as_their_library_does(tmp_path, affairs, agrees, view, boosting):
    settings = {"bagging_freq": 1, "bagging_fraction": 0.6} if boosting == "rf" else {}
    model = lightgbm.LGBMClassifier(
        n_estimators=25, n_jobs=1, verbose=-1, boosting_type=boosting, **settings
    )
    train = view(affairs.train)
    model.fit(train, affairs.train.labels)
    model.booster_.save_model(tmp_path / "m.txt")
    options = ModelOptions(inputs="encoded" if view is encoded else None)
    classifier = open_model(str(tmp_path / "m.txt"), affairs.test.schema, options)
    shares = model.booster_.predict(view(affairs.test))
    logits = classifier.logits(affairs.test.rows)
    found = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(found, shares, rtol=1e-5)
    agrees(classifier, shares > 0.5)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_several_classes(tmp_path, affairs, library):
    labels = (
        affairs.train.frame["educ"]
        .map({"grade school": 0, "high school": 0, "some college": 1})
        .fillna(2)
    )
    schema = affairs.train.schema.model_copy(update={"classes": ("low", "some", "high")})
    table = affairs.test
    if library == "xgboost":
        model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1)
        model.fit(plain(affairs.train), labels).save_model(tmp_path / "m.json")
        source = tmp_path / "m.json"
    else:
        model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
        model.fit(plain(affairs.train), labels).booster_.save_model(tmp_path / "m.txt")
        source = tmp_path / "m.txt"
    classifier = open_model(str(source), schema)
    shares = model.predict_proba(plain(table))
    logits = classifier.logits(table.rows)
    assert logits.shape == shares.shape == (len(table.rows), 3)
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, shares, rtol=1e-4)


def test_columns_are_found_by_their_names(tmp_path, affairs, agrees):
    order = ["religious", "age", "yrs_married", "rate_marriage"]
    model = xgboost.XGBClassifier(n_estimators=10, n_jobs=1)
    model.fit(codes(affairs.train)[order], affairs.train.labels)
    model.save_model(tmp_path / "m.json")
    classifier = open_model(str(tmp_path / "m.json"), affairs.test.schema)
    agrees(classifier, model.predict(codes(affairs.test)[order]))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_missing_values_reach_the_trees_as_missing(tmp_path, affairs, library):
    train, table = codes(affairs.train), affairs.test
    train.loc[train.index % 3 == 0, "age"] = np.nan
    features = [
        feature.model_copy(update={"missing": feature.name == "age"})
        for feature in table.schema.features
    ]
    schema = table.schema.model_copy(update={"features": tuple(features)})
    rows = table.rows.copy()
    rows[::2, 1] = -1
    frame = codes(table)
    frame.iloc[::2, 1] = np.nan
    if library == "xgboost":
        model = xgboost.XGBClassifier(n_estimators=20, n_jobs=1).fit(train, affairs.train.labels)
        model.save_model(tmp_path / "m.json")
    else:
        model = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)
        model.fit(train, affairs.train.labels).booster_.save_model(tmp_path / "m.txt")
    source = tmp_path / ("m.json" if library == "xgboost" else "m.txt")
    classifier = open_model(str(source), schema)
    assert np.array_equal(classifier.logits(rows).argmax(axis=1), model.predict(frame))


def fitted(library, x, y, path, objective):
    if library == "xgboost":
        kinds = {"wide": xgboost.XGBClassifier, "regressor": xgboost.XGBRegressor}
        kinds[objective](n_estimators=3, n_jobs=1).fit(x, y).save_model(path / "m.json")
        return str(path / "m.json")
    kinds = {"wide": lightgbm.LGBMClassifier, "regressor": lightgbm.LGBMRegressor}
    model = kinds[objective](n_estimators=3, n_jobs=1, verbose=-1).fit(x, y)
    model.booster_.save_model(path / "m.txt")
    return str(path / "m.txt")


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_trees_for_another_table_are_refused(tmp_path, affairs, library):
    schema, labels = affairs.train.schema, affairs.train.labels
    wide = np.hstack([plain(affairs.train), plain(affairs.train)[:, :2]])
    with pytest.raises(ModelError, match="a 10-column model for a 8-column table"):
        open_model(fitted(library, wide, labels, tmp_path, "wide"), schema)
    named = codes(affairs.train).assign(dogs=1, cats=2)
    with pytest.raises(ModelError, match=r"a 10-column .* the table has no column 'dogs'"):
        open_model(fitted(library, named, labels, tmp_path, "wide"), schema)
    other = codes(affairs.train).rename(columns={"age": "age_of_wife"})
    with pytest.raises(ModelError, match="takes a column 'age_of_wife', which the table does not"):
        open_model(fitted(library, other, labels, tmp_path, "wide"), schema)
    source = fitted(library, codes(affairs.train), labels, tmp_path, "regressor")
    with pytest.raises(ModelError, match=r"expected a classifier .* found the objective reg"):
        open_model(source, schema)


def test_categories_that_the_table_does_not_have_are_refused(tmp_path, affairs):
    frame = categories(affairs.train)
    frame["religious"] = frame["religious"].cat.rename_categories(str.upper)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1)
    model.fit(frame, affairs.train.labels).booster_.save_model(tmp_path / "m.txt")
    with pytest.raises(ModelError, match="knows none of the levels of 'religious', but 'FAIRLY'"):
        open_model(str(tmp_path / "m.txt"), affairs.train.schema)


def test_raw_matrices_are_the_frame_in_codes(affairs):
    table = affairs.test
    np.testing.assert_allclose(raw_matrix(table.rows, table.schema), plain(table), rtol=1e-6)


def test_names_that_are_no_text_are_refused(tmp_path, affairs):
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1)
    model.fit(codes(affairs.train), affairs.train.labels).save_model(tmp_path / "m.ubj")
    content = (tmp_path / "m.ubj").read_bytes()
    assert b"religious" in content
    (tmp_path / "m.ubj").write_bytes(content.replace(b"religious", b"\x83eligious"))
    with pytest.raises(ModelError, match="found one that is cut short or altered"):
        open_model(str(tmp_path / "m.ubj"), affairs.train.schema)
