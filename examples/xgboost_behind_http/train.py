"""Trains XGBoost on a survey, and saves it beside the answers of people it has not seen.

    python examples/xgboost_behind_http/train.py FOLDER

writes FOLDER/people.csv, every fifth person of Fair's survey on extramarital affairs (which
statsmodels ships), FOLDER/model.ubj, and FOLDER/words.json, the order of each column's words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import xgboost

import rafair


def main(folder: Path) -> None:
    """Writes the people, the model and the words into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    table = rafair.load_dataset("affairs").table
    words = {f.name: list(f.levels) for f in table.schema.features if f.levels}
    numbers = table.frame.assign(
        **{name: table.frame[name].map(order.index) for name, order in words.items()}
    ).astype("float32")
    unseen = np.arange(len(table)) % 5 == 0
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=4, learning_rate=0.1, n_jobs=1)
    model.fit(numbers[~unseen], table.labels[~unseen])

    people = table.frame.assign(affair=np.where(table.labels == 1, "yes", "no"))
    people[unseen].to_csv(folder / "people.csv", index=False)
    model.save_model(folder / "model.ubj")
    (folder / "words.json").write_text(json.dumps(words))
    right = (model.predict(numbers[unseen]) == table.labels[unseen]).mean()
    print(f"{(~unseen).sum():,} people seen; right for {right:.1%} of {unseen.sum():,} others")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
