"""The areas of the plane of two slopes."""

from __future__ import annotations

import numpy as np

from rafair.analysis.areas import NO_AREA, areas
from rafair.verdicts import Verdict


def test_every_pair_of_signs():
    own = np.array([-1, -1, -1, 0, 0, 0, 1, 1, 1]) * 0.5
    other = np.array([-1, 0, 1, -1, 0, 1, -1, 0, 1]) * 0.1
    none = NO_AREA
    assert areas(own, other).tolist() == [
        *(Verdict.TRUE_FAIR, none, Verdict.TRUE_BIASED),
        *(none, none, none),
        *(Verdict.FALSE_BIASED, none, Verdict.FALSE_FAIR),
    ]
