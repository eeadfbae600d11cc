"""From an object in memory to a classifier of encoded rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from rafair.errors import InputError, ModelError
from rafair.models.classifier import Classifier
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema

DEFAULTS = ModelOptions()

EXPECTED = (
    "a torch module, a Python function, a fitted classifier of scikit-learn, XGBoost or LightGBM, "
    "or a rafair classifier"
)


def open_live(model: Any, schema: Schema, options: ModelOptions = DEFAULTS) -> Classifier:
    """Binds a model in memory to a table's schema; a rafair classifier stays as it is.

    Args:
        model: A torch module or a function of encoded rows, or an estimator of raw columns; none
            of them is changed.
        schema: The features of the rows that it is asked about, and the classes.
        options: What it does not say itself.

    Raises:
        ModelError: If it is none of these, or does not fit the schema.
        InputError: If options are given that cannot change a rafair classifier.

    Example:
        >>> age = {"name": "age", "kind": "integer", "minimum": 18, "maximum": 95}
        >>> schema = Schema(features=(age,), label="default", classes=("no", "yes"))
        >>> open_live(lambda rows: rows[:, :1] - 0.5, schema).name
        '<lambda>'
    """
    if isinstance(model, Classifier):
        if replace(options, device="cpu") != DEFAULTS:
            raise InputError(
                "model: expected a module, a function or an estimator where options say what it "
                f"takes, gives or decides, got the rafair classifier '{model.name}'"
            )
        return model
    if isinstance(model, type):
        raise ModelError(f"model: expected {EXPECTED}, got the class {model.__name__}")
    if isinstance(model, nn.Module):
        from rafair.models.adapters.user_torch_module import OpenedModule

        name = str(getattr(model, "original_name", type(model).__name__))
        return _by_contract(OpenedModule(model, schema, options, name=name))
    return _boosted(model, schema, options) or _estimator(model, schema, options)


def _boosted(model: Any, schema: Schema, options: ModelOptions) -> Classifier | None:
    """Boosted trees as their library's own file would have them, which knows their categories."""
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(model).__mro__}
    if kinds & {"xgboost.XGBClassifier", "xgboost.Booster"}:
        from rafair.models.adapters.xgboost_model import of_live as of_xgboost

        return of_xgboost(model, schema, options)
    if kinds & {"lightgbm.LGBMClassifier", "lightgbm.Booster"}:
        from rafair.models.adapters.lightgbm_model import of_live as of_lightgbm

        return of_lightgbm(model, schema, options)
    return None


def _estimator(model: Any, schema: Schema, options: ModelOptions) -> Classifier:
    if hasattr(model, "predict") and (hasattr(model, "get_params") or hasattr(model, "classes_")):
        from rafair.models.adapters.sklearn_model import LiveEstimator, SklearnModel

        return _by_contract(SklearnModel(LiveEstimator(model), schema, options))
    if not callable(model):
        raise ModelError(f"model: expected {EXPECTED}, got {type(model).__name__}")
    from rafair.models.adapters.python_function import LiveFunction, PythonFunction

    return _by_contract(PythonFunction(LiveFunction(model), schema, options))


def _by_contract(classifier: Classifier) -> Classifier:
    """The classifier; what it takes, `rafair.audit` says to who calls it."""
    classifier.terms.input_stated = True
    return classifier
