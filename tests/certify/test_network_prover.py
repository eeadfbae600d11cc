"""Networks are read as they decide, and what is proven of them is what brute force finds."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from rafair.certify.network_prover import NetworkProver, network_prover
from rafair.certify.prover_interface import Proof
from rafair.certify.region import Surroundings
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models.adapters.user_torch_module import OpenedModule
from rafair.models.classifier import Classifier, Rows
from rafair.models.model_options import ModelOptions
from rafair.models.models_by_name import open_model
from rafair.models.onnx_export import export_onnx
from rafair.models.raw_inputs import RawUnits
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema

INLINE = Workers(1)
AGE = Feature(
    name="age", kind="integer", minimum=20, maximum=30, sensitive=True, domain=(20, 22, 30)
)
SCHEMA = Schema(
    features=(
        Feature(name="income", kind="integer", minimum=0, maximum=20),
        Feature(name="loan", kind="integer", minimum=1, maximum=6),
        Feature(name="job", kind="categorical", levels=("a", "b", "c")),
        Feature(name="own", kind="boolean", levels=(False, True), group="home"),
        Feature(name="rent", kind="boolean", levels=(False, True), group="home"),
        Feature(name="ratio", kind="numeric", minimum=0, maximum=20, derive="income / loan"),
        AGE,
    ),
    label="y",
    classes=("no", "yes"),
)


def network(seed: int, inputs: int = 7, outputs: int = 2, scale: float = 3.0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, outputs)
    )
    for layer in layers[::2]:
        layer.weight.data.mul_(scale)
    return layers.eval()


def some_rows(n: int, seed: int = 0) -> Rows:
    """Rows of the schema whose values lie on its grids, and follow its formula."""
    numbers = np.random.default_rng(seed)
    income, loan = numbers.integers(0, 21, n), numbers.integers(1, 7, n)
    own = numbers.integers(0, 2, n)
    columns = (
        income / 20,
        (loan - 1) / 5,
        numbers.integers(0, 3, n) / 2,
        own,
        1 - own,
        np.round(income / loan, 5) / 20,
        numbers.choice([0, 0.2, 1], n),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def decide(
    prover,
    region,
    wanted,
    classifier,
    box,
    rows,
    *,
    budget=2000,
    chosen=None,
    workers=INLINE,
):
    def confirm(owner, found):
        back = found.copy()
        back[:, -1] = rows[owner, -1]
        there = (box.nearest(back, rows[owner]) == back).all(axis=1)
        return there & (classifier.logits(found).argmax(axis=1) != wanted[owner])

    every = np.arange(len(rows)) if chosen is None else chosen
    return prover.decide(region, wanted, every, budget, confirm, workers)


class Own(nn.Module):
    """A class of a user's own."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.one, self.two, self.three = layers[0], layers[2], layers[4]
        self.drop = nn.Dropout(0.5)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        values = self.drop(torch.relu(self.one(rows)))
        return self.three(nn.functional.relu(self.two(values)))


class Shifted(Own):
    """The same, but not quite."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(rows) + rows.sum(dim=1, keepdim=True)


class Depending(Own):
    """One that goes another way where its rows say so."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(rows if rows.sum() > 0 else -rows)


def balanced(layers: nn.Sequential, rows: torch.Tensor, share: float = 0.5) -> nn.Sequential:
    """The same network, that gives a share of some rows the first class."""
    with torch.no_grad():
        answers = layers(rows)
        first = 0 if answers.shape[1] == 1 else answers[:, 0]
        layers[-1].bias[-1] -= (answers[:, -1] - first).quantile(share)
    return layers


def opened(kind: str, folder) -> Classifier:
    layers = network(1, outputs=1 if kind in ("single", "sigmoid") else 2)
    given = torch.from_numpy(some_rows(100))
    balanced(layers, RawUnits(SCHEMA)(given) if kind == "raw" else given)
    if kind == "onnx":
        export_onnx(layers, folder / "model.onnx")
        return open_model(folder / "model.onnx", SCHEMA, ModelOptions())
    if kind == "torchscript":
        torch.jit.script(Own(layers).eval()).save(folder / "model.pt")
        return open_model(folder / "model.pt", SCHEMA, ModelOptions(trust_torchscript=True))
    options = {
        "raw": ModelOptions(inputs="raw"),
        "threshold": ModelOptions(threshold={"yes": 0.2}),
        "order": ModelOptions(classes=("yes", "no")),
        "sigmoid": ModelOptions(outputs="probabilities", threshold={"yes": 0.7}),
    }.get(kind, ModelOptions())
    module = {
        "own": Own(layers).eval(),
        "sigmoid": nn.Sequential(*layers, nn.Sigmoid()).eval(),
        "double": copy.deepcopy(layers).double(),
    }
    return OpenedModule(module.get(kind, layers), SCHEMA, options, name=kind)


