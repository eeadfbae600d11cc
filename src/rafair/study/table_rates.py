"""Tables 3 and 4: rates of clean, perturbed and repaired rows, beside the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from rafair.results.audit_record import Rates
from rafair.results.run_files import CLEAN
from rafair.study.config import Part
from rafair.study.network_averages import averaged
from rafair.study.planned_runs import Done
from rafair.study.published import METRICS, TABLE3, TABLE4, Published, published
from rafair.study.table_order import MEAN, in_paper_order

PUBLISHED: dict[Part, Published] = {Part.TABLE3: TABLE3, Part.TABLE4: TABLE4}
COLUMNS = ["dataset", "attack", "metric", "value", "sd", "paper", "difference", "n"]


def rates_table(part: Part, done: Sequence[Done], *, comparable: bool) -> pd.DataFrame:
    """A table in long form: one row per data set (or mean), attack and metric.

    Args:
        part: Table 3 or Table 4.
        done: The audits behind the tables.
        comparable: Whether the means are over the paper's data sets, so that a difference from
            its figures has a meaning.

    Returns:
        Columns `dataset`, `attack`, `metric`, `value`, `sd`, `paper` (means only), `difference`
        and `n`.
    """
    records = [record for one in done for record in _records(part, one)]
    table = averaged(pd.DataFrame.from_records(records), ["attack", "metric"])
    of_paper = [
        published(PUBLISHED[part], attack, metric) if dataset == MEAN else None
        for dataset, attack, metric in zip(
            table["dataset"], table["attack"], table["metric"], strict=True
        )
    ]
    table["paper"] = pd.Series(of_paper, dtype="float64")
    table["difference"] = table["value"] - table["paper"] if comparable else float("nan")
    return table[COLUMNS]


def _records(part: Part, one: Done) -> Iterable[dict[str, object]]:
    record = one.audit.record
    sections: dict[str, Rates] = {}
    if part == Part.TABLE3:
        sections = {CLEAN: record.clean.rates}
        # where witnesses alone are kept, what held throughout is all that is known
        sections |= {
            name: attack.outcome or attack.robust for name, attack in record.attacks.items()
        }
    else:
        sections = {name: repair.final for name, repair in record.repairs.items()}
    for attack in in_paper_order(sections):
        for metric, key in METRICS.items():
            rate = sections[attack].get(key)
            yield {
                "dataset": one.trial.dataset,
                "model": one.trial.seed,
                "attack": attack,
                "metric": metric,
                "value": rate.value if rate else float("nan"),
                "n": rate.n if rate else record.clean.n,
            }
