"""What rates are called in the headers of tables."""

from __future__ import annotations

COLUMNS = {
    "accuracy": "accuracy",
    "individual_fairness": "indiv. fairness",
    "accurate_fairness": "accurate fairness",
    "true_biased": "true biased",
    "false_fair": "false fair",
    "false_biased": "false biased",
}
