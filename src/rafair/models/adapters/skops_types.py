"""Which types of a skops file are made without asking, and which are named and refused.

skops knows scikit-learn's estimators, numpy's arrays and universal functions, and builtins. What
scikit-learn, numpy and scipy need beside them is listed here by name, since a whole package cannot
be trusted: numpy has classes that remove folders, and functions that run texts as code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rafair.errors import ModelError

TYPES = frozenset(
    {
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""Types that only hold what was fitted."""

MODULES = (
    "sklearn._loss.",
    "sklearn.gaussian_process.kernels.",
    "sklearn.metrics._dist_metrics.",
    "sklearn.neural_network._stochastic_optimizers.",
)
"""Modules with nothing but such types."""


def check_types(found: Sequence[str], trusted: Sequence[str], path: Path) -> list[str]:
    """The types of a file that may be made, once all of them may.

    Args:
        found: The types that skops does not know.
        trusted: Those that the user trusts.
        path: The file.

    Raises:
        ModelError: If there are others.

    Example:
        >>> check_types(["sklearn.tree._tree.Tree"], (), Path("m.skops"))
        ['sklearn.tree._tree.Tree']
        >>> check_types(["os.system"], (), Path("m.skops"))
        Traceback (most recent call last):
        rafair.errors.ModelError: 'm.skops': needs a type that is not scikit-learn's: os.system; ...
    """
    refused = [
        name
        for name in found
        if name not in trusted and name not in TYPES and not name.startswith(MODULES)
    ]
    if refused:
        kinds = "a type that is" if len(refused) == 1 else "types that are"
        raise ModelError(
            f"'{path}': needs {kinds} not scikit-learn's: {', '.join(refused)}; if you trust "
            f"who made the file, {' '.join(f'--trust {name}' for name in refused)}"
        )
    return list(found)
