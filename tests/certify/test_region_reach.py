from __future__ import annotations

import numpy as np

from rafair.certify.region import Surroundings
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.schema import Feature, Schema

SEX = Feature(name="sex", kind="ordinal", levels=("f", "m"), sensitive=True, domain=("f", "m"))


def around(most: int, step: float, epsilon: float) -> tuple[FeasibleSet, Surroundings]:
    age = Feature(name="age", kind="numeric", minimum=0, maximum=most * step, step=step)
    schema = Schema(features=(age, SEX), label="y", classes=("no", "yes"))
    box = FeasibleSet.of(schema, epsilon)
    return box, Surroundings(box, Counterparts.of(schema))


def test_regions_reach_as_far_as_feasible_rows_do():
    """A grid forgives ends some rounding: what a search may ask about is in the region."""
    beyond = 0
    for most in (7, 10, 29):
        for moved in range(1, most):
            box, surroundings = around(most, 0.1, moved / most)
            places = np.arange(most) / most
            centres = np.stack([places, np.zeros(most)], axis=1).astype(np.float32)
            region = surroundings.joint(centres)
            lower, upper = box.bounds(centres)
            for wanted in (lower, upper):
                rows = box.nearest(wanted, centres)
                assert (rows >= region.lower).all()
                assert (rows <= region.upper).all()
                beyond += int(((rows < lower) | (rows > upper)).sum())
            values = region.values[0]
            assert values is not None
            on_list = region.listed[:, 0]
            assert np.isin(region.lower[on_list, 0], values).all()
            assert np.isin(region.upper[on_list, 0], values).all()
    assert beyond
