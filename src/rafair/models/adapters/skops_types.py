"""Which types of a skops file are made without asking, and which are named and refused.

skops knows scikit-learn's estimators, numpy's arrays and universal functions, and builtins. What
scikit-learn, numpy and scipy need beside them is listed here, each by its own name: a name that
only begins like one of these may be anything that the module imports, `os.system` included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rafair.errors import ModelError

METRICS = (
    "Euclidean SEuclidean Manhattan Chebyshev Minkowski Mahalanobis Hamming Canberra BrayCurtis "
    "Jaccard Matching Dice Kulsinski RogersTanimoto RussellRao SokalMichener SokalSneath Haversine"
)

NAMES = {
    "numpy": "dtype",
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss "
        "CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss "
        "CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss"
    ),
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfBinomialLossArrayAPI HalfGammaLoss "
        "HalfMultinomialLoss HalfMultinomialLossArrayAPI HalfPoissonLoss HalfPoissonLossArrayAPI "
        "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
    ),
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter "
        "Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel"
    ),
    "sklearn.metrics._dist_metrics": " ".join(
        f"{name}Distance{bits}" for name in METRICS.split() for bits in (64, 32)
    ),
    "sklearn.neighbors._ball_tree": "BallTree",
    "sklearn.neighbors._kd_tree": "KDTree",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
}

TYPES = frozenset(f"{module}.{name}" for module, names in NAMES.items() for name in names.split())
"""Types that only hold what was fitted."""

FUNCTIONS = frozenset({"scipy._lib.array_api_compat.numpy._aliases.asarray"})
"""Functions that such types hold; skops adds the universal functions of numpy and scipy."""

CALLS = {"MethodNode": "a method", "PartialNode": "a partial", "OperatorFuncNode": "an operator"}
"""What in a file calls, or can be called, whatever its own type says."""


def check_types(
    found: Sequence[str], schema: dict[str, object], trusted: Sequence[str], path: Path
) -> list[str]:
    """The types of a file that may be made, once all of them may.

    Args:
        found: The types that skops does not know.
        schema: What the file says is in it: skops' tree of nodes.
        trusted: Those that the user trusts.
        path: The file.

    Raises:
        ModelError: If there are others.

    Example:
        >>> check_types(["sklearn.tree._tree.Tree"], {}, (), Path("m.skops"))
        ['sklearn.tree._tree.Tree']
        >>> check_types(["os.system"], {}, (), Path("m.skops"))
        Traceback (most recent call last):
        rafair.errors.ModelError: 'm.skops': needs a type that is not scikit-learn's: os.system; ...
    """
    calls = {name: kind for name, kind in _calls(schema) if name not in trusted}
    refused = [
        name
        for name in dict.fromkeys([*found, *calls])
        if name not in trusted and (name in calls or name not in TYPES | FUNCTIONS)
    ]
    if refused:
        kinds = "a type that is" if len(refused) == 1 else "types that are"
        named = [f"{name} ({calls[name]})" if name in calls else name for name in refused]
        raise ModelError(
            f"'{path}': needs {kinds} not scikit-learn's: {', '.join(named)}; if you trust "
            f"who made the file, {' '.join(f'`trust={name}`' for name in refused)}"
        )
    return list(found)


def _calls(schema: dict[str, object]) -> Iterator[tuple[str, str]]:
    """The names of what is called or can be, and what each is.

    Functions are left to skops, which has a list of its own, unless they go by a type's name.
    """
    for node in _nodes(schema):
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        kind = str(node["__loader__"])
        if kind in CALLS:
            yield name, CALLS[kind]
        elif kind == "FunctionNode" and name in TYPES:
            yield name, "a function"


def _nodes(tree: Any) -> Iterator[dict[str, object]]:
    """Every node of a tree of any depth."""
    waiting = [tree]
    while waiting:
        this = waiting.pop()
        if isinstance(this, dict):
            if "__loader__" in this:
                yield this
            waiting.extend(this.values())
        elif isinstance(this, list):
            waiting.extend(this)
