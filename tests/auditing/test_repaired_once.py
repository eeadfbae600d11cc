"""A row is repaired once, whichever attacks it is the outcome of."""

from __future__ import annotations

import pandas as pd

import planted
import rafair


def test_the_same_outcome_is_not_repaired_again():
    table = planted.random_table(60)
    twice = rafair.audit(planted.network(5), table, attacks=("pgd", "pgd:restarts=1"), steps=4)
    first, second = (twice.document["repairs"][name] for name in ("pgd", "pgd:restarts=1"))
    assert first["gradient_rows"] > 0
    assert second["gradient_rows"] == second["prediction_rows"] == 0
    for key in ("final", "corrected"):
        assert first[key] == second[key]


def test_what_is_taken_over_is_what_a_repair_alone_gives():
    """Some outcomes of the second attack are those of the first, others are not."""
    network = planted.network(5)
    table = planted.mostly_right(planted.random_table(80, seed=2), network)
    options = {"steps": 4, "step_size": 0.05}
    both = rafair.audit(network, table, attacks=("fgsm", "noise", "rafair-ff"), **options)
    saved = 0
    for name in ("fgsm", "noise", "rafair-ff"):
        alone = rafair.audit(network, table, attacks=(name,), **options)
        ours, theirs = (
            frame[frame["attack"].astype(str) == name]
            .drop(columns="attack")
            .sort_values("instance", ignore_index=True)
            for frame in (both.repaired, alone.repaired)
        )
        pd.testing.assert_frame_equal(ours, theirs)
        rows = [found.document["repairs"][name]["gradient_rows"] for found in (both, alone)]
        saved += rows[1] - rows[0]
    assert saved > 0
