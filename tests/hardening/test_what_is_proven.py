"""What is proven before and after hardening: against brute force, and figures made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import planted
from made_hardenings import hardening, side
from rafair.blocks.terminal import as_text
from rafair.certify.property_status import Standing
from rafair.engine.progress import SILENT
from rafair.hardening.attack_panel import AttackPanel, Judgement
from rafair.hardening.certified_gains import Proofs, proven, with_broken
from rafair.hardening.gain_sentences import summary
from rafair.metrics.rate_difference import paired_rates
from rafair.metrics.rates import rate
from rafair.models.torch_module import TorchClassifier
from rafair.reports.hardening_blocks import blocks

OPEN, CERTIFIED, REFUTED, NEAR_TIE = Standing
EPSILONS = (0.02, 0.05)
BEFORE = np.int8([[[0, 1, 1], [0, 0, 1]], [[2, 2, 1], [2, 2, 1]], [[1, 1, 1], [3, 3, 1]]])
AFTER = np.int8([[[1, 1, 1], [1, 1, 1]], [[2, 1, 2], [2, 2, 2]], [[1, 1, 1], [1, 1, 1]]])
MAJORITY = {
    "share": 0.7,
    "robust_accurate_fairness": 0.7,
    "predicted_classes": 2,
    "explains": False,
}


def small() -> nn.Module:
    """A network of one hidden layer that hardly looks at what is sensitive."""
    made = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for layer in (made[0], made[2]):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
            layer.bias.zero_()
        made[0].weight[:, 3:] *= 0.1
    return made


@pytest.fixture(scope="module")
def judged():
    """A judge of few rows, a network, and what is proven of it."""
    table = planted.random_table(30, n_free=3, domains=(4, 3), seed=8)
    table = planted.mostly_right(table, small())
    judge = AttackPanel(table, attacks=("fgsm",), steps=2, threads=1)
    model = TorchClassifier(small())
    return judge, model, Proofs(judge, EPSILONS, 50)(model, SILENT)


def test_what_is_certified_holds_of_rows_at_random(judged):
    judge, model, found = judged
    verdicts, table = np.array(found.verdicts), judge.table
    assert verdicts.shape == (30, 2, 3)
    draws, looked = np.random.default_rng(0), 0
    for place, epsilon in enumerate(EPSILONS):
        for row in np.flatnonzero(verdicts[:, place, 0] == CERTIFIED):
            around = np.repeat(table.rows[row][None], 50, axis=0)
            around[:, :3] += draws.uniform(-epsilon, epsilon, (50, 3)).astype(np.float32)
            blocks = [planted.brute_counterparts(one, table) for one in np.clip(around, 0, 1)]
            classes = model.logits(np.concatenate(blocks).astype(np.float32)).argmax(axis=1)
            assert (classes == table.labels[row]).all()
            looked += 1
    assert looked > 10


def test_the_judges_and_the_proofs_agree(judged):
    judge, model, found = judged
    verdicts = np.int8(found.verdicts)
    merged = with_broken(verdicts, {one: judge(model, one) for one in EPSILONS})
    assert ((merged == verdicts) | (merged == REFUTED)).all()
    assert (merged[:, 1, 0] == REFUTED).any()


def test_of_other_models_nothing_is_proven_and_it_says_why(judged):
    judge, _, _ = judged
    found = Proofs(judge, EPSILONS, 50)(TorchClassifier(planted.Smooth(5)), SILENT)
    assert found.verdicts is None
    assert "cannot be certified" in found.why


def judgement(both, fair, accurate):
    found = Judgement(np.zeros(3, np.int8), np.array(accurate, bool), np.array(fair, bool), 0)
    assert found.both.tolist() == [bool(one) for one in both]
    return found


def test_what_the_judges_broke_is_refuted_at_larger_epsilons_too():
    none = judgement([1, 0, 1], [1, 0, 1], [1, 1, 1])
    some = judgement([0, 0, 1], [0, 0, 1], [1, 1, 1])
    assert np.array_equal(with_broken(BEFORE, {0.05: none, 0.02: none}), BEFORE)
    found = with_broken(BEFORE, {0.02: none, 0.05: some})
    assert found[0].tolist() == [[OPEN, CERTIFIED, CERTIFIED], [REFUTED, REFUTED, CERTIFIED]]
    with pytest.raises(AssertionError, match="the judges broke what is certified"):
        with_broken(BEFORE, {0.02: some, 0.05: some})


def section(before=(BEFORE,), after=(AFTER,), said=()):
    seeds = list(range(len(after)))
    return proven({"before": list(before), "after": list(after)}, EPSILONS, 50, seeds, said)


def test_rates_count_and_changes_are_paired():
    found = section()
    counts = [
        found.before["0.05"]["accurate_fairness"][key].value * 3
        for key in ("certified", "refuted", "open", "near_tie")
    ]
    assert counts == pytest.approx([0, 1, 1, 1])
    was = found.after["0.05"]["accurate_fairness"]["certified"]
    assert (was.low, was.high) == (rate(2, 3).low, rate(2, 3).high)
    change = found.change["0.05"]["accurate_fairness"]
    expected = paired_rates([1, 0, 1], [0, 0, 0])
    assert (change["certified"].value, change["certified"].low) == (expected.value, expected.low)
    assert change["not_refuted"].value == 0
    (each,) = found.each
    assert each.before == found.before
    both = section((BEFORE, AFTER), (AFTER, AFTER))
    spread = both.before["0.05"]["accurate_fairness"]["certified"]
    assert spread.value == pytest.approx(1 / 3)
    assert spread.sd == pytest.approx(np.std([0, 2 / 3], ddof=1))


def shown(record):
    return as_text(blocks(record), 110)


def test_the_terminal_tells_both_ends_before_and_after():
    record = hardening(side(0.8, 0.7, 0.3), side(0.8, 0.7, 0.6), MAJORITY, models=1)
    assert "ertified" not in shown(record)
    text = shown(replace(record, certified=section()))
    assert "What is proven" in text
    assert "certified AF at 0.02" in text
    assert "not refuted AF at 0.05" in text
    assert "+0.667 [" in text
    assert "guaranteed" not in text
    (said,) = [
        one for one in summary(replace(record, certified=section())) if one.startswith("Certified")
    ]
    assert "from 0.000 to 0.667 (+66.7 points" in said
    assert said.endswith("not refuted: 0.667 before, 0.667 after.")


def test_a_side_of_which_nothing_is_proven_is_said_in_one_line():
    record = hardening(side(0.8, 0.7, 0.3), side(0.8, 0.7, 0.6), MAJORITY, models=1)
    found = section(after=(None,), said=("after: model 'm': nothing can be proven of it",))
    assert found.after is found.change is None
    record = replace(record, certified=found)
    assert "Not certified, after: model 'm': nothing can be proven of it." in summary(record)
    assert "certified AF at 0.02" in shown(record)


def test_a_want_of_proof_does_not_read_as_a_loss():
    """As of a consensus, of whose accuracy nothing can be proven: the same in reverse."""
    record = hardening(side(0.8, 0.7, 0.3), side(0.8, 0.7, 0.6), MAJORITY, models=1)
    found = section(before=(AFTER,), after=(BEFORE,))
    (said,) = [one for one in summary(replace(record, certified=found)) if "ertified" in one]
    assert said == (
        "Certified accurate fairness at epsilon 0.05: 0.667 before; after hardening nothing was "
        "proven, for want of a proof and not by violations; not refuted: 0.667 before, 0.667 after."
    )
