"""What models of the raw table are given."""

import numpy as np
import torch

from rafair.models.raw_inputs import RawUnits, raw_matrix
from rafair.tabular.schema import Feature, Schema


def test_levels_that_are_numbers_stay_those_numbers():
    features = (
        Feature(name="rating", kind="ordinal", levels=(1, 2, 5)),
        Feature(name="job", kind="categorical", levels=("a", "b")),
        Feature(name="owner", kind="boolean", levels=(False, True)),
        Feature(name="age", kind="integer", minimum=20, maximum=60, missing=True),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    rows = np.float32([[0, 1, 0, 0.25], [0.5, 0, 1, -1], [1, 1, 1, 1]])
    expected = [[1, 1, 0, 30], [2, 0, 1, np.nan], [5, 1, 1, 60]]
    np.testing.assert_array_equal(raw_matrix(rows, schema), expected)
    encoded = torch.tensor(rows, requires_grad=True)
    found = RawUnits(schema)(encoded)
    np.testing.assert_array_equal(found.detach().numpy(), np.float32(expected))
    found[:, :3].sum().backward()
    np.testing.assert_array_equal(encoded.grad.numpy()[0], [4, 1, 1, 0])
