"""A folder is only called done, or carried on, where the model is known to be the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import planted
import rafair
from rafair.errors import RunFolderError


@pytest.fixture(scope="module")
def table():
    return planted.random_table(30, seed=1)


def constant(label):
    def model(rows):
        logits = np.zeros((len(rows), 2), np.float32)
        logits[:, label] = 1
        return logits

    return model


def test_another_function_does_not_get_the_first_ones_result(table, tmp_path):
    out = tmp_path / "run"
    first = rafair.audit(constant(0), table, attacks=(), out=out)
    with pytest.raises(RunFolderError, match="expected a new or empty folder"):
        rafair.audit(constant(1), table, attacks=(), out=out)
    second = rafair.audit(constant(1), table, attacks=(), out=out, force=True)
    counts = [a.document["clean"]["accuracy"]["count"] for a in (first, second)]
    assert counts == [(table.labels == 0).sum(), (table.labels == 1).sum()]


class Turned(nn.Module):
    """The same parameters as a linear layer, used the other way round."""

    def __init__(self, layer, sign):
        super().__init__()
        self.layer, self.sign = layer, sign

    def forward(self, rows):
        return self.sign * self.layer(rows)


def test_equal_parameters_are_not_taken_for_equal_models(table, tmp_path):
    layer = nn.Linear(5, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(2, 5, generator=torch.Generator().manual_seed(0)))
    rafair.audit(Turned(layer, 1), table, steps=1, out=tmp_path / "run")
    with pytest.raises(RunFolderError):
        rafair.audit(Turned(layer, -1), table, steps=1, out=tmp_path / "run")


def test_interrupted_work_on_a_given_model_starts_anew(table, tmp_path, monkeypatch):
    from rafair.auditing import audit_run

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(audit_run, "merge_shards", stopped)
        with pytest.raises(KeyboardInterrupt):
            rafair.audit(constant(0), table, attacks=(), out=tmp_path / "run")
    assert (tmp_path / "run.partial" / "shards" / "00000").exists()
    again = rafair.audit(constant(1), table, attacks=(), out=tmp_path / "run")
    assert again.document["clean"]["accuracy"]["count"] == (table.labels == 1).sum()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_explicit_epsilon_outlives_new_steps():
    from rafair.auditing.audit_setup import AuditConfig
    from rafair.auditing.entry import overridden

    own = AuditConfig(epsilon=0.05, step_size=0.01)
    assert overridden(own, {"steps": 40}).epsilon == 0.05
    default = AuditConfig(epsilon=0.2, step_size=0.01)
    assert overridden(default, {"steps": 40}).reach == 0.4
    assert overridden(default, {"loss": "mse"}).epsilon == 0.2


def test_steps_that_followed_from_epsilon_follow_from_a_new_one():
    from rafair.auditing.audit_setup import AuditConfig
    from rafair.auditing.entry import overridden

    several = AuditConfig(epsilons=(0.02, 0.01, 0.05))
    assert (several.epsilon, several.smaller, several.step_size) == (0.05, (0.01, 0.02), 0.00625)
    assert several.at(0.02).step_size == 0.0025
    assert overridden(several, {"epsilon": 0.1}).step_size == 0.0125
    assert overridden(several, {"epsilon": 0.1}).epsilons is None
    assert overridden(several, {"epsilons": (0.1, 0.2)}).smaller == (0.1,)
    assert overridden(several, {"steps": 50}).step_size == 0.0025
    assert overridden(several, {"step_size": 0.01}).epsilons == (0.01, 0.02, 0.05)
    fixed = AuditConfig(epsilons=(0.01, 0.05), step_size=0.01)
    assert fixed.at(0.01).step_size == 0.01
