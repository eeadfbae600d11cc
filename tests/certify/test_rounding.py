"""What is proven holds for what single precision computes, in any order; each term is needed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from rafair.certify import margins as deciding
from rafair.certify import network_layers as rounding
from rafair.certify.bounding_step import Bounded, Relaxation
from rafair.certify.margins import Margins
from rafair.certify.network_layers import Layers
from rafair.models.decision import Threshold

Network = tuple[list[Tensor], list[Tensor]]


def bound(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    lower: Tensor,
    upper: Tensor,
    wanted: Tensor,
    lost: dict[int, float] | None = None,
    threshold: Threshold | None = None,
) -> Bounded:
    layers = Layers(weights, biases)
    for number, units in (lost or {}).items():
        layers.lost[number] = units
    margins = Margins.of(layers, threshold=threshold)
    relaxation = Relaxation(layers, margins, list(range(lower.shape[1])))
    with torch.inference_mode():
        return relaxation.bound(lower, upper, wanted)


def in_orders(weights: Sequence[Tensor], biases: Sequence[Tensor], row: Tensor) -> list[int]:
    """The classes of a row whose sums, of three numbers each, are taken in each order."""
    found = []
    for order in itertools.permutations(range(3)):
        values = row.numpy().astype(np.float32)
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            products = (weight.numpy() * values).astype(np.float32)[:, order]
            sums = np.cumsum(products, axis=1, dtype=np.float32)[:, -1] + bias.numpy()
            values = np.maximum(sums, 0) if number < len(weights) - 1 else sums
        found.append(int(values.argmax()))
    return found


def random_network(generator: torch.Generator, numbers: np.random.Generator) -> Network:
    """Of any shape and scale, adversarially scaled, or with subnormal weights."""
    widths = [int(numbers.integers(1, 24))]
    hidden = int(numbers.integers(0, 6))
    widths += [int(numbers.integers(1, numbers.choice([4, 16, 64]))) for _ in range(hidden)]
    widths.append(int(numbers.integers(2, 5)))
    scale, weights, biases = 10.0 ** numbers.uniform(-4, 4), [], []
    for inputs, outputs in itertools.pairwise(widths):
        weight = torch.randn(outputs, inputs, generator=generator)
        weight *= scale ** numbers.uniform(0, 1) / inputs**0.5
        if numbers.random() < 0.3:
            weight *= 10.0 ** torch.empty(outputs, 1).uniform_(-6, 6, generator=generator)
        if numbers.random() < 0.1:
            weight *= 1e-38
        bias = torch.randn(outputs, generator=generator) * weight.abs().sum(dim=1)
        weights.append(weight)
        biases.append(bias * float(numbers.choice([0, 1e-3, 1])))
    return weights, biases


def points(lower: Tensor, upper: Tensor, high: Tensor, generator: torch.Generator) -> Tensor:
    """Rows inside boxes, corners among them; `(b, 8, d)`."""
    shape = (len(lower), 8, lower.shape[1])
    inside = lower[:, None] + (upper - lower)[:, None] * torch.rand(shape, generator=generator)
    inside = torch.maximum(torch.minimum(inside, upper[:, None]), lower[:, None])
    ends = torch.rand(shape, generator=generator) < 0.5
    corners = torch.where(ends, upper[:, None], lower[:, None])
    inside[:, ::2] = corners[:, ::2]
    inside[:, 0] = torch.where(high, upper, lower)
    return inside


def logits(weights: Sequence[Tensor], biases: Sequence[Tensor], rows: Tensor) -> Tensor:
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        rows = rows @ weight.t() + bias
        rows = rows.relu() if number < len(weights) - 1 else rows
    return rows


def margins(answers: Tensor, wanted: Tensor) -> Tensor:
    """The least margin of each box's rows, of logits `(b, p, c)`."""
    place = wanted[:, None, None].expand(-1, answers.shape[1], 1)
    others = answers.scatter(2, place, -torch.inf).amax(dim=2)
    return (answers.gather(2, place)[:, :, 0] - others).amin(dim=1)


@pytest.mark.parametrize("seed", range(8))
def test_no_bound_exceeds_what_double_or_single_precision_computes(seed):
    generator, numbers = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    boxes = proven = 0
    while boxes < 12_500:
        weights, biases = random_network(generator, numbers)
        d, classes = weights[0].shape[1], len(weights[-1])
        if not Layers(weights, biases).reliable(torch.ones(d)):
            continue
        size, shape = 10.0 ** numbers.uniform(-8, 0), (1024, d)
        centre = torch.rand(shape, generator=generator)
        lower = (centre - size * torch.rand(shape, generator=generator)).clamp(0, 1)
        upper = (centre + size * torch.rand(shape, generator=generator)).clamp(0, 1)
        if numbers.random() < 0.3:
            upper = lower.clone()
        wanted = torch.randint(0, classes, (1024,), generator=generator)
        found = bound(weights, biases, lower, upper, wanted)
        rows = points(lower, upper, found.high, generator)
        single = logits(weights, biases, rows)
        double = logits([w.double() for w in weights], [b.double() for b in biases], rows.double())
        assert not (found.least.double() > margins(double, wanted)).any()
        assert not ((found.least > 0) & ~(margins(single, wanted) > 0)).any()
        boxes += len(lower)
        proven += int((found.least > 0).sum())
    assert proven > boxes / 20


