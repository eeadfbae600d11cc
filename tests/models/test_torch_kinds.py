"""Any torch module is asked as it is: what it registers, how exact it is, whatever it holds."""

from __future__ import annotations

import io
import pickle
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import planted
import rafair
from rafair.models.decision import THRESHOLD
from rafair.models.decision_agreement import faithful
from rafair.models.model_options import ModelOptions
from rafair.models.models_in_memory import open_live

TABLE = planted.random_table(n=60)
WIDTH = len(TABLE.schema)
ROWS = np.concatenate([TABLE.rows, np.random.default_rng(0).random((500, WIDTH), np.float32)])


def network(last: int = 2, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, last)).eval()


class Doubled(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        return 2 * super().forward(rows) - 0.3


class Locked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.lock = network(), threading.Lock()

    def forward(self, rows: Tensor) -> Tensor:
        with self.lock:
            return self.inner(rows)


class Loud(nn.ReLU):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows) + 0.1


def hooked(where: str) -> nn.Module:
    module = network()
    part = {"first": module[0], "last": module[2], "whole": module}[where]
    part.register_forward_hook(lambda _, __, answer: answer.flip(-1))
    return module


def looked_at_before() -> nn.Module:
    module = network()
    module[0].register_forward_pre_hook(lambda _, rows: (1 - rows[0],))
    return module


def with_own_forward() -> nn.Module:
    module = network()
    module[2].forward = lambda rows: torch.stack([rows.sum(1) - 3, rows[:, 0]], dim=1)
    return module


def pruned() -> nn.Module:
    module = network()
    prune.l1_unstructured(module[0], "weight", amount=0.5)
    return module


def weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.Sequential(
            nn.utils.weight_norm(nn.Linear(WIDTH, 4)), nn.ReLU(), nn.Linear(4, 2)
        )
    module(torch.tensor(ROWS[:2]))
    return module


def parametrized() -> nn.Module:
    module = network()
    parametrizations.orthogonal(module[2])
    return module


def quiet(make):
    def made() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()

    return made


def stored() -> nn.Module:
    content = io.BytesIO()
    torch.jit.save(torch.jit.script(network()), content)
    content.seek(0)
    return torch.jit.load(content)


def lazy() -> nn.Module:
    module = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    module(torch.tensor(ROWS[:2]))
    return module


