"""A table, its schema, a model and a policy with names in several alphabets, and an audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from commands import rafair

AGE, SIZE, SEX, LABEL = "возраст", "größe", "性別", "résultat"
LEVELS = ("女", "男", "½ ×")
MODEL = ("--model", "modèle.py:predict", "--model-input", "raw")

SOURCE = f"""\
import numpy as np


def predict(rows):
    score = (rows["{AGE}"].astype(float) - 40) / 20 + (rows["{SEX}"] == "男") * 0.6
    return np.stack([score, np.zeros(len(rows))], axis=1)
"""
POLICY = f"""\
version = 1
[[rule]]
rate = "clean.accuracy"
group = "{SEX}"
min_n = 5
at_least = 0.01
"""


def people(n: int = 60) -> pd.DataFrame:
    """The table."""
    generator = np.random.default_rng(0)
    age = generator.integers(18, 80, n)
    return pd.DataFrame(
        {
            AGE: age,
            SIZE: generator.integers(10, 90, n),
            SEX: np.resize(LEVELS, n),
            LABEL: np.where(age + generator.normal(0, 10, n) > 45, "да", "нет"),
        }
    )


def bring(folder: Path) -> None:
    """Writes them into the folder where commands run, and audits the model into `run`."""
    people().to_csv(folder / "people.csv", index=False, encoding="utf-8")
    (folder / "modèle.py").write_text(SOURCE, encoding="utf-8")
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    proposed = rafair("schema", "infer", "people.csv", "--label", LABEL, "--sensitive", SEX)
    (folder / "schema.toml").write_text(proposed.out, encoding="utf-8")
    rafair(*AUDIT)


AUDIT = ("audit", "--data", "people.csv", "--schema", "schema.toml", *MODEL)
AUDIT += ("--instances", "20", "--steps", "2", "--out", "run")
