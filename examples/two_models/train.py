"""Writes a table, and fits two models on it that a person would compare.

    python examples/two_models/train.py FOLDER

writes FOLDER/voters.csv, the 30 % of the rows that neither model has seen, FOLDER/logistic.skops
and FOLDER/trees.skops.

The table is that of the American National Election Study of 1996, as statsmodels ships it: real
answers of 944 people, and whom of two candidates they voted for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import skops.io
import statsmodels.api as sm
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "trees": GradientBoostingClassifier(random_state=0),
}


def voters() -> pd.DataFrame:
    """One row per person; the last column is the vote."""
    table = sm.datasets.anes96.load_pandas().data
    return table.assign(vote=table.pop("vote").astype(int).map({0: "Clinton", 1: "Dole"}))


def main(folder: Path) -> None:
    """Writes the table and both models into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    seen, unseen = train_test_split(voters(), test_size=0.3, random_state=0)
    unseen.to_csv(folder / "voters.csv", index=False)
    for name, model in MODELS.items():
        model.fit(seen.drop(columns="vote"), seen["vote"])
        skops.io.dump(model, folder / f"{name}.skops")
        right = model.score(unseen.drop(columns="vote"), unseen["vote"])
        print(f"{name}: right for {right:.1%} of {len(unseen)} people it has not seen")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
