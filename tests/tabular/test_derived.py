"""Derived columns follow what moves, in every row that is stored, shown or asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rafair as package
from commands import call, document, rafair
from rafair.models.adapters.score_model import probe_rows
from rafair.results.verdict_text import summary
from rafair.tabular import nearest_related
from rafair.tabular.encoding import MISSING, decode, encode
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import read_schema
from rafair.tabular.table_from_file import read_table

N = 200

MODEL = """
asked = []

def answer(rows):
    asked.append(rows[["loan", "price", "ltv"]])
    bonus = 20_000 * (rows["sex"] == "m")
    return (rows["income"] * 8 - rows["loan"] - rows["ltv"] * 60_000 + bonus).to_numpy()
"""


def loans(n: int = N) -> pd.DataFrame:
    draws = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "income": draws.integers(100, 2_000, n) * 10,
            "loan": draws.integers(50, 3000, n) * 100,
            "price": draws.integers(500, 4000, n) * 100,
            "sex": draws.choice(["f", "m"], n),
        }
    )
    frame["ltv"] = (frame["loan"] / frame["price"]).round(2)
    good = frame["income"] * 8 - frame["loan"] - frame["ltv"] * 60_000 + 10_000 > 0
    return frame.assign(paid=np.where(good, "yes", "no"))


def described(frame: pd.DataFrame, **ratio) -> Schema:
    ends = {name: (frame[name].min(), frame[name].max()) for name in ("loan", "price", "ltv")}
    made = {name: {"minimum": low, "maximum": high} for name, (low, high) in ends.items()}
    return Schema(
        features=(
            Feature(name="loan", kind="integer", **made["loan"]),
            Feature(name="price", kind="integer", **made["price"]),
            Feature(name="ltv", kind="numeric", derive="loan / price", **made["ltv"] | ratio),
        ),
        label="paid",
        classes=("no", "yes"),
    )


def disagreeing(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose ratio, in hundredths, is not that of its columns, by whole numbers alone."""
    told = (map(round, (row.loan, row.price, 100 * row.ltv)) for row in rows.itertuples())
    right = [abs(2 * (100 * loan - ltv * price)) <= price for loan, price, ltv in told]
    return rows[(~np.array(right)) | (rows["ltv"] != rows["ltv"].round(2))]


@pytest.mark.parametrize("step", [0.01, 0.1, None])
@pytest.mark.parametrize("epsilon", [0.02, 0.3, 1.0])
def test_the_nearest_rows_agree_and_keep_to_ranges(step, epsilon):
    frame = loans().drop(columns="ltv")
    ratio = frame["loan"] / frame["price"]
    frame["ltv"] = ratio if step is None else ratio.round(2 if step == 0.01 else 1)
    schema = described(frame, step=step)
    box, rows = FeasibleSet.of(schema, epsilon), encode(frame, schema)
    shadow = box.project(np.random.default_rng(0).random(rows.shape).astype(np.float32), rows)
    for moved in (box.nearest(shadow, rows), box.nearest(shadow, rows, instead=rows)):
        found = decode(moved, schema)
        if step is not None:
            assert (encode(found, schema) == moved).all()
        far = np.abs(found["ltv"] - found["loan"] / found["price"])
        assert (far <= (step or 1.2e-5) / 2 + 1e-9).all()
        assert found["ltv"].between(frame["ltv"].min(), frame["ltv"].max()).all()
        assert (np.abs(moved - rows)[:, :2] <= epsilon + 1e-6).all()
        assert (moved != rows).any(axis=0).all()


def test_a_move_that_would_leave_the_range_is_made_in_part_or_not_at_all():
    frame = pd.DataFrame({"loan": [1, 100, 50], "price": [100, 100, 100], "ltv": [0.01, 1, 0.5]})
    schema = described(pd.concat([frame, frame.assign(price=1, loan=1, ltv=1)]), step=0.01)
    box, rows = FeasibleSet.of(schema, 1.0), encode(frame, schema)
    shadow = rows.copy()
    shadow[:, 1] = encode(frame.assign(price=60), schema)[:, 1]
    found = decode(box.nearest(shadow, rows), schema)
    # of a loan of 100, any lower price is too low; of others the ratio follows
    assert found["price"].tolist() == [60, 100, 60]
    assert found["ltv"].tolist() == [0.02, 1, 0.83]
    shadow[:, 1] = encode(frame.assign(price=30), schema)[:, 1]
    assert decode(box.nearest(shadow, rows), schema)["price"].tolist() == [30, 100, 65]


def test_what_is_missing_stays_missing_and_what_is_wrong_stays_at_rest():
    frame = loans(4)[["loan", "price", "ltv"]]
    plain = described(frame, step=0.01)
    schema = plain.model_copy(
        update={"features": tuple(f.model_copy(update={"missing": True}) for f in plain.features)}
    )
    rows = encode(frame, schema)
    rows[0, [0, 2]] = MISSING
    rows[1, 2] = 1 - rows[1, 2]  # this ratio was never right
    box = FeasibleSet.of(schema, 0.2)
    moved = box.nearest(box.project(rows + np.float32(0.1), rows), rows)
    assert moved[0].tolist() == [MISSING, moved[0, 1], MISSING]
    assert moved[0, 1] != rows[0, 1]
    assert (moved[1] == rows[1]).all()
    assert (moved[2:, :2] != rows[2:, :2]).any()


