import pandas as pd
import pytest

import rafair
from feasible_rows import infeasible_rows
from planted_loans import loans
from rafair.attacks.registry import ATTACKS
from rafair.models.training import TrainConfig


def violations(audit: rafair.Audit, table: rafair.Table) -> list[str]:
    config, schema = audit.document["config"], audit.document["dataset"]["schema"]
    rows = audit.adversarial
    names = rows["attack"].astype(str)
    stored = rows[names.str.startswith("feasible/") | (config["perturbation"] == "feasible")]
    assert len(stored)
    clean = table.frame.set_axis(table.row_numbers)
    return infeasible_rows(
        stored,
        clean,
        schema,
        epsilon=config["epsilon"],
        max_category_changes=config["max_category_changes"],
    )


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_every_stored_row_of_every_attack_is_feasible(changes):
    table = loans()
    network = rafair.train(table, TrainConfig(epochs=15))
    audit = rafair.audit(
        network,
        table,
        attacks=tuple(ATTACKS),
        instances=20,
        steps=5,
        step_size=0.05,
        perturbation="feasible",
        max_category_changes=changes,
    )
    assert violations(audit, table) == []
    moved = audit.adversarial
    jobs = moved.groupby("instance")["raw.job"].nunique()
    assert (jobs.max() > 1) == (changes > 0)
    regions = moved.groupby("instance")["raw.south"].nunique()
    assert (regions.max() > 1) == (changes > 0)
    for name in ("income", "housing_debt", "end_year", "rate", "balance", "grade", "score"):
        assert moved.groupby("instance")[f"raw.{name}"].nunique().max() > 1, name
    assert any("housing_debt <= 0.4 * income" in warning for warning in audit.warnings)


def test_the_check_itself_finds_what_the_paper_s_perturbations_break():
    table = loans()
    network = rafair.train(table, TrainConfig(epochs=5))
    audit = rafair.audit(network, table, instances=20, steps=8, step_size=0.03, labels=None)
    schema = audit.document["dataset"]["schema"]
    found = infeasible_rows(
        audit.adversarial, table.frame, schema, epsilon=0.24, max_category_changes=0
    )
    for what in ("off its grid", "decreased", "beyond its largest change", "categories changed"):
        assert any(what in line for line in found), what
    assert any("no longer holds" in line for line in found)


PAPERS = ("adult", "credit", "bank", "compas")


@pytest.mark.parametrize(
    "name", ["affairs", *(pytest.param(name, marks=pytest.mark.data) for name in PAPERS)]
)
def test_feasible_rows_of_the_five_data_sets(name):
    data = rafair.load_dataset(name)
    network = rafair.train(data.train.take(range(800)), TrainConfig(epochs=10))
    audit = rafair.audit(
        network,
        data.test,
        attacks=("rafair", "pgd", "apgd", "adf", "noise"),
        instances=20,
        steps=20,
        perturbation="both",
    )
    assert violations(audit, data.test) == []
    attacks = audit.document["attacks"]
    assert list(attacks)[:5] == ["rafair-tb", "rafair-ff", "rafair-fb", "pgd", "apgd"]
    assert {"feasible/rafair", "feasible/pgd"} <= set(attacks)


def test_the_paper_s_half_of_both_is_what_paper_alone_gives():
    table = loans(60)
    network = rafair.train(table, TrainConfig(epochs=5))
    alone = rafair.audit(network, table, steps=3).adversarial
    both = rafair.audit(network, table, steps=3, perturbation="both").adversarial
    both = both.astype({"attack": str})
    paper = both[~both["attack"].str.startswith("feasible/")].reset_index(drop=True)
    pd.testing.assert_frame_equal(paper, alone.astype({"attack": str}))