def cancelling(number: int, order: Sequence[int]) -> Network:
    """A network of three layers in one of which large numbers cancel; the others copy one number.

    For inputs of 1 the real sum is 1, in some orders it is 0 in single precision.
    """
    lost = torch.tensor([2.0**25, -(2.0**25), 1.0])[list(order)]
    kept = torch.tensor([1.0, 0.0, 0.0])
    rows = [lost if number == place else kept for place in range(3)]
    last = torch.stack([torch.zeros(3), rows[2]])
    weights = [rows[0].repeat(3, 1), rows[1].repeat(3, 1), last]
    return weights, [torch.zeros(3), torch.zeros(3), torch.tensor([0.5, 0.0])]


@pytest.mark.parametrize("number", range(3))
def test_each_layers_term_is_needed(number):
    row, wanted = torch.ones(1, 3), torch.tensor([1])
    found = []
    # the layers before it copy, which loses nothing; their own terms would be multiplied by 2^25
    exact = dict.fromkeys(range(number), 0.0)
    for order in itertools.permutations(range(3)):
        weights, biases = cancelling(number, order)
        assert not bound(weights, biases, row, row, wanted, exact).least > 0
        wrong = 0 in in_orders(weights, biases, row[0])
        found.append(
            wrong and bound(weights, biases, row, row, wanted, exact | {number: 0.0}).least > 0
        )
    assert any(found)


def test_the_term_for_underflow_in_a_layer_is_needed(monkeypatch):
    # half of the box and its middle times a weight are 2^-150, which is 0; its end is not
    n, more = 4096, 2.0**39
    weights = [
        torch.full((n, 1), 2.0**-75),
        torch.ones(1, n),
        *(torch.tensor([[more]]) for _ in range(2)),
        torch.tensor([[more], [0.0]]),
    ]
    biases = [torch.zeros(n), *(torch.zeros(1) for _ in range(3)), torch.tensor([0.0, 2.0**-30])]
    lower, upper, wanted = torch.zeros(1, 1), torch.full((1, 1), 2.0**-74), torch.tensor([1])
    assert logits(weights, biases, upper)[0].argmax() == 0
    assert not bound(weights, biases, lower, upper, wanted).least > 0
    monkeypatch.setattr(rounding, "TINY", 0.0)
    monkeypatch.setattr("rafair.certify.bounding_step.TINY", 0.0)
    assert bound(weights, biases, lower, upper, wanted).least > 0


def test_the_term_for_underflow_in_a_bound_is_needed(monkeypatch):
    # 4,096 weights whose products with the margin's are 2^-150, of an input of 2^40
    n = 4096
    weights = [
        torch.full((n, 1), 2.0**-75),
        torch.cat([torch.zeros(1, n), -torch.full((1, n), 2.0**-75)]),
    ]
    biases = [torch.zeros(n), torch.tensor([0.0, 1.5 * 2.0**-99])]
    row, wanted = torch.full((1, 1), 2.0**40), torch.tensor([1])
    assert logits(weights, biases, row)[0].argmax() == 0
    assert not bound(weights, biases, row, row, wanted).least > 0
    monkeypatch.setattr("rafair.certify.bounding_step.FLOOR", 0.0)
    assert bound(weights, biases, row, row, wanted).least > 0


def test_the_term_for_a_threshold_is_needed(monkeypatch):
    # the probability of a logit just below where 0.99999 is reached rounds to it
    threshold = Threshold(1, float(np.float32(0.99999)))
    found = torch.linspace(threshold.offset - 0.01, threshold.offset + 0.01, 2_001)
    chances = torch.softmax(torch.stack([torch.zeros_like(found), found], dim=1), dim=1)[:, 1]
    wrong = found[(chances >= threshold.at) & (found.double() < threshold.offset - 1e-5)]
    assert len(wrong)
    weights, biases = [torch.tensor([[0.0], [1.0]])], [torch.zeros(2)]
    row, wanted = wrong[:1, None], torch.tensor([0])
    assert not bound(weights, biases, row, row, wanted, threshold=threshold).least > 0
    monkeypatch.setattr(deciding, "_lost_by", lambda threshold: 0.0)
    assert bound(weights, biases, row, row, wanted, threshold=threshold).least > 0
