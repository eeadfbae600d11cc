"""The networks that were attacked, and the cost of each attack."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rafair.study.planned_runs import Done
from rafair.study.table_order import in_paper_order


def cost_table(done: Sequence[Done]) -> pd.DataFrame:
    """Rows and seconds per instance, and the share of instances without a gradient.

    Returns:
        Columns `dataset`, `model`, `attack`, `n`, `gradient_rows` and `prediction_rows` per
        instance, `seconds` per instance, and `zero_gradient` (empty where an attack asks for no
        gradient).
    """
    records = []
    for one in done:
        attacks, n = one.audit.record.attacks, one.audit.record.clean.n
        for name in in_paper_order(attacks):
            attack = attacks[name]
            zero = attack.zero_gradient
            records.append(
                {
                    "dataset": one.trial.dataset,
                    "model": one.trial.seed,
                    "attack": name,
                    "n": n,
                    "gradient_rows": attack.gradient_rows / n,
                    "prediction_rows": attack.prediction_rows / n,
                    "seconds": attack.seconds / n,
                    "zero_gradient": zero.value if zero else None,
                }
            )
    return pd.DataFrame.from_records(records)


def networks_table(done: Sequence[Done]) -> pd.DataFrame:
    """The data and the networks.

    Returns:
        Columns `dataset`, `model`, `rows` of the whole data set, `features`, `counterparts` of
        each instance (itself included), `test_accuracy`, and `largest_class`, its share of the
        test rows.
    """
    records = []
    for one in done:
        data, model = one.audit.record.dataset, one.audit.record.model
        records.append(
            {
                "dataset": one.trial.dataset,
                "model": one.trial.seed,
                "rows": data.rows,
                "features": len(data.features),
                "counterparts": data.counterparts_per_instance,
                "test_accuracy": model.test_accuracy.value,
                "largest_class": model.majority.value,
            }
        )
    return pd.DataFrame.from_records(records)