def test_relations_and_formulas_hold_together():
    frame = loans()
    frame = frame[frame["loan"] <= frame["price"]].reset_index(drop=True)
    schema = described(frame, step=0.01).model_copy(update={"relations": ("loan <= price",)})
    box, rows = FeasibleSet.of(schema, 0.5), encode(frame, schema)
    shadow = box.project(np.random.default_rng(0).random(rows.shape).astype(np.float32), rows)
    found = decode(box.nearest(shadow, rows), schema)
    assert not len(disagreeing(found))
    assert (found["loan"] <= found["price"]).all()
    assert found["ltv"].between(frame["ltv"].min(), frame["ltv"].max()).all()
    assert (box.nearest(shadow, rows) != rows).any(axis=1).mean() > 0.9


def test_under_the_paper_s_perturbations_what_is_derived_rests():
    schema = described(loans(), step=0.01)
    assert PerturbationSet.of(schema, 0.1).movable.tolist() == [True, True, False]


def test_rows_to_look_at_a_model_with_agree():
    schema = described(loans(), step=0.01)
    found = decode(probe_rows(schema, 200), schema)
    ends = found["ltv"].isin([schema["ltv"].minimum, schema["ltv"].maximum])
    assert not len(disagreeing(found[~ends]))
    assert ends.sum() < 50


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """An audit of loans with the schema that is inferred, unedited, and all that was asked."""
    here = tmp_path_factory.mktemp("loans")
    loans().to_csv(here / "loans.csv", index=False)
    proposed = rafair(
        "schema", "infer", here / "loans.csv", "--label", "paid", "--sensitive", "sex"
    )
    (here / "schema.toml").write_text(proposed.out)
    table = read_table(here / "loans.csv", schema=read_schema(here / "schema.toml"))
    space: dict = {}
    exec(MODEL, space)
    package.audit(
        space["answer"],
        table,
        model_input="raw",
        perturbation="feasible",
        instances=25,
        steps=4,
        step_size=0.05,
        out=here / "run",
    )
    pd.concat(space["asked"]).to_parquet(here / "asked.parquet")
    return here


def test_no_stored_row_has_a_ratio_that_is_not_that_of_its_columns(run):
    assert read_schema(run / "schema.toml")["ltv"].derive == "loan / price"
    for name in ("adversarial", "repaired"):
        rows = pd.read_parquet(run / "run" / f"{name}.parquet")
        names = {f"raw.{column}": column for column in ("loan", "price", "ltv")}
        assert not len(disagreeing(rows[list(names)].rename(columns=names)))
    rows = pd.read_parquet(run / "run" / "adversarial.parquet")
    assert rows.groupby("instance")["raw.ltv"].nunique().max() > 2
    record = package.Audit.load(run / "run").record
    assert not any("independently" in sentence for sentence in summary(record))
    apart = replace(record.dataset, schema=described(loans()).model_copy(update={"features": ()}))
    [said] = [one for one in summary(replace(record, dataset=apart)) if "independently" in one]
    assert said.startswith("No relation between features was stated: they were moved indep")


def test_a_model_is_asked_about_rows_that_agree_or_lie_at_the_end_of_the_range(run):
    asked, ends = pd.read_parquet(run / "asked.parquet"), loans()["ltv"].agg(["min", "max"])
    wrong = disagreeing(asked)
    assert wrong["ltv"].isin(ends).all(), wrong[~wrong["ltv"].isin(ends)]
    assert len(wrong) < len(asked) / 100


def test_what_the_paper_s_perturbations_leave_behind_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    Path("model.py").write_text(MODEL)
    quick = ("--instances", "10", "--steps", "1", "--attack", "noise", "--out", tmp_path / "run")
    told = ("--data", "loans.csv", "--model", "model.py:answer", "--model-input", "raw")
    done = rafair("audit", *told, "--schema", "schema.toml", *quick, "--perturbation", "paper")
    assert "ltv: derived, at rest under the paper's perturbations" in " ".join(done.out.split())
    [said] = [w for w in document(tmp_path / "run")["warnings"] if "know no formulas" in w]
    assert said.startswith("the paper's perturbations know no formulas: ltv stayed as it was")
    frame = loans()
    frame.loc[7, "ltv"] += 0.1
    frame.to_csv("wrong.csv", index=False)
    wrong = call("audit", "--data", "wrong.csv", *told[2:], "--schema", "schema.toml", *quick)
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "column 'ltv', row 7: expected loan / price = " in wrong.err


@pytest.mark.skipif(nearest_related.LIBC is None, reason="C's own printing is known of POSIX alone")
def test_what_a_solver_prints_past_python_stays_out_of_stdout(capfd):
    with nearest_related._silent():
        nearest_related.LIBC.puts(b"chatter")
    print("result")
    assert capfd.readouterr().out == "result\n"
