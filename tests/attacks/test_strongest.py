"""What `strongest` finds, beside all other attacks, closed forms and the model's own answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import planted
import rafair
from rafair.attacks.registry import ATTACKS
from rafair.errors import InputError
from rafair.results.rate_names import rate_named
from rafair.results.verdict_text import summary
from rafair.tabular.counterparts import Counterparts

PROPERTIES = ("accuracy", "individual_fairness", "accurate_fairness")
OTHERS = ("rafair", "worst-counterpart", "apgd", "pgd:restarts=3", "acg", "noise")
OPTIONS = {"epsilon": 0.15, "step_size": 0.01, "labels": None}


def robust(result, attack: str) -> dict[str, int]:
    rates = result.document["attacks"][attack]["robust"]
    return {name: rates[name]["count"] for name in PROPERTIES}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"perturbation": "feasible"}, {"k": 2.0}], ids=["paper", "feasible", "k"]
)
def test_no_other_attack_leaves_less(seed, options):
    """But for one instance: they may find by chance what it does not look at."""
    table = planted.random_table(100, n_free=4, domains=(3, 2), seed=seed)
    result = rafair.audit(
        planted.network(6, seed=seed), table, attacks=("strongest", *OTHERS), **OPTIONS, **options
    )
    ours = robust(result, "strongest")
    assert ours["accurate_fairness"] < result.document["clean"]["accurate_fairness"]["count"]
    for attack in OTHERS:
        for name, count in robust(result, attack).items():
            assert ours[name] <= count + 1, (attack, name)


def test_what_is_kept_are_the_clean_row_and_a_witness_of_each_property():
    """Judged once more by the plain network, each row and all of its counterparts."""
    table = planted.random_table(60, n_free=4, domains=(3, 2), seed=4)
    network = planted.network(6, seed=4)
    result = rafair.audit(network, table, attacks=("strongest",), **OPTIONS)
    frame = result.adversarial.sort_values(["instance", "step"])
    names = [column for column in frame.columns if column.startswith("encoded.")]
    counterparts, moved = Counterparts.of(table.schema), 0
    for _, rows in frame.groupby("instance"):
        kept, label = rows[names].to_numpy(np.float32), int(rows["label"].iloc[0])
        own = network(torch.tensor(kept)).argmax(dim=1).numpy()
        others = np.repeat(kept, counterparts.size, axis=0)
        counterparts.substitute(others, np.tile(np.arange(counterparts.size), len(kept)))
        theirs = network(torch.tensor(others)).argmax(dim=1).numpy().reshape(len(kept), -1)
        accurate, fair = own == label, (theirs == own[:, None]).all(axis=1)
        assert (rows["accurate"].to_numpy() == accurate).all()
        assert (rows["fair"].to_numpy() == fair).all()
        assert np.abs(kept - kept[0]).max() <= OPTIONS["epsilon"] + 1e-6
        for step, held in ((1, accurate), (2, fair)):
            moved += (kept[step] != kept[0]).any()
            assert (kept[step] == kept[0]).all() or not held[step]
        assert (kept[3:] == kept[2]).all()
    assert moved > 10


def test_only_what_holds_throughout_is_told():
    table = planted.random_table(30, n_free=4, domains=(3, 2), seed=6)
    result = rafair.audit(planted.network(6), table, attacks=("strongest",))
    section = result.document["attacks"]["strongest"]
    assert all(section[name] is None for name in ("final", "iterates", "outcome", "exposed"))
    assert any("The search found" in said for said in summary(result.record))
    for short in ("outcome.accuracy", "exposed.true_biased"):
        with pytest.raises(InputError, match=r"expected an attack that has it|unknown rate"):
            rate_named(result.record, short, "strongest")
    assert rate_named(result.record, "robust.accuracy", "strongest").attack == "strongest"
    assert set(result.to_frame().query("attack == 'strongest'")["kind"]) <= {"robust", "", "final"}


def test_a_model_without_gradients_is_asked_by_those_that_need_none():
    table = planted.random_table(40, n_free=3, domains=(2,), seed=7)
    result = rafair.audit(
        planted.network(4), table, attacks=("strongest", "rafair"), black_box=True, **OPTIONS
    )
    ours, papers = robust(result, "strongest"), robust(result, "rafair")
    assert all(ours[name] <= papers[name] for name in PROPERTIES)


def test_both_witnesses_need_a_step():
    table = planted.random_table(5, n_free=4, domains=(3, 2), seed=8)
    with pytest.raises(InputError, match=r"steps: expected 2 or more for strongest, .* got 1"):
        rafair.audit(planted.network(6), table, attacks=("strongest",), steps=1)


def test_it_is_the_one_that_keeps_witnesses():
    assert [name for name, entry in ATTACKS.items() if entry.witnesses] == ["strongest"]


@pytest.mark.parametrize("options", [{}, {"perturbation": "both"}, {"black_box": True}])
def test_what_others_have_found_is_taken_over(options):
    """So it never tells of less than they do, and asks for less than alone."""
    table = planted.random_table(60, n_free=4, domains=(3, 2), seed=9)
    network = planted.network(6, seed=9)
    alone, together = (
        rafair.audit(network, table, attacks=attacks, **OPTIONS, **options)
        for attacks in (("strongest",), ("rafair", "noise", "strongest"))
    )
    told = together.document["attacks"]
    for name in (name for name in told if "strongest" in name):
        prefix = name.removesuffix("strongest")
        ours = robust(together, name)
        for other in ("rafair", "noise"):
            theirs = robust(together, prefix + other)
            assert all(ours[held] <= theirs[held] for held in PROPERTIES)
        asked, once = (
            one["gradient_rows"] + one["prediction_rows"]
            for one in (told[name], alone.document["attacks"][name])
        )
        assert asked < once
