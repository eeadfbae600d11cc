"""Accurate fairness under smaller and larger perturbations, and which attack leaves the least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.analysis.paired import paired_difference
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.results.stored_verdicts import read_verdicts
from rafair.study.network_averages import averaged
from rafair.study.planned_runs import Done
from rafair.study.table_order import MEAN, UNION, in_paper_order
from rafair.verdicts import Verdict, outcome_step

Held = dict[str, NDArray[np.bool_]]


def budgets_table(done: Sequence[Done]) -> pd.DataFrame:
    """Accurate fairness of each attack at each epsilon, in long form.

    Returns:
        Columns `dataset`, `epsilon`, `attack`, `kind` ("outcome": of the row an attack counts by;
        "robust": of the clean row and all iterates), `value`, `sd` and `n`.
    """
    ordered = sorted(done, key=lambda one: one.trial.epsilon)
    records = [record for one in ordered for record in _records(one)]
    return averaged(pd.DataFrame.from_records(records), ["epsilon", "attack", "kind"])


def _records(one: Done) -> Iterable[dict[str, object]]:
    attacks = one.audit.record.attacks
    for attack in in_paper_order(attacks):
        found = attacks[attack]
        for kind, rates in (("outcome", found.outcome), ("robust", found.robust)):
            rate = rates["accurate_fairness"] if rates else None
            yield {
                "dataset": one.trial.dataset,
                "model": one.trial.seed,
                "epsilon": one.trial.epsilon,
                "attack": attack,
                "kind": kind,
                "value": rate.value if rate else float("nan"),
                "n": rate.n if rate else one.audit.record.clean.n,
            }


def comparison_table(done: Sequence[Done]) -> pd.DataFrame:
    """How far each other attack's R-AF lies from that of RAFair's union.

    Both attacks see the same instances of the same networks, so the difference is taken instance
    by instance; its 95 % interval is a normal one.

    Returns:
        Columns `dataset`, `epsilon`, `attack`, `difference` (attack minus union; negative where
        the attack leaves fewer instances true fair), `low`, `high`, `n` and `lower` (whether it is
        lower by more than its interval).
    """
    held = [(one, outcomes_held(one)) for one in done]
    records = []
    for epsilon in sorted({one.trial.epsilon for one in done}):
        here = [(one, own) for one, own in held if one.trial.epsilon == epsilon]
        datasets = list(dict.fromkeys(one.trial.dataset for one, _ in here))
        for dataset in (MEAN, *datasets):
            chosen = [own for one, own in here if dataset in (MEAN, one.trial.dataset)]
            for attack in in_paper_order(set(chosen[0]) - {UNION, *UNIONS[UNION]}):
                gap = paired_difference([(own[attack], own[UNION]) for own in chosen])
                found = {"dataset": dataset, "epsilon": epsilon, "attack": attack}
                records.append(found | gap.to_dict() | {"lower": gap.is_lower})
    return pd.DataFrame.from_records(records)


def outcomes_held(one: Done) -> Held:
    """For each attack whether each instance's outcome is true fair; for a union, all of them."""
    attacked = read_verdicts(one.audit.folder).attacked
    held = {name: _true_fair(codes, name) for name, codes in attacked.items()}
    for union, members in UNIONS.items():
        if all(member in held for member in members):
            held[union] = np.all([held[member] for member in members], axis=0)
    return held


def _true_fair(codes: NDArray[np.int8], attack: str) -> NDArray[np.bool_]:
    step = outcome_step(codes, ATTACKS[attack].sought)
    held: NDArray[np.bool_] = codes[np.arange(len(codes)), step] == Verdict.TRUE_FAIR
    return held
