"""Makes a raw table with texts and gaps, trains a scikit-learn pipeline on it, and saves both.

    python examples/scikit_learn_pipeline/train.py FOLDER

writes FOLDER/people.csv, the fifth of the people that the pipeline has not seen, and
FOLDER/pipeline.skops, which holds it as scikit-learn's own types and no code.

The people are those of Fair's survey on extramarital affairs, which statsmodels ships: real
answers, as numbers and words. Every field of that file is filled in; forms are not, so two columns
are emptied in every 17th and every 23rd row, and the pipeline fills them again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import rafair

GAPS = {"children": 17, "occupation_husb": 23}


def people() -> pd.DataFrame:
    """One row per person, in words and numbers, with gaps; the last column is the answer."""
    table = rafair.load_dataset("affairs").table
    frame = table.frame.astype({"religious": object, "occupation_husb": object})
    for column, every in GAPS.items():
        frame.loc[np.arange(len(frame)) % every == 0, column] = None
    return frame.assign(affair=np.where(table.labels == 1, "yes", "no"))


def pipeline() -> object:
    """Fills gaps, scales numbers, turns words into truth values, and decides by a forest."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    forest = RandomForestClassifier(n_estimators=50, min_samples_leaf=10, random_state=0)
    return make_pipeline(columns, forest)


def main(folder: Path) -> None:
    """Writes the table and the pipeline into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    everybody = people()
    held_out = np.arange(len(everybody)) % 5 == 0
    seen, unseen = everybody[~held_out], everybody[held_out]
    fitted = pipeline().fit(seen.drop(columns="affair"), seen["affair"])
    unseen.to_csv(folder / "people.csv", index=False)
    skops.io.dump(fitted, folder / "pipeline.skops")
    right = fitted.score(unseen.drop(columns="affair"), unseen["affair"])
    print(f"{len(seen):,} people seen; right for {right:.1%} of {len(unseen):,} others")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