@pytest.fixture(autouse=True)
def _one_core():
    with Workers(1):
        yield


KINDS = (
    "plain",
    "own",
    "onnx",
    "torchscript",
    "raw",
    "threshold",
    "order",
    "single",
    "sigmoid",
    "double",
)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_read_as_it_decides(kind, tmp_path):
    classifier = opened(kind, tmp_path)
    prover = network_prover(classifier, SCHEMA)
    assert prover is not None
    rows = np.concatenate([some_rows(150), np.random.default_rng(1).random((150, 7), np.float32)])
    classes = classifier.logits(rows).argmax(axis=1)
    assert 0.05 < classes.mean() < 0.95
    around = Surroundings(PerturbationSet(np.float32([1e-7] + [0] * 6)), Counterparts.of(SCHEMA))
    for wanted, proof in ((classes, Proof.PROVEN), (1 - classes, Proof.REFUTED)):
        region = around.own(rows)
        every = np.arange(len(rows))
        found = prover.decide(
            region,
            wanted,
            every,
            50,
            lambda owner, rows, wanted=wanted: (
                classifier.logits(rows).argmax(axis=1) != wanted[owner]
            ),
            Workers(1),
        )
        assert (found.proof == proof).mean() > 0.97
        assert np.isin(found.proof, [proof, Proof.NEAR_TIE]).all()


@pytest.mark.parametrize(
    "module",
    [
        Shifted(network(0)),
        Depending(network(0)),
        nn.Sequential(nn.Linear(7, 4), nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(7, 4), nn.Linear(4, 2)),
        nn.Sequential(*network(0), nn.Softmax(dim=1)),
    ],
)
def test_what_is_no_such_network_is_not_taken_for_one(module):
    assert network_prover(TorchClassifier(module.eval()), SCHEMA) is None


def test_networks_of_which_nothing_can_be_proven_are_refused():
    wide = network(0)
    wide[0].weight.data[0, 0] = 1e30
    with pytest.raises(ModelError, match="could overflow"):
        network_prover(TorchClassifier(wide), SCHEMA)
    three = Schema(features=SCHEMA.features, label="y", classes=("a", "b", "c"))
    asked = OpenedModule(
        network(0, outputs=3), three, ModelOptions(threshold={"a": 0.5}), name="three"
    )
    with pytest.raises(ModelError, match="more than two classes"):
        network_prover(asked, three)


def feasible_rows(box: FeasibleSet, row: Rows) -> Rows:
    """Every feasible row around one, found by trying all values of all grids."""
    grids = [np.arange(21) / 20, np.arange(6) / 5, np.arange(3) / 2, [0, 1], [0, 1]]
    tried = np.array(list(itertools.product(*grids, [0], [row[-1]])), np.float32)
    centre = np.repeat(row[None], len(tried), axis=0)
    tried[:, 5] = row[5]
    return np.unique(box.nearest(box.project(tried, centre), centre), axis=0)


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_feasible_sets_as_brute_force_finds_them(changes):
    box = FeasibleSet.of(SCHEMA, 0.2, max_category_changes=changes)
    counterparts, rows = Counterparts.of(SCHEMA), some_rows(12, seed=changes)
    rows[-2:, -1] = 0.5  # an age that is new to the domain
    proofs = []
    for seed in (1, 2, 3):
        layers = balanced(network(seed, scale=2.0), torch.from_numpy(rows), 0.8)
        classifier = TorchClassifier(layers)
        wanted = classifier.logits(rows).argmax(axis=1)
        prover = network_prover(classifier, SCHEMA)
        assert prover is not None
        region = Surroundings(box, counterparts).joint(rows)
        found = decide(prover, region, wanted, classifier, box, rows)
        for place, row in enumerate(rows):
            around = feasible_rows(box, row)
            ages = [*counterparts.domains[0], row[-1]]
            every = np.repeat(around, len(ages), axis=0)
            every[:, -1] = np.tile(ages, len(around))
            constant = (classifier.logits(every).argmax(axis=1) == wanted[place]).all()
            assert found.proof[place] == (Proof.PROVEN if constant else Proof.REFUTED)
            inside = region.where(region.owner == place)
            held = (every[:, None] >= inside.lower) & (every[:, None] <= inside.upper)
            assert held.all(axis=2).any(axis=1).all()
        proofs += found.proof.tolist()
    assert set(proofs) == {Proof.PROVEN, Proof.REFUTED}