MODULES = {
    "dense": network,
    "three classes nobody has": lambda: nn.Sequential(network(3), nn.Linear(3, 2)),
    "batch norm": lambda: nn.Sequential(nn.Linear(WIDTH, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)),
    "a subclass of a layer": lambda: nn.Sequential(network(4), nn.ReLU(), Doubled(4, 2)),
    "a subclass of ReLU": lambda: nn.Sequential(nn.Linear(WIDTH, 4), Loud(), nn.Linear(4, 2)),
    "a hook on the first layer": lambda: hooked("first"),
    "a hook on the last layer": lambda: hooked("last"),
    "a hook on the whole": lambda: hooked("whole"),
    "a hook before": looked_at_before,
    "a forward of its own": with_own_forward,
    "pruned": pruned,
    "weight norm, used": weight_norm,
    "parametrised": parametrized,
    "scripted": quiet(lambda: torch.jit.script(network())),
    "traced": quiet(lambda: torch.jit.trace(network(), torch.tensor(ROWS[:2]))),
    "stored": quiet(stored),
    "lazy, used": lazy,
    "holding a lock": Locked,
    "double precision": lambda: network().double(),
    "half precision": lambda: network().bfloat16(),
    "in training mode, with dropout": lambda: nn.Sequential(
        network(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)
    ).train(),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_module_is_judged_by_its_own_forward_pass(make):
    module = make()
    training = module.training
    classifier = faithful(open_live(module, TABLE.schema), TABLE.rows, TABLE.schema)
    kind = next((p.dtype for p in module.parameters()), torch.float32)
    with torch.no_grad():
        module.eval()
        own = module(torch.tensor(ROWS).to(kind)).argmax(dim=1).numpy()
        module.train(training)
    assert np.array_equal(classifier.logits(ROWS).argmax(axis=1), own)
    assert module.training is training
    logits, gradients = classifier.logits_and_gradients(ROWS, lambda z, _: np.ones_like(z))
    assert np.array_equal(logits.argmax(axis=1), own)
    assert gradients.shape == ROWS.shape


def test_what_is_called_for_every_module_is_called():
    module = network()
    seen = torch.nn.modules.module.register_module_forward_hook(
        lambda part, _, answer: answer.flip(-1) if part.__class__ is nn.Linear else None
    )
    try:
        own = module(torch.tensor(ROWS)).argmax(dim=1).numpy()
        found = open_live(module, TABLE.schema).logits(ROWS).argmax(axis=1)
    finally:
        seen.remove()
    assert np.array_equal(found, own)


NOT_TAKEN = {
    "never ran": (lambda: nn.Sequential(nn.LazyLinear(2)), "has no numbers yet"),
    "meta": (lambda: network().to("meta"), "on the meta device"),
    "another width": (lambda: nn.Linear(WIDTH + 1, 2), f"rows of {WIDTH} features"),
    "no tensor": (lambda: nn.LSTM(WIDTH, 2), "expected a tensor"),
}


@pytest.mark.parametrize("case", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_cannot_be_asked_is_refused_in_a_line(case):
    make, words = case
    with pytest.raises(rafair.ModelError, match=words):
        rafair.audit(make(), TABLE, attacks=())


def test_a_short_cut_that_decides_otherwise_is_not_used():
    classifier = open_live(network(), TABLE.schema)
    assert classifier.dense is not None
    classifier.dense._biases[-1][0] += 3
    with pytest.warns(rafair.RafairWarning, match="decides otherwise than the model itself"):
        other = faithful(classifier, TABLE.rows, TABLE.schema)
    own = network()(torch.tensor(ROWS)).argmax(dim=1).numpy()
    assert np.array_equal(other.logits(ROWS).argmax(axis=1), own)


LINKS = {
    "softmax": (lambda: nn.Sequential(network(), nn.Softmax(dim=1)), lambda p: p[:, 1]),
    "sigmoid": (lambda: nn.Sequential(network(1), nn.Sigmoid()), lambda p: p[:, 0]),
    "hidden softmax": (lambda: nn.Sequential(Locked(), nn.Softmax(dim=1)), lambda p: p[:, 1]),
    "softmax in double": (
        lambda: nn.Sequential(network(), nn.Softmax(dim=1)).double(),
        lambda p: p[:, 1],
    ),
}


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_threshold_is_compared_with_the_module_s_own_probability(link, at):
    make, second = link
    module = make()
    # so that some rows lie on it to the last bit
    kind = next(module.parameters()).dtype
    chances = second(module(torch.tensor(ROWS).to(kind)).detach())
    at = float(chances[(chances - at).abs().argmin()])
    name = TABLE.schema.classes[1]
    options = ModelOptions(outputs="probabilities", threshold={name: at})
    classifier = open_live(module, TABLE.schema, options)
    own = (chances >= at).long().numpy()
    assert np.array_equal(classifier.logits(ROWS).argmax(axis=1), own)
    found, gradients = classifier.logits_and_gradients(
        ROWS, lambda z, _: np.float32([[-1, 1]]) * np.ones_like(z)
    )
    assert np.array_equal(found.argmax(axis=1), own)
    assert (gradients != 0).any(axis=1).mean() > 0.9
    assert classifier.terms.decision.rule == THRESHOLD
    again = pickle.loads(pickle.dumps(open_live(network(), TABLE.schema)))
    assert np.array_equal(again.logits(ROWS), open_live(network(), TABLE.schema).logits(ROWS))


def test_a_threshold_of_three_classes_is_the_model_s_own():
    table = planted.random_table(n=60, n_classes=3)
    module, name = network(3), table.schema.classes[1]
    chances = torch.softmax(module(torch.tensor(ROWS)).detach(), dim=1)
    at = float(chances[:, 1].median())
    others = chances.clone()
    others[:, 1] = -1
    own = torch.where(chances[:, 1] >= at, 1, others.argmax(dim=1)).numpy()
    assert len(np.unique(own)) > 1
    classifier = open_live(module, table.schema, ModelOptions(threshold={name: at}))
    assert np.array_equal(classifier.logits(ROWS).argmax(axis=1), own)


@pytest.fixture(scope="module")
def trained():
    """The affairs data, and a network of its own probabilities."""
    data = rafair.load_dataset("affairs")
    layers = rafair.train(data.train, rafair.TrainConfig(epochs=6))
    return data, nn.Sequential(layers, nn.Softmax(dim=1))


def behind(trained, at, **options):
    data, module = trained
    options = {"instances": 60, "steps": 8, "step_size": 0.02, "labels": None} | options
    threshold = {"affair": at}
    return rafair.audit(
        module, data.test, threshold=threshold, model_output="probabilities", **options
    )


@pytest.mark.parametrize("at", [0.2, 0.8])
def test_gradients_and_probes_find_about_the_same_behind_a_threshold(trained, at):
    audits = [behind(trained, at, black_box=black_box).document for black_box in (False, True)]
    found = [a["attacks"]["rafair"]["robust"]["accurate_fairness"]["value"] for a in audits]
    assert abs(found[0] - found[1]) <= 0.05
    assert [a["model"]["decision"]["threshold"] for a in audits] == [{"affair": at}] * 2


def test_the_repair_moves_rows_across_the_real_boundary(trained):
    audit = behind(trained, 0.2, labels="true")
    rows = audit.repaired
    encoded = rows[[name for name in rows.columns if name.startswith("encoded.")]]
    _, module = trained
    own = (module(torch.tensor(encoded.to_numpy(np.float32)))[:, 1] >= 0.2).long().numpy()
    assert np.array_equal(rows["prediction"].to_numpy(), own)
    assert audit.document["repairs"]["rafair"]["corrected"]["count"] > 0
