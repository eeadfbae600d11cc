"""What rates are called in the headers of tables."""

from __future__ import annotations

from rafair.blocks.kinds import Cells as Cells  # the tables of an audit are blocks

COLUMNS = {
    "accuracy": "accuracy",
    "individual_fairness": "indiv. fairness",
    "accurate_fairness": "accurate fairness",
    "true_biased": "true biased",
    "false_fair": "false fair",
    "false_biased": "false biased",
}