def test_company_and_order_decide_nothing():
    rows = some_rows(40)
    layers = balanced(network(3, scale=4.0), torch.from_numpy(rows), 0.9)
    classifier = TorchClassifier(layers)
    box, counterparts = (
        PerturbationSet(np.float32([0.3, 0.2, 0.1, 0.1, 0, 0.1, 0])),
        Counterparts.of(SCHEMA),
    )
    wanted = classifier.logits(rows).argmax(axis=1)
    prover = network_prover(classifier, SCHEMA)
    assert prover is not None

    def of(places):
        region = Surroundings(box, counterparts).joint(rows[places])
        some = rows[places]
        return decide(prover, region, wanted[places], classifier, box, some, budget=4)

    whole = of(np.arange(40))
    assert len(set(whole.proof.tolist())) == 3
    for places in (np.arange(39, -1, -1), np.arange(7), np.arange(3, 40, 5)):
        part = of(places)
        assert (part.proof == whole.proof[places]).all()
        assert (part.boxes == whole.boxes[places]).all()
        assert np.array_equal(part.witness, whole.witness[places], equal_nan=True)
    with Workers(3) as workers:
        region = Surroundings(box, counterparts).joint(rows)
        beside = decide(prover, region, wanted, classifier, box, rows, budget=4, workers=workers)
    assert all(map(np.array_equal, beside[::2], whole[::2]))
    assert np.array_equal(beside.witness, whole.witness, equal_nan=True)
    chosen = decide(
        prover,
        Surroundings(box, counterparts).joint(rows),
        wanted,
        classifier,
        box,
        rows,
        budget=4,
        chosen=np.array([2, 5]),
    )
    assert (chosen.boxes > 0).sum() == 2


@pytest.mark.parametrize(
    ("margin", "proof"), [(1e-4, Proof.PROVEN), (2e-6, Proof.PROVEN), (1e-7, Proof.NEAR_TIE)]
)
def test_a_row_whose_margin_is_less_than_rounding_is_near_a_tie(margin, proof):
    """The second margin is less than what bounds lose in single precision, not in double."""
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    layer.bias.data = torch.tensor([0.0, -0.25 + margin])
    two = Schema(features=(SCHEMA.features[0], AGE), label="y", classes=("no", "yes"))
    prover = network_prover(TorchClassifier(nn.Sequential(layer)), two)
    assert prover is not None
    both = Counterparts([1], [np.float32([0, 1])])
    region = Surroundings(PerturbationSet(np.float32([0.25, 0])), both).joint(
        np.float32([[0.5, 0]])
    )
    never = lambda owner, rows: np.zeros(len(rows), bool)  # noqa: E731
    found = prover.decide(region, np.array([1]), np.arange(1), 100, never, Workers(1))
    assert found.proof.tolist() == [proof]


def test_missing_values_stay_what_they_are():
    rows = some_rows(3)
    rows[0, 0] = -1
    classifier = TorchClassifier(network(1))
    region = Surroundings(
        PerturbationSet(np.float32([0.1] * 6 + [0])), Counterparts.of(SCHEMA)
    ).own(rows)
    assert region.lower[0, 0] == region.upper[0, 0] == -1
    prover = network_prover(classifier, SCHEMA)
    assert isinstance(prover, NetworkProver)
    assert prover.reads == frozenset(range(7))


def test_raw_units_of_a_missing_value_leave_an_instance_open(tmp_path):
    classifier, rows = opened("raw", tmp_path), some_rows(2)
    rows[0, 0] = -1
    prover = network_prover(classifier, SCHEMA)
    assert prover is not None
    box = PerturbationSet(np.float32([1e-7] + [0] * 6))
    region = Surroundings(box, Counterparts.of(SCHEMA)).own(rows)
    found = decide(prover, region, classifier.logits(rows).argmax(axis=1), classifier, box, rows)
    assert found.proof.tolist() == [Proof.OPEN, Proof.PROVEN]
    assert found.boxes[0] == 0
