from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import planted
from rafair.certify.counterpart_bounds import PlaneBounds, Planes
from rafair.certify.network_layers import Layers

COLUMNS = [1, 3, 4]


def planes_of(module: nn.Module, centres: np.ndarray, radius: np.ndarray) -> Planes:
    found = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    layers = Layers([layer.weight for layer in found], [layer.bias for layer in found])
    lower, upper = centres.copy(), centres.copy()
    lower[:, COLUMNS] -= radius
    upper[:, COLUMNS] += radius
    return PlaneBounds(layers, COLUMNS).over(lower.astype(np.float32), upper.astype(np.float32))


def boxes(n: int, width: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    centres = generator.random((n, 5), dtype=np.float32).astype(np.float64)
    radius = width * generator.random((n, len(COLUMNS)))
    radius[: n // 3, 1] = 0  # features that do not vary
    radius[: n // 6] = 0
    return centres, radius


def samples(centre: np.ndarray, radius: np.ndarray, n: int) -> np.ndarray:
    """Rows of a box in single precision, half of them its corners."""
    generator = np.random.default_rng(1)
    shares = generator.uniform(-1, 1, (n, len(radius)))
    shares[: n // 2] = np.sign(shares[: n // 2])
    rows = np.repeat(centre[None], n, axis=0)
    rows[:, COLUMNS] += shares * radius
    found = rows.astype(np.float32)
    inside = (np.abs(found[:, COLUMNS] - centre[COLUMNS]) <= radius).all(axis=1)
    return found[inside]


def margins(logits: np.ndarray, label: int) -> np.ndarray:
    """Of one class over each of the others; `(n, c - 1)`."""
    return logits[:, [label]].astype(np.float64) - np.delete(logits, label, axis=1)


def values(planes: Planes, i: int, rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return planes.level[i] + (rows[:, COLUMNS] - centre[COLUMNS]) @ planes.slopes[i].T


@pytest.mark.parametrize("width", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_no_row_of_a_box_lies_below_its_planes(width, n_classes, scale):
    network = planted.network(5, n_classes, seed=2, scale=scale)
    centres, radius = boxes(30, width)
    planes = planes_of(network, centres, radius)
    for i in range(30):
        rows = samples(centres[i], radius[i], 300)
        found = margins(network(torch.from_numpy(rows)).detach().numpy(), planes.label[i])
        assert (found >= values(planes, i, rows, centres[i])).all()
        assert (values(planes, i, rows, centres[i]) >= planes.least[i] - 1e-5 * scale).all()


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_planes_at_a_row_lie_below_its_margin_by_the_rounding_and_no_more(scale):
    network = planted.network(5, 3, seed=2, scale=scale)
    centres, radius = boxes(200, 0)
    planes = planes_of(network, centres, radius)
    single = network(torch.from_numpy(centres.astype(np.float32))).detach().numpy()
    logits = network.double()(torch.from_numpy(centres)).detach().numpy()
    assert np.array_equal(planes.label, logits.argmax(axis=1))
    for i in range(200):
        exact = margins(logits[[i]], planes.label[i])[0]
        room = exact - planes.level[i]
        off = np.abs(margins(single[[i]], planes.label[i])[0] - exact)
        assert (room >= 3 * off).all()  # errors add up by chance, the bound by their worst
        assert (room <= 2e-3 * np.abs(logits[i]).max() + 1e-3 * scale**5).all()
    assert (planes.least <= planes.level.min(axis=1)).all()


def test_rounding_inside_the_network_is_bounded():
    # the second layer takes away what the first one adds, and with it most digits
    network = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in network[::2]:
            layer.weight.copy_(torch.rand(layer.weight.shape, generator=generator) + 0.5)
        network[0].bias.fill_(1e4)
        network[2].bias.copy_(-1e4 * network[2].weight.sum(dim=1) + 5)
        network[4].bias.zero_()
    centres, radius = boxes(500, 0)
    planes = planes_of(network, centres, radius)
    single = network(torch.from_numpy(centres.astype(np.float32))).detach().double()
    exact = network.double()(torch.from_numpy(centres)).detach()
    each, label = torch.arange(500), torch.from_numpy(planes.label)
    of = [logits[each, label] - logits[each, 1 - label] for logits in (single, exact)]
    off, room = (of[0] - of[1]).abs().numpy(), of[1].numpy() - planes.level[:, 0]
    assert off.max() > 1e-4
    assert (room > 0).all()
    assert 3 * off.max() < room.min()
    assert room.max() < 400 * off.max()


def test_wide_boxes_are_bounded_far_tighter_than_by_intervals():
    network = planted.network(5, seed=2, scale=1)
    centres, radius = boxes(50, 0.1)
    planes = planes_of(network, centres, radius)
    low, high = centres.copy(), centres.copy()
    low[:, COLUMNS] -= radius
    high[:, COLUMNS] += radius
    for layer in network:
        if isinstance(layer, nn.Linear):
            weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().numpy()
            up, down = weight.clip(min=0).T, weight.clip(max=0).T
            low, high = low @ up + high @ down + bias, high @ up + low @ down + bias
        else:
            low, high = low.clip(min=0), high.clip(min=0)
    each = np.arange(50)
    intervals = low[each, planes.label] - high[each, 1 - planes.label]
    wide = radius.max(axis=1) > 0.02
    assert (planes.least[wide] > intervals[wide]).all()
    assert (planes.least > 0).sum() > 2 * (intervals > 0).sum() > 0


def test_a_linear_model_is_bounded_exactly():
    centres, radius = np.full((1, 5), 0.5), np.full((1, 3), 0.25)
    planes = planes_of(planted.linear([1, 2, 0, -4, 0], bias=5), centres, radius)
    assert planes.label.tolist() == [1]
    assert planes.slopes.tolist() == [[[2, -4, 0]]]
    assert planes.level == pytest.approx(np.array([[0.5 + 1 - 2 + 5]]), abs=1e-4)
    assert planes.least == pytest.approx([4.5 - 0.5 - 1], abs=1e-4)
    assert planes.influence[0].argmax() == 1
    room = 4.5 - planes.level[0, 0]
    assert 7 * 2**-24 * (0.5 + 1.5 + 3 + 5) < room < 200 * 7 * 2**-24


def test_boxes_alone_and_in_company_get_the_same_bounds():
    network = planted.network(5, 3, seed=2)
    centres, radius = boxes(30, 0.2)
    together = planes_of(network, centres, radius)
    for i in (0, 7, 29):
        alone = planes_of(network, centres[[i]], radius[[i]])
        for a, b in zip(alone, together, strict=True):
            assert a[0] == pytest.approx(b[i], rel=1e-4, abs=1e-4)


def test_equal_logits_are_never_proven():
    network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        network[2].weight[1] = network[2].weight[0]
        network[2].bias[1] = network[2].bias[0]
    for width in (0, 0.1):
        assert (planes_of(network, *boxes(20, width)).least < 0).all()
